"""Tests of the formats that files can have, and of every wrong file."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from coveo_tables import MS, config, write
from smallboat.errors import UserError
from smallboat.samples.shops import raw
from smallboat.warehouse import sentences

from {{ cookiecutter.project_slug }} import data

Row = tuple[Any, ...]

GAP = raw.VISIT_MS


def collected(directory: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    folder.mkdir()
    return data.collect(config(directory, **changes), folder)


def browsing(folder: Path) -> list[Row]:
    """All rows of browsing, without their kind: session, action, sku, time."""
    paths = sorted(folder.glob("browsing-*.parquet"))
    rows = [row for path in paths for row in duckdb.execute(f"FROM '{path}'").fetchall()]
    assert {row[1] for row in rows} == {"event_product"}
    return [(row[0], *row[2:]) for row in rows]


def catalog(folder: Path) -> list[Row]:
    return duckdb.execute(f"FROM '{folder / 'catalog.parquet'}'").fetchall()


def otto(*sessions: tuple[Any, list[Row]]) -> str:
    return "".join(
        json.dumps(
            {
                "session": session,
                "events": [{"aid": aid, "ts": ts, "type": kind} for aid, ts, kind in events],
            }
        )
        + "\n"
        for session, events in sessions
    )


def test_otto_is_cut_where_half_an_hour_is_empty(tmp_path: Path) -> None:
    events = [(7, MS, "clicks"), (7, MS + GAP, "carts"), (8, MS + GAP, "clicks")]
    later = [(9, MS + 2 * GAP + 1, "carts"), (9, MS + 2 * GAP + 2, "orders")]
    last = [(9, MS + 9 * GAP, "swipes"), (9, MS + 9 * GAP + 1, "carts")]
    (tmp_path / "train.jsonl").write_text(
        otto((1, [*last, *later, *events]), (10, [(7, MS, "carts")]))
    )
    said = collected(tmp_path, tmp_path / "out", format="otto")
    assert browsing(tmp_path / "out") == [
        ("1-0", "detail", "7", MS),
        ("1-0", "add", "7", MS + GAP),
        ("1-0", "detail", "8", MS + GAP),
        ("1-1", "add", "9", MS + 2 * GAP + 1),
        ("1-1", "purchase", "9", MS + 2 * GAP + 2),
        ("1-2", "swipes", "9", MS + 9 * GAP),
        ("1-2", "add", "9", MS + 9 * GAP + 1),
        ("10-0", "add", "7", MS),
    ]
    assert catalog(tmp_path / "out") == []
    assert said["rows"] == {"browsing": 8, "search": 0, "catalog": 0}
    assert said["licence"] == "not stated; OTTO's own data set is licensed CC BY 4.0"


def test_otto_of_another_name_is_read_unless_there_is_a_train_file(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(otto((1, [(7, MS, "carts")])))
    (tmp_path / "a.jsonl").write_text(otto((2, [(7, MS, "carts")])))
    collected(tmp_path, tmp_path / "one", format="otto")
    assert [row[0] for row in browsing(tmp_path / "one")] == ["1-0", "2-0"]
    (tmp_path / "train.jsonl").write_text(otto((3, [(7, MS, "carts")])))
    collected(tmp_path, tmp_path / "two", format="otto")
    assert [row[0] for row in browsing(tmp_path / "two")] == ["3-0"]


def test_real_sessions_of_otto(real_otto: Path, tmp_path: Path) -> None:
    said = collected(real_otto, tmp_path / "out", format="otto")
    found = browsing(tmp_path / "out")
    lines = [json.loads(line) for line in (real_otto / "train.jsonl").read_text().splitlines()]
    words = {"clicks": "detail", "carts": "add", "orders": "purchase"}
    visits: dict[str, list[Row]] = {}
    for line in lines:
        number, before = 0, None
        for event in sorted(line["events"], key=lambda each: each["ts"]):
            number += before is not None and event["ts"] - before > GAP
            before, name = event["ts"], f"{line['session']}-{number}"
            row = (name, words[event["type"]], str(event["aid"]), before)
            visits.setdefault(name, []).append(row)
    filling = [rows for rows in visits.values() if any(row[1] == "add" for row in rows)]
    assert len(visits) > len(lines) and 5 < len(filling) < len(visits)
    assert sorted(found) == sorted(row for rows in filling for row in rows)
    assert said["licence"] == "see ATTRIBUTION.txt beside the files"


HEADER = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
)
MONTH = f"""{HEADER}
2019-10-01 00:00:00 UTC,cart,1,2053,electronics.smartphone,xiaomi,489.07,5,s-a
2019-10-01 23:59:59 UTC,cart,2,2054,,,0.0,5,s-b
2019-10-02 00:00:10 UTC,remove_from_cart,2,2054,,,35.5,5,s-b
2019-10-02 00:00:20 UTC,purchase,2,2054,,,33.5,5,s-b
2019-10-02 00:00:20 UTC,view,3,2054,,,0,5,
2019-10-02 00:00:30 UTC,wish,4,2054,appliances.kitchen.oven,,1000,5,s-a
"""


def test_rees46_has_sessions_and_tells_of_a_catalogue(tmp_path: Path) -> None:
    (tmp_path / "2019-Oct.csv").write_text(MONTH)
    more = "2019-11-01 00:00:00 UTC,cart,1,2053,electronics.smartphone,xiaomi,9.5,5,s-c"
    (tmp_path / "2019-Nov.csv").write_text(f"{HEADER}\n{more}\n")
    said = collected(tmp_path, tmp_path / "out", format="rees46")
    began = 1_569_888_000_000
    day = 86_400_000
    assert browsing(tmp_path / "out") == [
        ("s-a", "add", "1", began),
        ("s-a", "wish", "4", began + day + 30_000),
        ("s-b", "add", "2", began + day - 1000),
        ("s-b", "remove", "2", began + day + 10_000),
        ("s-b", "purchase", "2", began + day + 20_000),
        ("s-c", "add", "1", began + 31 * day),
    ]
    assert catalog(tmp_path / "out") == [
        ("1", "electronics/smartphone", 6),
        ("2", "2054", 1),
        ("3", "2054", None),
        ("4", "appliances/kitchen/oven", 10),
    ]
    assert said["data_until"] == "2019-11-01"
    assert said["rows"]["search"] == 0


def test_a_price_bucket_is_a_tenth_of_the_products(tmp_path: Path) -> None:
    lines = [f"2019-10-01 00:00:00 UTC,cart,{n:02},1,,,{n}.5,5,s" for n in range(100)]
    (tmp_path / "x.csv").write_text("\n".join([HEADER, *lines, ""]))
    collected(tmp_path, tmp_path / "out", format="rees46")
    buckets = [row[2] for row in catalog(tmp_path / "out")]
    assert buckets == sorted(buckets)
    assert all(9 <= buckets.count(bucket) <= 11 for bucket in range(1, 11))


def test_retailrocket_is_cut_where_half_an_hour_is_empty(tmp_path: Path) -> None:
    rows = [
        f"{MS + GAP + 1},1,addtocart,10,",
        f"{MS},1,addtocart,10,",
        f"{MS + GAP + 2},1,transaction,10,77",
        f"{MS + 1},2,view,11,",
        f"{MS + 2},2,addtocart,11,",
    ]
    text = "\n".join(["timestamp,visitorid,event,itemid,transactionid", *rows, ""])
    (tmp_path / "events.csv").write_text(text)
    collected(tmp_path, tmp_path / "out", format="retailrocket")
    assert browsing(tmp_path / "out") == [
        ("1-0", "add", "10", MS),
        ("1-1", "add", "10", MS + GAP + 1),
        ("1-1", "purchase", "10", MS + GAP + 2),
        ("2-0", "detail", "11", MS + 1),
        ("2-0", "add", "11", MS + 2),
    ]
    assert catalog(tmp_path / "out") == []


def test_lists_of_skus_may_be_lists(tmp_path: Path) -> None:
    write(tmp_path, search=None)
    duckdb.execute(f"""
        COPY (
            SELECT 'early' AS session_id_hash, [0.5] AS query_vector,
                NULL::VARCHAR[] AS clicked_skus_hash, ['p1', 'p2'] AS product_skus_hash,
                {MS}::BIGINT AS server_timestamp_epoch_ms
        ) TO '{tmp_path}/search_train.parquet'""")
    collected(tmp_path, tmp_path / "out")
    path = tmp_path / "out" / "search-2019-01-16.parquet"
    assert duckdb.execute(f"FROM '{path}'").fetchall() == [("early", MS, 0)]


def replaced(old: bytes, new: bytes) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        assert old in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(old, new, 1))

    return replace


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def torn_in_the_last_value(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def torn_gzip(path: Path) -> None:
    content = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_suffix(".csv.gz").write_bytes(content[: len(content) // 2])


def not_gzip(path: Path) -> None:
    path.rename(path.with_suffix(".csv.gz"))


def not_parquet(path: Path) -> None:
    path.rename(path.with_suffix(".parquet"))


def torn_parquet(path: Path) -> None:
    target = path.with_suffix(".parquet")
    duckdb.execute(f"COPY (FROM '{path}') TO '{target}'")
    path.unlink()
    target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])


def parquet_without_time(path: Path) -> None:
    target = path.with_suffix(".parquet")
    duckdb.execute(
        f"COPY (SELECT * EXCLUDE (server_timestamp_epoch_ms) FROM '{path}') TO '{target}'"
    )
    path.unlink()


def parquet(path: Path, sql: str) -> None:
    target = path.with_suffix(".parquet")
    duckdb.execute(f"COPY ({sql.format(path=path)}) TO '{target}' (COMPRESSION zstd)")
    path.unlink()


def parquet_bomb(path: Path) -> None:
    parquet(path, "SELECT one.* FROM (FROM '{path}' LIMIT 1) AS one, range(2_000_000)")


def parquet_null(path: Path) -> None:
    parquet(path, "SELECT * REPLACE (session_id_hash || chr(0) AS session_id_hash) FROM '{path}'")


def linked(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("elsewhere")))


def bomb(path: Path) -> None:
    content = path.read_bytes()
    path.with_suffix(".csv.gz").write_bytes(
        gzip.compress(content + content.splitlines(keepends=True)[1] * 200_000)
    )
    path.unlink()


def twice(path: Path) -> None:
    torn_parquet(path)
    write(path.parent)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def only_a_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")


def other_part(path: Path) -> None:
    path.with_name(f"{path.stem}-2.csv").write_text(path.read_text().replace(",hashed_url", ""))


SECONDS = replaced(str(MS + 5000).encode(), str(MS // 1000 + 5).encode())
MICROSECONDS = replaced(str(MS + 5000).encode(), str(MS * 1000 + 5).encode())
TORN_TIME = replaced(str(MS + 5000).encode(), str(MS + 5000)[:7].encode())

WRONG: list[tuple[str, Callable[[Path], object], str]] = [
    (
        "browsing_train",
        Path.unlink,
        r"lacks browsing_train\.csv \(or \.csv\.gz or \.parquet\); Coveo's data set is at https://.*"
        r"research only",
    ),
    ("sku_to_content", Path.unlink, r"lacks sku_to_content\.csv .*research only"),
    (
        "browsing_train",
        replaced(b"event_type", b"kind"),
        r"browsing_train\.csv lacks the column event_type; it needs session_id_hash, .*Coveo",
    ),
    ("browsing_train", parquet_without_time, r"\.parquet lacks the column server_timestamp_epoch"),
    (
        "browsing_train",
        replaced(b"hashed_url", b"event_type"),
        r"two columns of the name event_type",
    ),
    ("browsing_train", twice, r"has browsing_train as \.csv and as \.parquet; keep one of them"),
    (
        "browsing_train",
        other_part,
        r"browsing_train-2\.csv has other columns than browsing_train\.c",
    ),
    (
        "browsing_train",
        lambda path: path.write_bytes(path.read_bytes().replace(b",", b";")),
        r"browsing_train\.csv is separated by semicolons; save it as CSV with commas",
    ),
    (
        "browsing_train",
        replaced(b"midnight,event_product,add,p1,", b"midnight;event_product;add;p1;"),
        r"browsing_train\.csv, line 2 has 2 values instead of 6: it is torn, or has another separ",
    ),
    ("browsing_train", replaced(b"late", b"l\xe4te"), r"browsing_train\.csv, line 3 is not UTF-8"),
    (
        "browsing_train",
        lambda path: path.write_bytes(path.read_bytes().decode().encode("utf-16")),
        r"browsing_train\.csv is text in UTF-16; save it in UTF-8",
    ),
    ("browsing_train", empty, r"browsing_train\.csv lacks the column session_id_hash, event_type"),
    ("browsing_train", only_a_header, r"browsing_train\.csv has no events"),
    (
        "browsing_train",
        lambda path: path.write_bytes(path.read_bytes().replace(b",add,", b",detail,")),
        r"browsing_train\.csv: of 4 sessions none adds something to the cart .*training needs",
    ),
    (
        "browsing_train",
        torn,
        r"browsing_train\.csv ends within a line, so its last row may be torn",
    ),
    ("browsing_train", torn_in_the_last_value, r"browsing_train\.csv ends within a line"),
    (
        "browsing_train",
        torn_gzip,
        r"browsing_train\.csv\.gz is not a whole gzip file \(.*\); copy or down",
    ),
    ("browsing_train", not_gzip, r"browsing_train\.csv\.gz is not a whole gzip file"),
    ("browsing_train", not_parquet, r"browsing_train\.parquet is not a whole Parquet file"),
    ("browsing_train", torn_parquet, r"browsing_train\.parquet is not a whole Parquet file"),
    (
        "browsing_train",
        SECONDS,
        r"in/browsing_train\.csv, line 2, column server_timestamp_epoch_ms: '1547596805' is not "
        r"milliseconds since 1970 \(it may be seconds\), of the years 2000 to 2099",
    ),
    ("browsing_train", MICROSECONDS, r"'1547596800000005' .* \(it may be microseconds\),"),
    (
        "browsing_train",
        TORN_TIME,
        r"'1547596' is not milliseconds since 1970, of the years 2000 to 2099",
    ),
    (
        "browsing_train",
        replaced(str(MS + 5000).encode(), b""),
        r"browsing_train\.csv, line 2, column server_timestamp_epoch_ms is empty; each row needs",
    ),
    (
        "browsing_train",
        replaced(b"late,", b","),
        r"browsing_train\.csv, line 3, column session_id_hash is empty; each row needs a session",
    ),
    (
        "browsing_train",
        replaced(str(MS + 5000).encode(), b"noon"),
        r"browsing_train\.csv, line 2, column server_timestamp_epoch_ms: 'noon' is not mi",
    ),
    ("browsing_train", replaced(b"\nlate", b'\n"late'), r"has a quotation mark that is not closed"),
    ("browsing_train", replaced(b"u4", b"u4,u5"), r"has 7 values instead of 6"),
    (
        "search_train",
        replaced(str(MS - 500).encode(), b"5"),
        r"search_train\.csv, line 4, column server_timestamp_epoch_ms: '5' is not",
    ),
    ("sku_to_content", replaced(b"7.0", b"dear"), r"column price_bucket: 'dear' is not a price b"),
    ("sku_to_content", replaced(b"7.0", b"99999"), r"column price_bucket: '99999' is not a price"),
    ("sku_to_content", replaced(b"7.0", b"-1"), r"column price_bucket: '-1' is not a price bucket"),
    ("sku_to_content", replaced(b"7.0", b"7.5"), r"column price_bucket: '7.5' is not a price buck"),
    (
        "sku_to_content",
        replaced(b"7.0", b"inf"),
        r"sku_to_content\.csv, line 3, column price_bucket: 'inf' is not",
    ),
    (
        "sku_to_content",
        replaced(b"7.0", b"nan"),
        r"sku_to_content\.csv, line 3, column price_bucket: 'nan' is not",
    ),
    ("browsing_train", linked, r"browsing_train\.csv is a symbolic link"),
    ("browsing_train", bomb, r"browsing_train\.csv\.gz unpacks to more than 100 times its size"),
    ("browsing_train", parquet_bomb, r"browsing_train\.parquet unpacks to more than 100 times its"),
    (
        "browsing_train",
        parquet_null,
        r"browsing_train\.parquet: the session '.*\\x00' has a null b",
    ),
    ("browsing_train", replaced(b"\nlate", b"\nla\0te"), r"_train\.csv, line 3 has a null byte"),
]


@pytest.mark.parametrize(("table", "harm", "message"), WRONG)
def test_a_wrong_file_is_a_sentence_and_nothing_is_written(
    table: str, harm: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    write(tmp_path / "in")
    harm(tmp_path / "in" / f"{table}.csv")
    with pytest.raises(UserError, match=message) as raised:
        collected(tmp_path / "in", tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "out").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_byte_order_mark_and_more_columns_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path / "in") / "sku_to_content.csv"
    lines = path.read_text().splitlines()
    text = "\n".join([f"more,{lines[0]}", *(f"x,{line}" for line in lines[1:]), ""])
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    collected(tmp_path / "in", tmp_path / "out")
    assert catalog(tmp_path / "out") == [("p1", "c1/c2", 7), ("p2", None, None)]


@pytest.mark.parametrize(
    ("kind", "name", "content", "message"),
    [
        ("otto", "x.csv", "", r"lacks train\.jsonl; OTTO's data set is at https://.*CC BY 4\.0"),
        (
            "rees46",
            "x.txt",
            "",
            r"has no \.csv, \.csv\.gz or \.parquet file; REES46's .*source is n",
        ),
        (
            "rees46",
            "x.csv",
            "event_time,price\n",
            r"x\.csv lacks the column event_type, product_id",
        ),
        (
            "rees46",
            "x.csv",
            MONTH.replace("2019-10-02 00:00:10 UTC", "noon"),
            r"x\.csv, line 4, column event_time: 'noon' is not a date with a time of day",
        ),
        ("retailrocket", "x.csv", "", r"lacks events\.csv .*; Retailrocket's .* CC BY-NC-SA 4\.0"),
        (
            "otto",
            "x.jsonl",
            otto((1, [(1, MS, "clicks")]), (1, [(1, MS, "clicks")]))[:-9],
            r"x\.jsonl, line 2 is torn or other JSON",
        ),
        (
            "otto",
            "x.jsonl",
            otto((1, [(1, MS, "clicks")]), (1, [(1, "noon", "clicks")])),
            r"x\.jsonl, line 2, column events\.ts: 'noon' is not milliseconds",
        ),
        ("otto", "x.jsonl", '{"session": 1}\n', r"x\.jsonl, line 1, column events\.ts is empty"),
        (
            "otto",
            "x.jsonl",
            otto((None, [(1, MS, "clicks")])),
            r"x\.jsonl, line 1, column session is empty",
        ),
        ("otto", "x.jsonl", otto((1, [(1, MS // 1000, "carts")])), r"'1547596800' is .*be seconds"),
        ("otto", "x.jsonl", "", r"x\.jsonl has no events"),
        (
            "otto",
            "x.jsonl",
            otto((1, [(1, -(2**63), "carts"), (1, MS, "carts")])),
            r"x\.jsonl, line 1, column events\.ts: '-9223372036854775808' is not milliseconds",
        ),
        (
            "otto",
            "x.jsonl",
            otto(("a\0b", [(1, MS, "carts")])),
            r"x\.jsonl: the session 'a\\x00b-0' has a null byte",
        ),
    ],
)
def test_a_wrong_file_of_another_format_is_a_sentence(
    kind: str, name: str, content: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_text(content)
    with pytest.raises(UserError, match=message):
        collected(tmp_path / "in", tmp_path / "out", format=kind)
    assert list((tmp_path / "out").iterdir()) == []


def test_rees46_of_two_kinds_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(MONTH)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(MONTH.encode()))
    with pytest.raises(UserError, match="has files of several kinds; keep one"):
        collected(tmp_path, tmp_path / "out", format="rees46")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Binder Error: no column a\nCandidate bindings: b\n\nLINE 1: x", "no column a"),
        ("INTERNAL Error: assertion failed!", "assertion failed"),
        ("Invalid Input Error: no room. Possible solution: buy some", "no room"),
        (
            "Runtime Error in model a (models/a.sql)\n  Binder Error: no column\n  LINE 8: x",
            "no column",
        ),
        (
            "Compilation Error in model a (a.sql)\n  unexpected '}'\n    line 5",
            "unexpected '}' line 5",
        ),
        ("Runtime Error\n  no profile", "no profile"),
        ("", "no reason was given"),
    ],
)
def test_an_error_that_no_rule_knows_keeps_its_reason_alone(message: str, reason: str) -> None:
    said = sentences.sentence(message)
    assert said.startswith(f"DuckDB could not finish ({reason}); try again")


INDEXED = MONTH.replace("2019-", "0,2019-").replace("event_time", ",event_time")
COMMAS = MONTH.replace("\n", ",\n")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("2019-Oct.csv", INDEXED),
        ("2019-Oct.csv", COMMAS),
        ("2019-Oct.csv", INDEXED.replace("\n", ",\n")),
        ("2019-Oct.csv", MONTH.replace(" UTC", "+00:00")),
        ("2019-Oct.csv", MONTH.replace(" UTC", "")),
        ("2019-Oct.csv", MONTH.replace("2019-10-02 00:00:10 UTC", "2019-10-02T03:00:10+03:00")),
        ("2019-Oct.csv", MONTH.replace("02 00:00:10 UTC", "01 17:00:10 America/Los_Angeles")),
        ("2019-Oct.csv", MONTH.replace("00:00:10 UTC", "00:00:10.000 GMT").replace(":00 UTC", "Z")),
        ("2019-Oct.csv", MONTH.replace("2019-10-02 00:00:10 UTC", "2019-10-02 05:30:10+0530")),
        ("2019-Oct.csv", MONTH.replace("1000", "1e3").replace(",0,", ",-7.5,")),
        ("it's [2019] *?{a,b}.csv", MONTH),
    ],
)  # fmt: skip
def test_the_same_events_written_in_another_way_give_the_same_snapshot(
    name: str, content: str, tmp_path: Path
) -> None:
    found = []
    for number, (file, text) in enumerate((("2019-Oct.csv", MONTH), (name, content))):
        folder = tmp_path / f"[{number}] it's"
        folder.mkdir()
        (folder / file).write_text(text)
        (folder / f"._{file}").write_bytes(b"\0\5\x16")  # as macOS leaves it
        collected(folder, folder / "out", format="rees46")
        found.append([path.read_bytes() for path in sorted((folder / "out").iterdir())])
    assert found[0] == found[1]


def test_a_name_with_brackets_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "2019[10].csv").write_text(MONTH)
    (tmp_path / "20191.csv").write_text(f"{HEADER}\n2019-11-01 00:00:00 UTC,cart,1,1,,,1,5,s-c\n")
    collected(tmp_path, tmp_path / "out", format="rees46")
    assert {row[0] for row in browsing(tmp_path / "out")} == {"s-a", "s-b", "s-c"}


NOON = MONTH.replace("2019-10-02 00:00:10 UTC", "noon")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (NOON, r"b\.csv, line 4, column event_time: 'noon' is not a date with a time of day"),
        (NOON.replace("noon", "2019-10-02 00:00:10 Moon/Base"), r"b\.csv, line 4, .*Moon/Base' is"),
        (NOON.replace("noon", "1969-10-02 00:00:10 UTC"), r"b\.csv, line 4, .* years 2000 to 2099"),
        *(
            (NOON.replace("noon", time), r"b\.csv, line 4, column event_time: '.*' is not a date")
            for time in (
                "2019-10-02", "2019-10-02 00:00:10 BST", "2019-10-02 00:00:10 CST",
                "2019-10-02 00:00:10+25:00", "2019-10-02 00:00:10+03:00 UTC", "1569974410",
                "10/2/2019 12:00:10 AM", "43740.5", "2019-10-02 25:00:10 UTC", "infinity", "epoch",
            )
        ),
        (MONTH.replace("brand", "Price"), r"b\.csv has two columns of the name price"),
        (NOON.replace("noon", ""), r"b\.csv, line 4, column event_time is empty; each row needs"),
        (NOON.replace("noon", '"\n\nnoon"'), r"b\.csv, line 4, column event_time: '\\n\\nnoon'"),
        (NOON.replace("\n", "\n\n"), r"b\.csv, line 7, column event_time: 'noon'"),
        (MONTH.replace("33.5", "nan"), r"b\.csv, line 5, column price: 'nan' is not a price"),
        (MONTH.replace("33.5", "inf"), r"b\.csv, line 5, column price: 'inf' is not a price"),
        (MONTH.replace("33.5", '"33,5"'), r"b\.csv, line 5, column price: '33,5' is not a price"),
        (MONTH.replace(",", ";"), r"b\.csv is separated by semicolons"),
        (MONTH.replace(",", "\t"), r"b\.csv is separated by tabs"),
        (MONTH.replace(",", ", "), r"b\.csv, line 1 has spaces around event_type"),
        (MONTH.replace("s-b", "s-b,x,y"), r"b\.csv, line 3 has 10 values instead of 9"),
        (MONTH.replace("price", "cost"), r"b\.csv lacks the column price"),
    ],
)  # fmt: skip
def test_of_two_files_the_wrong_one_is_named(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(MONTH)
    (tmp_path / "b.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        collected(tmp_path, tmp_path / "out", format="rees46")


def test_a_wrong_value_is_found_behind_bytes_that_nobody_reads(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(NOON.replace("xiaomi", "xi\xe4omi").encode("latin-1"))
    with pytest.raises(UserError, match=r"a\.csv, line 4, column event_time: 'noon'"):
        collected(tmp_path, tmp_path / "out", format="rees46")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("price: 'nan'::DOUBLE", r"b\.parquet, row 4, column price: 'nan' is not a price"),
        ("event_time: 5", r"b\.parquet, column event_time has the type INTEGER, but TIME"),
        (
            "event_time: event_time::DATE",
            r"b\.parquet, column event_time has the type DATE, but TIME",
        ),
        ("event_time: event_time::TIMESTAMP_NS", None),
        ("event_time: [event_time]", r"b\.parquet, column event_time has the type TIMESTAMP"),
    ],
)
def test_a_parquet_file_of_other_types_is_read_or_named(
    column: str, message: str | None, tmp_path: Path
) -> None:
    (tmp_path / "month.txt").write_text(MONTH)
    name, _, value = column.partition(": ")
    where = "product_id = 2 AND event_type = 'purchase'" if name == "price" else "true"
    value = f"CASE WHEN {where} THEN {value} ELSE {name} END" if name == "price" else value
    for file, replaced in (("a", "event_time"), ("b", f"{value} AS {name}")):
        duckdb.execute(
            f"COPY (SELECT * REPLACE ({replaced if file == 'b' else 'event_time AS event_time'}) "
            f"FROM read_csv('{tmp_path}/month.txt')) TO '{tmp_path}/{file}.parquet'"
        )
    if message is None:
        assert collected(tmp_path, tmp_path / "out", format="rees46")["rows"]["browsing"] == 10
        return
    with pytest.raises(UserError, match=message):
        collected(tmp_path, tmp_path / "out", format="rees46")


def test_a_rounded_time_is_said_to_be_rounded(tmp_path: Path) -> None:
    text = "timestamp,visitorid,event,itemid\n1433221332117,1,addtocart,10\n1.43322E+12,1,view,10\n"
    (tmp_path / "events.csv").write_text(text)
    message = r"events\.csv, line 3, column timestamp: 1\.43322E\+12 is a rounded number, as Excel"
    with pytest.raises(UserError, match=message):
        collected(tmp_path, tmp_path / "out", format="retailrocket")
