"""Tables as people have them: each is read, or refused with a sentence."""

import gzip
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smallboat.errors import FullDiskError, UserError
from smallboat.table import data
from smallboat.table.schema import Column, Table
from smallboat.warehouse import connection, source
from smallboat.warehouse.typed import Wrong

PLAIN = "size,kind,day,open,y\n1.5,a,2024-03-02,yes,1\n,b,2024-03-03 10:00,no,2\n3,,,,3\n"
COLUMNS = (
    Column("size", "number"),
    Column("kind", "category"),
    Column("day", "date"),
    Column("open", "flag"),
)
FIRST = {
    "size": [1.5, None, 3.0],
    "kind": ["a", "b", None],
    "day": [pd.Timestamp("2024-03-02"), pd.Timestamp("2024-03-03 10:00"), None],
    "open": [1.0, 0.0, None],
    "y": [1.0, 2.0, 3.0],
}


def table(file: str = "t.csv", columns: tuple[Column, ...] = COLUMNS, **more: Any) -> Table:
    return Table(**{"target": "y", "kind": "regression", "file": file, "columns": columns} | more)


def read(folder: Path, content: str | bytes, described: Table | None = None) -> data.Rows:
    described = described or table()
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / described.file).write_bytes(raw)
    data.copy(described, folder, folder / "table.parquet")
    return data.typed(described, folder / "table.parquet")


def plain(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Values by column, None where they are missing."""
    wide = frame.astype(object)
    return wide.where(wide.notna(), None).to_dict("list")


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip(),
        "\n" + PLAIN + "\n\n",
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", "\r\n").encode("utf-16"),
        PLAIN.replace(",b,", ', " b ",').replace("size,", " size ,"),
        PLAIN.replace("\n,b", "\nNA,b").replace("3,,,,", "3,,?,n/a,"),
    ],
)
def test_a_csv_file_is_read_whatever_wrote_it(tmp_path: Path, content: str | bytes) -> None:
    frame, wrong = read(tmp_path, content)
    assert plain(frame) == FIRST
    assert wrong == {}
    kinds = ["float64", "category", "datetime64[us]", "float64", "float64"]
    assert [str(kind) for kind in frame.dtypes] == kinds
    assert frame["kind"].cat.categories.dtype == "str"


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    assert plain(read(tmp_path, gzip.compress(PLAIN.encode()), table("t.csv.gz"))[0]) == FIRST


def test_a_time_that_no_row_has_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("size,seen,y\n1,02.03.2024,1\n2,03.03.2024,2\n")
    described = table(columns=(COLUMNS[0], Column("seen", "date")), time="seen")
    config = data.Config().model_dump()
    with pytest.raises(UserError, match="seen has no date that can be read"):
        data.collect(described, config, tmp_path, tmp_path)
    seen = Column("seen", "date", format="%d.%m.%Y")
    found = data.collect(replace(described, columns=(seen,)), config, tmp_path, tmp_path)
    assert found["data_until"] == "2024-03-03" and found["rows"] == {"table": 2}


def test_names_that_are_numbers_are_names_if_pandas_counted(tmp_path: Path) -> None:
    described = table(columns=(Column("0", "number"),), target="1")
    assert plain(read(tmp_path, "0,1\n5,6\n", described)[0]) == {"0": [5.0], "1": [6.0]}


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(PLAIN)
    (tmp_path / "table.parquet").symlink_to("/dev/full")
    with pytest.raises(FullDiskError, match=r"could not use .*, with .* bytes free: No space left"):
        data.copy(table(), tmp_path, tmp_path / "table.parquet")


def test_a_table_whose_file_is_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text(PLAIN)
    (tmp_path / "t.csv").symlink_to(tmp_path / "real.csv")
    assert data.copy(table(), tmp_path, tmp_path / "table.parquet") == 3


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("t.csv"), PLAIN)  # of no time: it names the test
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"t\.csv is empty; it needs a header line and rows"),
        ("\n \n", r"t\.csv is empty"),
        ("size,y\n", r"t\.csv has no rows"),
        ("size,y", r"t\.csv has no rows"),
        (PLAIN.replace("kind", "Size"), r"t\.csv, line 1 has 2 columns of the name 'size'"),
        (PLAIN + "4,a\n", r"t\.csv, line 5 has 2 values instead of 5: it is torn"),
        (PLAIN + "4,a,,no,1,7\n", r"t\.csv, line 5 has 6 values instead of 5"),
        (PLAIN + '4,"a,,no,1\n', r"t\.csv, line 5 has a quotation mark that is not closed"),
        (PLAIN.encode() + b"4,\xe9,,no,1\n", r"t\.csv, line 5 is not UTF-8; save the file as CSV"),
        (PLAIN.encode("utf-16") + b"\x00", r"t\.csv is torn text in UTF-16"),
        (PLAIN.encode("utf-16-le"), r"t\.csv, line 1 has a null byte; save it as text in UTF-8"),
        (PLAIN.replace(",a,", ",a\0,"), r"t\.csv, line 2 has a null byte"),
        ("1,2\n3,4\n", r"t\.csv, line 1 has numbers instead of names; add names"),
        ("a,b\r\n1,2\n3,4\r\n", r"t\.csv has line ends of several kinds"),
        ('[{"a": 1, "y": 2},\n{"a": 2, "y": 3}]', r"t\.csv, line 1 is no line of names; save"),
        ('a,"b" c\n1,2\n', r"t\.csv, line 1 is no line of names; save"),
        (
            "größe,y\n1,2\n".encode("latin-1"),
            r"t\.csv, line 1 is no line of names; save the table as CSV",
        ),
        ("a,y\n" + "x" * 3_000_000 + ",1\n", r"t\.csv, line 2 is too long for a line of a table"),
        ("<!DOCTYPE html><html><body>,</body></html>", r"t\.csv is a page of HTML or XML instead"),
        (_zip(), r"t\.csv is a zip archive or a spreadsheet; unpack it, or save the sheet as CSV"),
        (
            gzip.compress(PLAIN.encode(), mtime=0),
            r"t\.csv is a gzip file; let its name end in \.gz",
        ),
        (b"PAR1" + bytes(20), r"t\.csv is a Parquet file; let its name end in \.parquet"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("none.csv", r"none\.csv does not exist; correct the path"),
        ("folder.csv", r"folder\.csv is a folder"),
        ("torn.parquet", r"torn\.parquet is not a whole Parquet file"),
        ("torn.csv.gz", r"torn\.csv\.gz is not a whole gzip file"),
    ],
)
def test_a_path_that_leads_to_no_table_is_refused(tmp_path: Path, file: str, message: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    (tmp_path / "torn.csv.gz").write_bytes(gzip.compress(PLAIN.encode() * 99)[:-20])
    with pytest.raises(UserError, match=message):
        data.copy(table(file), tmp_path, tmp_path / "table.parquet")


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1.5", ".", 1.5), ("-1e3", ".", -1000.0), (" 7 ", ".", 7.0), ("1,234", ".", 1234.0),
        ("1,234,567.5", ".", 1234567.5), ("1,5", ".", None), ("12,34", ".", None),
        ("1,5", ",", 1.5), ("1.234,5", ",", 1234.5), ("1.234", ",", 1234.0), ("-3", ",", -3.0),
        ("1.5", ",", None), ("inf", ".", None), ("1e99", ".", None), ("abc", ".", None),
    ],
)  # fmt: skip
def test_numbers_are_read_with_points_and_with_commas(
    tmp_path: Path, text: str, decimal: Any, number: float | None
) -> None:
    described = table(columns=COLUMNS[:1], decimal=decimal)
    frame, wrong = read(tmp_path, f"size;y\n1;1\n{text};2\n", described)
    assert plain(frame)["size"] == [1.0, number]
    expected = {} if number is not None else {"size": Wrong(1, text.strip(), 2)}
    assert wrong == expected


@pytest.mark.parametrize(
    ("text", "form", "day"),
    [
        ("2024-03-02", "", "2024-03-02"), ("2024-03-02T10:00:00Z", "", "2024-03-02 10:00"),
        ("2024-03-02T10:00:00+02:00", "", "2024-03-02 08:00"), ("02.03.2024", "", None),
        ("02.03.2024", "%d.%m.%Y", "2024-03-02"), ("2024", "%Y", "2024-01-01"),
        ("31.02.2024", "%d.%m.%Y", None), ("02.03.24", "%d.%m.%Y", None), ("infinity", "", None),
        ("9999-12-31", "", "9999-12-31"), ("1500-01-01", "", "1500-01-01"),
    ],
)  # fmt: skip
def test_dates_are_read_as_their_format_says(
    tmp_path: Path, text: str, form: str, day: str | None
) -> None:
    described = table(columns=(Column("day", "date", format=form),))
    frame, wrong = read(tmp_path, f"day,y\n,1\n{text},2\n", described)
    assert plain(frame)["day"] == [None, day and pd.Timestamp(day)]
    assert wrong == ({} if day else {"day": Wrong(1, text, 2)})


def test_a_flag_is_read_in_every_spelling_and_others_are_counted(tmp_path: Path) -> None:
    words = ["Yes", "no", "TRUE", "f", "1.0", "0", "maybe", "2", "n/a"]
    content = "open,y\n" + "".join(f"{word},1\n" for word in words)
    frame, wrong = read(tmp_path, content, table(columns=COLUMNS[3:]))
    assert plain(frame)["open"] == [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, None, None, None]
    assert wrong == {"open": Wrong(2, "maybe", 7)}


def test_what_is_no_class_counts_as_missing_and_is_told(tmp_path: Path) -> None:
    described = table(columns=COLUMNS[:1], kind="binary", classes=("no", "yes"))
    content = "size,y\n1,yes\n2, no\n3,NA\n4,perhaps\n5,No\n"
    frame, wrong = read(tmp_path, content, described)
    assert plain(frame)["y"] == ["yes", "no", None, None, None]
    assert wrong == {"y": Wrong(2, "perhaps", 4)}


def test_a_regressions_target_without_values_counts_as_missing(tmp_path: Path) -> None:
    frame, wrong = read(tmp_path, "size,y\n1,2\n2,\n3,x\n", table(columns=COLUMNS[:1]))
    assert plain(frame)["y"] == [2.0, None, None]
    assert wrong == {"y": Wrong(1, "x", 3)}


def test_id_group_and_time_are_read_too(tmp_path: Path) -> None:
    described = table(columns=COLUMNS[:1], id="row", group="house", time="seen")
    frame, _ = read(tmp_path, "row,house,seen,size,y\n007,1,2024-01-02,1,1\n", described)
    assert frame.columns.tolist() == ["size", "y", "seen", "house", "row"]
    assert plain(frame)["row"] == ["007"] and plain(frame)["house"] == ["1"]
    assert plain(frame)["seen"] == [pd.Timestamp("2024-01-02")]


def test_a_column_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lacks the column 'size': did you mean 'sizes'\?"):
        read(tmp_path, "sizes,y\n1,1\n", table(columns=COLUMNS[:1]))


PARQUET = """
SELECT true AS open, 1.25::DECIMAL(9, 2) AS size, 'a' AS kind, [1, 2] AS list,
    {'a': 1} AS struct, TIMESTAMPTZ '2024-03-02 10:00:00+02' AS day, 'nan'::DOUBLE AS y
"""


def test_parquet_files_keep_their_types_and_lists_become_text(tmp_path: Path) -> None:
    duckdb.execute(f"COPY ({PARQUET}) TO '{tmp_path / 't.parquet'}' (FORMAT parquet)")
    columns = (*COLUMNS, Column("list", "category"), Column("struct", "category"))
    described = table("t.parquet", columns)
    data.copy(described, tmp_path, tmp_path / "table.parquet")
    frame, wrong = data.typed(described, tmp_path / "table.parquet")
    assert plain(frame) == {
        "size": [1.25],
        "kind": ["a"],
        "day": [pd.Timestamp("2024-03-02 08:00")],
        "open": [1.0],
        "list": ["[1, 2]"],
        "struct": ["{'a': 1}"],
        "y": [None],
    }
    assert wrong == {}
    with source.opened(tmp_path / "table.parquet") as kept:
        assert kept.types["size"] == "DECIMAL(9,2)" and kept.types["list"] == "VARCHAR"


@pytest.mark.parametrize("name", ["number", "flag", "date", "category"])
def test_each_type_of_parquet_can_be_read_as_each_of_ours(tmp_path: Path, name: Any) -> None:
    duckdb.execute(f"COPY ({PARQUET}) TO '{tmp_path / 't.parquet'}' (FORMAT parquet)")
    names = ("open", "size", "kind", "list", "struct", "day")
    described = table("t.parquet", tuple(Column(each, name) for each in names))
    frame, _ = data.typed(described, tmp_path / "t.parquet")
    assert frame.shape == (1, 7)


def test_a_query_is_answered_in_an_order_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(PLAIN)
    sums = "SELECT kind, avg(size) AS size, sum(y) AS y FROM 't.csv' GROUP BY kind; -- of all"
    described = table("", (COLUMNS[1], COLUMNS[0]), sql=sums)
    outs = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    assert [data.copy(described, tmp_path, out) for out in outs] == [3, 3]
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert plain(data.typed(described, outs[0])[0])["kind"] == ["a", "b", None]


def test_a_snapshot_does_not_quote_its_query_which_may_hold_a_password(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(PLAIN)
    config = {"source": "", "directory": ""}
    told = []
    for number, secret in enumerate(("hunter2", "hunter2", "hunter3")):
        (tmp_path / str(number)).mkdir()
        sql = f"SELECT * FROM 't.csv' WHERE '{secret}' <> ''"
        described = table("", (COLUMNS[1], COLUMNS[0]), sql=sql)
        found = data.collect(described, config, tmp_path, tmp_path / str(number))
        told.append(found["source"])
    assert not any("hunter" in source for source in told)
    assert told[0] == told[1] != told[2]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("selec 1", r"problem\.sql can't be answered: syntax error at or near \"selec\""),
        ("select x from 't.csv'", r"problem\.sql can't be answered: .*\"x\" not found"),
        ("select * from nothing", r"problem\.sql can't be answered: Table with name nothing"),
        ("", r"problem\.sql must be one SELECT"),
        ("select 1; select 2", r"problem\.sql must be one SELECT"),
        ("copy (select 1) to 'written.csv'", r"problem\.sql must be one SELECT; it may read"),
        ("attach 'written.db' as w", r"problem\.sql must be one SELECT"),
        ("select 1 as a where false", r"problem\.sql has no rows"),
    ],
)
def test_a_query_that_does_not_answer_is_refused(tmp_path: Path, sql: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(PLAIN)
    with pytest.raises(UserError, match=message):
        data.copy(table("", sql=sql), tmp_path, tmp_path / "table.parquet")
    assert not list(tmp_path.glob("written*"))


def test_an_extension_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def connected(**options: Any) -> Iterator[Any]:
        with connection.connected(**options) as database:
            database.execute(f"SET custom_extension_repository = '{tmp_path}'")
            yield database

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(source, "connection", SimpleNamespace(connected=connected))
    with pytest.raises(UserError, match=r"needs an extension of DuckDB.*sqlite_scanner"):
        sql = "select * from sqlite_scan('a.db', 'b')"
        with source.opened(None, sql, tmp_path):
            pass


def test_reading_a_file_downloads_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(PLAIN)
    with source.opened(tmp_path / "t.csv") as opened:
        asked = "SELECT value FROM duckdb_settings() WHERE name LIKE 'auto%known_extensions'"
        assert opened.connection.execute(asked).fetchall() == [("false",), ("false",)]


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8
).map(str.strip).filter(bool)  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def written(names: list[str], rows: list[list[str]]) -> str:
    quoted = [['"' + value.replace('"', '""') + '"' for value in row] for row in [names, *rows]]
    return "".join(",".join(row) + "\n" for row in quoted)


@settings(max_examples=15)
@given(drawn=st.data())
def test_names_and_categories_of_any_text_survive(
    tmp_path_factory: pytest.TempPathFactory, drawn: st.DataObject
) -> None:
    names = drawn.draw(st.lists(NAMES, min_size=2, max_size=4, unique_by=str.lower))
    names = [f"{name}x" for name in names]  # numbers alone are no header
    rows = drawn.draw(st.lists(st.tuples(*[TEXTS] * len(names)), min_size=1, max_size=5))
    columns = tuple(Column(name, "category") for name in names[1:])
    described = table(columns=columns, target=names[0], kind="binary", classes=("a", "b"))
    folder = tmp_path_factory.mktemp("any")
    frame, _ = read(folder, written(names, [list(row) for row in rows]), described)
    for name, values in zip(names[1:], list(zip(*rows, strict=True))[1:], strict=True):
        assert plain(frame)[name] == [value.strip() or None for value in values]
    with source.opened(folder / "t.csv") as opened:
        assert list(opened.types) == names
    (raw, inputs), *rest = data.pieces(described, folder / "t.csv", 2048)
    assert not rest and inputs.equals(frame[names[1:]])
    assert plain(raw)[names[0]] == [row[0] or None for row in rows]


def made(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "kind": rng.choice(["a", "b", "c d"], rows),
            "open": rng.choice(["yes", "no", ""], rows),
            "y": rng.normal(size=rows),
        }
    )


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    made(130_000).to_csv(tmp_path / "t.csv", index=False)
    outs = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    assert [data.copy(table(), tmp_path, out) for out in outs] == [130_000] * 2
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_pieces_of_a_file_are_small_and_as_when_it_is_read_at_once(tmp_path: Path) -> None:
    made(50_000).to_csv(tmp_path / "t.csv", index=False)
    described = table(columns=(*COLUMNS[:2], COLUMNS[3]))
    whole, _ = data.typed(described, tmp_path / "t.csv")
    found = list(data.pieces(described, tmp_path / "t.csv", 10_000))
    assert 5 <= len(found) <= 10 and max(len(raw) for raw, _ in found) <= 10_000
    lines = (tmp_path / "t.csv").read_text().splitlines()
    raw = pd.concat([raw for raw, _ in found])
    assert [",".join(row) for row in raw.fillna("").to_numpy()] == lines[1:]
    for name in ("size", "open"):
        parts = pd.concat([inputs[name] for _, inputs in found])
        assert np.array_equal(parts, whole[name], equal_nan=True)
    kinds = pd.concat([inputs["kind"].astype("str") for _, inputs in found])
    assert kinds.tolist() == whole["kind"].tolist()


def test_a_file_to_score_needs_the_inputs_alone(tmp_path: Path) -> None:
    described = table(columns=COLUMNS[:2], id="row", group="house", time="seen")
    (tmp_path / "t.csv").write_text("kind,size\na,1\n")
    ((raw, inputs),) = data.pieces(described, tmp_path / "t.csv", 10_000)
    assert plain(raw) == {"kind": ["a"], "size": ["1"]}
    assert plain(inputs) == {"size": [1.0], "kind": ["a"]}
    (tmp_path / "t.csv").write_text("kinds,size\na,1\n")
    message = r"t\.csv lacks the column 'kind': did you mean 'kinds'\?; a model needs"
    with pytest.raises(UserError, match=message):
        next(data.pieces(described, tmp_path / "t.csv", 10_000))


def test_a_torn_file_ends_the_scoring_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("kind,size\n" + "a,1\n" * 9 + "b\n")
    with pytest.raises(UserError, match=re.escape("t.csv, line 11 has 1 value instead of 2")):
        list(data.pieces(table(columns=COLUMNS[:2]), tmp_path / "t.csv", 2048))
