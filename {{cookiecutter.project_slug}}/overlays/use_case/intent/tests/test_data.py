"""Tests of the raw events: what a snapshot holds, and that it depends on nothing but its input."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from coveo_tables import BROWSING, CATALOG, MS, config, write
from hypothesis import given, settings
from hypothesis import strategies as st
from smallboat.errors import FullDiskError, UserError
from test_damaged_files import EVENTS
from test_sources import MONTH, otto

from {{ cookiecutter.project_slug }} import data, validation_views
from {{ cookiecutter.project_slug }}.sources import coveo, snapshot
from {{ cookiecutter.project_slug }}.warehouse import Warehouse

Row = tuple[Any, ...]


def collected(directory: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    folder.mkdir()
    return data.collect(config(directory, **changes), folder)


def rows(path: Path) -> list[Row]:
    return duckdb.execute(f"FROM '{path}'").fetchall()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_day_has_its_file_and_a_session_the_day_on_which_it_began(tmp_path: Path) -> None:
    said = collected(write(tmp_path / "in"), tmp_path / "out")
    days = ("2019-01-15", "2019-01-16")
    assert names(tmp_path / "out") == {
        "catalog.parquet",
        "days.parquet",
        *(f"{kind}-{day}.parquet" for kind in ("browsing", "search") for day in days),
    }
    assert rows(tmp_path / "out" / "browsing-2019-01-15.parquet") == [
        ("midnight", "pageview", None, None, MS - 1000),
        ("midnight", "event_product", "detail", "p1", MS),
        ("midnight", "pageview", None, None, MS),
        ("midnight", "event_product", "add", "p1", MS + 5000),
    ]
    assert rows(tmp_path / "out" / "browsing-2019-01-16.parquet") == [
        ("early", "event_product", "add", "p2", MS),
        ("early", "event_product", "purchase", "p2", MS + 1),
    ]
    assert said["data_until"] == "2019-01-16"
    assert said["rows"] == {"browsing": 6, "search": 2, "catalog": 2}


def test_sessions_that_fill_no_cart_are_counted(tmp_path: Path) -> None:
    """The order: day, sessions, events (searches, too), the longest's, events of products."""
    collected(write(tmp_path / "in"), tmp_path / "out")
    assert rows(tmp_path / "out" / "days.parquet") == [
        ("2019-01-15", 1, 6, 6, 2),
        ("2019-01-16", 2, 4, 2, 2),
        ("2019-01-18", 1, 1, 1, 0),
    ]


def test_a_search_keeps_a_number_and_its_session_one_day(tmp_path: Path) -> None:
    collected(write(tmp_path / "in"), tmp_path / "out")
    assert rows(tmp_path / "out" / "search-2019-01-15.parquet") == [
        ("midnight", MS - 500, 0),
        ("midnight", MS + 1000, 2),
    ]
    assert rows(tmp_path / "out" / "search-2019-01-16.parquet") == []


def test_a_search_before_midnight_begins_a_session(tmp_path: Path) -> None:
    search = [("early", "", "", "", MS - 60_000)]
    collected(write(tmp_path / "in", search=search), tmp_path / "out")
    assert [row[0] for row in rows(tmp_path / "out" / "browsing-2019-01-15.parquet")] == [
        *["early"] * 2,
        *["midnight"] * 4,
    ]
    assert rows(tmp_path / "out" / "search-2019-01-15.parquet") == [("early", MS - 60_000, 0)]


def test_the_catalogue_has_a_row_a_sku(tmp_path: Path) -> None:
    catalog = [*CATALOG, ("p1", "", "", "", ""), ("", "", "c9", "", "3")]
    collected(write(tmp_path / "in", catalog=catalog), tmp_path / "out")
    assert rows(tmp_path / "out" / "catalog.parquet") == [
        ("p1", "c1/c2", 7),
        ("p2", None, None),
    ]


def test_the_columns_are_typed(tmp_path: Path) -> None:
    collected(write(tmp_path / "in"), tmp_path / "out")
    found = {
        kind: [
            row[:2]
            for row in duckdb.execute(
                f"DESCRIBE FROM '{tmp_path / 'out' / name}.parquet'"
            ).fetchall()
        ]
        for kind, name in (
            ("browsing", "browsing-2019-01-16"),
            ("search", "search-2019-01-16"),
            ("catalog", "catalog"),
        )
    }
    assert found == {
        "browsing": [
            *((name, "VARCHAR") for name in list(coveo.BROWSING)[:4]),
            ("server_timestamp_epoch_ms", "BIGINT"),
        ],
        "search": [
            ("session_id_hash", "VARCHAR"),
            ("server_timestamp_epoch_ms", "BIGINT"),
            ("clicks", "INTEGER"),
        ],
        "catalog": [
            ("product_sku_hash", "VARCHAR"),
            ("category_hash", "VARCHAR"),
            ("price_bucket", "SMALLINT"),
        ],
    }


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_types_of_pages_are_kept_if_there_are_any(kind: str, tmp_path: Path) -> None:
    typed = write(tmp_path / "typed", kind=kind, pages=lambda name: f" {name.title()}")
    collected(typed, tmp_path / "one")
    path = tmp_path / "one" / "browsing-2019-01-16.parquet"
    assert duckdb.execute(f"SELECT page_type, count(*) FROM '{path}' GROUP BY ALL").fetchall() == [
        ("early", 2)
    ]
    empty = write(tmp_path / "empty", kind=kind, pages=lambda _: "")
    collected(empty, tmp_path / "two")
    collected(write(tmp_path / "plain"), tmp_path / "three")
    assert contents(tmp_path / "two") == contents(tmp_path / "three")


def test_what_is_said_of_a_snapshot(tmp_path: Path) -> None:
    directory = write(tmp_path / "in")
    said = collected(directory, tmp_path / "one")
    assert said["source"] == f"files: {directory} in the format coveo"
    assert said["licence"].startswith("not stated; Coveo's own data set is for research only")
    (directory / "LICENCE.txt").write_text("Free")
    assert collected(directory, tmp_path / "two")["licence"] == "see LICENCE.txt beside the files"


@pytest.mark.parametrize("known", [0, 1, 2])
def test_the_catalogue_may_lack_products(known: int, tmp_path: Path) -> None:
    collected(write(tmp_path / "all"), tmp_path / "one")
    directory = write(tmp_path / "some", catalog=CATALOG[:known])
    assert collected(directory, tmp_path / "two")["rows"]["catalog"] == known
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert (one.pop("catalog.parquet") == two.pop("catalog.parquet")) == (known == 2)
    assert one == two


def test_an_unknown_action_is_kept_for_the_expectations_to_report(tmp_path: Path) -> None:
    events = [*BROWSING, ("early", "event", "wish", "p1", MS + 7, "u")]
    collected(write(tmp_path / "in", browsing=events), tmp_path / "out")
    assert rows(tmp_path / "out" / "browsing-2019-01-16.parquet")[2] == (
        "early", "event", "wish", "p1", MS + 7,
    )  # fmt: skip


def test_snowflake_is_written_down(tmp_path: Path) -> None:
    collected(write(tmp_path / "in"), tmp_path / "out", warehouse="snowflake")
    assert (tmp_path / "out" / "warehouse.json").read_text() == '{"kind": "snowflake"}\n'


def test_a_snapshots_folder_may_have_wildcards_in_its_name(tmp_path: Path) -> None:
    for name in ("it's [1] *", "it's 1 ab"):
        (tmp_path / name).mkdir()
        collected(write(tmp_path / name / "in"), tmp_path / name / "out")
    found = validation_views.views(data.read(tmp_path / "it's [1] *" / "out"))
    assert found["days"]["carts"].sum() == 2
    assert found["totals"]["browsing"].item() == 6


def test_read_reads_nothing(tmp_path: Path) -> None:
    tables = data.read(tmp_path / "absent")
    assert isinstance(tables, Warehouse)
    assert tables.folder == tmp_path / "absent"


@pytest.mark.parametrize(
    "how",
    [{"kind": "csv.gz"}, {"kind": "parquet"}, {"parts": 2}, {"reverse": True}, {"ending": "\r\n"}],
)
def test_how_the_rows_are_stored_does_not_matter(how: dict[str, Any], tmp_path: Path) -> None:
    collected(write(tmp_path / "plain"), tmp_path / "one")
    collected(write(tmp_path / "other", **how), tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_neither_threads_nor_memory_change_a_byte(tmp_path: Path) -> None:
    many = tmp_path / "in"
    many.mkdir()
    duckdb.execute(f"""
        COPY (
            SELECT sha256((i // 7)::VARCHAR) AS session_id_hash, 'pageview' AS event_type,
                CASE WHEN i % 7 = 0 THEN 'add' WHEN i % 3 = 0 THEN 'detail' END AS product_action,
                CASE WHEN i % 3 = 0 THEN sha256((i % 99)::VARCHAR) END AS product_sku_hash,
                {MS} + hash(i) % 300_000_000 AS server_timestamp_epoch_ms
            FROM range(400_000) r(i)
        ) TO '{many}/browsing_train.csv'""")
    write(many, browsing=None)
    found = []
    for threads, memory_mb in ((1, 500), (4, 500), (3, 120)):
        folder = tmp_path / f"{threads}-{memory_mb}"
        folder.mkdir()
        with snapshot.database(tmp_path, memory_mb, threads) as connection:
            snapshot.write(connection, coveo.raw(connection, many), folder, say=str)
        found.append(contents(folder))
    assert all(other == found[0] for other in found[1:])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "1-500", "3-120", "4-500", "in",
    ]  # fmt: skip
    days = [duckdb.execute(f"FROM '{path}'").fetchall() for path in folder.glob("browsing-*")]
    for day in days:
        assert day == sorted(day, key=lambda row: (row[0], row[4], row[1], row[2] or ""))
    sessions = [{row[0] for row in day} for day in days]
    assert sum(map(len, sessions)) == len(set().union(*sessions)) == 57_143


events = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "ab", "é"]),
        st.sampled_from(["pageview", "event_product"]),
        st.sampled_from(["", "add", "detail", "purchase", "remove"]),
        st.sampled_from(["", "p", "pp", "q"]),
        st.integers(MS - 5, MS + 5),
        st.just("u"),
    ),
    min_size=1,
)


@settings(max_examples=20)
@given(events=events)
def test_no_event_is_lost_or_made_up(events: list[Row], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("any")
    write(folder / "in", browsing=events, search=[])
    filling = {row[0] for row in events if row[2] == "add"}
    if not filling:
        with pytest.raises(UserError, match="none adds something to the cart"):
            collected(folder / "in", folder / "out")
        return
    collected(folder / "in", folder / "out")
    began = {row[0]: min(other[4] for other in events if other[0] == row[0]) for row in events}
    found = {
        day: rows(folder / "out" / f"browsing-{day}.parquet")
        for day in ("2019-01-15", "2019-01-16")
        if f"browsing-{day}.parquet" in names(folder / "out")
    }
    assert sorted(str(row) for kept in found.values() for row in kept) == sorted(
        str((*(value or None for value in row[:4]), row[4])) for row in events if row[0] in filling
    )
    for day, kept in found.items():
        assert kept
        for row in kept:
            assert day == ("2019-01-15" if began[row[0]] < MS else "2019-01-16")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sample(folder: Path, **changes: Any) -> dict[str, Any]:
    return collected(folder, folder.parent / f"{folder.name}-out", source="sample", **changes)


def test_the_sample_is_made_once_and_anew_by_other_code(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from smallboat.samples import made_up

    asked: list[tuple[Any, ...]] = []

    def fake(folder: Path, *arguments: Any) -> None:
        asked.append(arguments)
        write(folder)

    monkeypatch.setattr(made_up, "write", fake)
    said = sample(elsewhere / "one", sessions=5, seed=3, written="parquet")
    sample(elsewhere / "two", sessions=5, seed=3, written="parquet")
    assert asked == [(5, 3, "parquet")]
    assert said["source"] == "sample: 5 made-up sessions of seed 3"
    assert said["rows"]["browsing"] == 6
    (cached,) = (elsewhere / ".cache/made-up").iterdir()
    assert cached.name == "5-3-parquet"
    (cached / "made-by.txt").write_text("older code")
    sample(elsewhere / "three", sessions=5, seed=3, written="parquet")
    assert len(asked) == 2


def test_made_up_sessions_are_collected_the_same_from_csv_and_parquet(elsewhere: Path) -> None:
    said = sample(elsewhere / "one", sessions=3000, written="csv")
    sample(elsewhere / "two", sessions=3000, written="parquet")
    assert said["rows"]["browsing"] > 1000
    assert said["data_until"] > "2019-03-01"
    assert contents(elsewhere / "one-out") == contents(elsewhere / "two-out")


def test_no_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no folder .*absent; name one .* format coveo"):
        collected(tmp_path / "absent", tmp_path / "out")
    (tmp_path / "out2").mkdir()
    with pytest.raises(UserError, match="The source files needs a folder: make data SOURCE=files"):
        data.collect(config(None), tmp_path / "out2")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_a_sentence_and_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "search-2019-01-16.parquet").symlink_to("/dev/full")
    message = r"could not use \w+-2019-01-\d\d\.parquet in the snapshot, .* free: No space left"
    with pytest.raises(FullDiskError, match=message):
        data.collect(config(write(tmp_path / "in")), tmp_path / "out")
    assert names(tmp_path / "out") == set()
    assert names(tmp_path) == {"in", "out"}


def test_a_format_without_rules_refuses_wrong_rows_too(tmp_path: Path) -> None:
    directory = write(tmp_path / "in", browsing=[*BROWSING, (*BROWSING[0][:4], 5, "u")])
    with (
        pytest.raises(UserError, match="1 row without a session, without a time"),
        snapshot.database(tmp_path, 500) as connection,
    ):
        raw = replace(coveo.raw(connection, directory), rules=())
        snapshot.write(connection, raw, tmp_path, say=str)


def test_too_little_memory_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1 MB are too few.*raise memory_mb"):
        collected(write(tmp_path / "in"), tmp_path / "out", memory_mb=1)


def test_the_configuration_is_checked() -> None:
    values = config(None) | {"source": "sample"}
    assert data.Config(**values).model_dump() == values
    for wrong in ({"sessions": 0}, {"seed": -1}, {"format": "xml"}, {"written": "json"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            data.Config(**values | wrong)


IN_A_ZONE = """
import hashlib, sys
from pathlib import Path
from coveo_tables import config
from {{ cookiecutter.project_slug }} import data, features

def hashed(*contents):
    return hashlib.sha256(b"".join(contents)).hexdigest()

for folder in sorted(Path(sys.argv[1]).iterdir()):
    out = Path(sys.argv[2]) / folder.name
    out.mkdir(parents=True)
    about = data.collect(config(folder, format=folder.name.split("-")[0]), out)
    files = [path.read_bytes() for path in sorted(out.iterdir())]
    print("found", folder.name, about["data_until"], about["rows"], hashed(*files))
table = features.build(data.read(out))
print("found", list(table["group"]), table["period"].tolist(), hashed(table.to_csv().encode()))
"""


@pytest.fixture
def of_each_format(tmp_path: Path) -> Path:
    """Each format, REES46's as Parquet with a time zone, too; all near midnight."""
    for name in ("coveo", "otto", "rees46", "rees46-parquet", "retailrocket"):
        (tmp_path / "in" / name).mkdir(parents=True)
    write(tmp_path / "in" / "coveo")
    late = [(7, MS - 1, "clicks"), (7, MS - 1 + 5000, "carts")]
    (tmp_path / "in" / "otto" / "train.jsonl").write_text(otto((1, late)))
    (tmp_path / "in" / "retailrocket" / "events.csv").write_text(EVENTS)
    month = tmp_path / "in" / "rees46" / "2019-Oct.csv"
    month.write_text(MONTH)
    duckdb.execute("SET TimeZone = 'UTC'")
    duckdb.execute(
        "COPY (SELECT * REPLACE (event_time::TIMESTAMPTZ AS event_time) FROM "
        f"read_csv('{month}', all_varchar = true)) TO '{tmp_path}/in/rees46-parquet/x.parquet'"
    )
    return tmp_path


def test_three_time_zones_give_one_hash(of_each_format: Path) -> None:
    found = {}
    for zone in ("Pacific/Auckland", "America/Los_Angeles", "UTC"):
        done = subprocess.run(
            [sys.executable, "-c", IN_A_ZONE, of_each_format / "in", of_each_format / zone],
            env=os.environ | {"TZ": zone, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found[zone] = [line for line in done.stdout.splitlines() if line.startswith("found")]
    assert len(found["UTC"]) == 6
    assert found["UTC"] == found["Pacific/Auckland"] == found["America/Los_Angeles"]
    hashes = {line.split()[1]: line.split()[-1] for line in found["UTC"][:-1]}
    assert hashes["rees46"] == hashes["rees46-parquet"]
