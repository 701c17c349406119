import gzip
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from smallboat import text_tables
from smallboat.errors import UserError

KINDS = {"id": "text", "size": "whole?", "day": "date", "share": "number"}
TABLE = "id,size,day,share\n1,3,2024-03-02,0.5\n2,,2024-03-03,-1\n"


def read(folder: Path, content: str | bytes, name: str = "table.csv") -> pd.DataFrame:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return text_tables.typed(text_tables.read_csv(path, 2**20, "NULL"), KINDS, str(path))


@pytest.mark.parametrize(
    "content",
    [
        TABLE,
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE.replace(",", "|"),
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("\n", "\r"),
        "\ufeff" + TABLE,
        TABLE.rstrip(),
        TABLE.replace(",,", ",NULL,"),
        TABLE.replace(",", " , "),
        '"id", "size","day",share\n"1","3", "2024-03-02",0.5\n2,"","2024-03-03","-1"\n',
        TABLE.replace("\n", ",\n"),
        TABLE.replace("-1\n", "-1,,\n"),
        "\n\n" + TABLE.replace("\n", "\n,,,\n"),
        ",id,size,day,share\n0,1,3,2024-03-02,0.5\n1,2,,2024-03-03,-1\n",
        "more,id,size,day,share\n,1,3,2024-03-02,0.5\n,2,,2024-03-03,-1\n",
    ],
)
def test_a_table_is_read_whatever_wrote_it(tmp_path: Path, content: str) -> None:
    found = read(tmp_path, content)
    assert found.to_dict("list") == {
        "id": ["1", "2"],
        "size": [3, None],
        "day": [pd.Timestamp("2024-03-02"), pd.Timestamp("2024-03-03")],
        "share": [0.5, -1.0],
    }
    assert read(tmp_path, gzip.compress(content.encode()), "table.csv.gz").equals(found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"table\.csv is empty"),
        ("\n \n", r"table\.csv is empty"),
        (TABLE.replace("size", "id"), r"line 1 has two columns of the name 'id'; rename one"),
        (TABLE.replace("size", "Size"), r"lacks the column size; it needs id, size, day, share"),
        (TABLE.encode().replace(b"2024-03-03", b"\xe9"), r"line 3 is not UTF-8; save it as CSV"),
        (TABLE.replace("2,,", "2,"), r"line 3 has 3 values, and the header line has 4 names"),
        (TABLE.replace("0.5", "0,5"), r"line 2 has 5 values, and the header line has 4 names"),
        (TABLE.replace("1,3", '"1,3'), r"line 2 has a quotation mark that is not closed"),
        (TABLE.replace("1,3", '"1"x,3'), r"line 2 has a quotation mark that .* in the middle"),
        ("\n" + TABLE.replace("2,,", '"2\nor 3","",').replace("-1", "x"), r"line 4, column share"),
        (TABLE.replace(",3,", ",3.5,"), r"line 2, column size: '3.5' is not a whole number"),
        (TABLE.replace("2,,", "2,99999999999,"), r"line 3, column size: '99999999999' is not a"),
        (TABLE.replace("2,,", "2,²,"), r"line 3, column size: '²' is not a whole number"),
        (TABLE.replace("2,,", "2,1_0,"), r"line 3, column size: '1_0' is not a whole number"),
        (TABLE.replace("0.5", "nan"), r"line 2, column share: 'nan' is not a number such as 12\.5"),
        (TABLE.replace("0.5", "inf"), r"line 2, column share: 'inf' is not a number"),
        (TABLE.replace("0.5", ""), r"line 2, column share: there is no value; it needs a number"),
        (TABLE.replace("2024-03-03", "03/03/2024"), r"line 3, column day: '03/03/2024' is not a d"),
        (TABLE.replace("-03\n", "-03T01:00:00+09:00\n").replace("-03,-1", "-03T23:00+09:00,-1"),
         r"line 3, column day: '2024-03-03T23:00\+09:00' is not a date"),
        (TABLE.replace("2,,", "a\x1bb,,"), r"line 3, column id: .* is not text without control"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_by_line_and_column(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize("text", ["1:23.456", "83.456", "0:83.456"])
def test_a_lap_is_read_in_seconds(text: str) -> None:
    raw = pd.DataFrame({"lap": [text]}, dtype="str")
    assert text_tables.typed(raw, {"lap": "seconds"}, "laps")["lap"].tolist() == [83.456]


@pytest.mark.parametrize("text", ["01:23.5", "1:23", "0:01:23.456", "1:23,456", "-5.0"])
def test_a_lap_that_a_spreadsheet_has_rounded_is_refused(text: str) -> None:
    raw = pd.DataFrame({"lap": [text]}, dtype="str")
    with pytest.raises(UserError, match=r"laps, row 1, column lap: .* is not a time such as"):
        text_tables.typed(raw, {"lap": "seconds"}, "laps")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    try:
        read(tmp_path_factory.getbasetemp(), b"id,size,day,share\n" + content)
    except UserError as error:
        assert "table.csv" in str(error)
