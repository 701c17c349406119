"""A description that contradicts itself is refused with what to do."""

from pathlib import Path

import pytest
from smallboat.errors import UserError
from smallboat.table import schema

TEXT = """
[problem]
file = "t.csv"
target = "y"
kind = "multiclass"
classes = ["a", "b", "c"]
time = "seen"
[columns.seen]
type = "date"
[columns.size]
type = "number"
range = [0, 1]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"c"]', '"c", "a"]', "problem.classes has 'a' twice: remove one"),
        ("[0, 1]", "[1, 0]", "columns.size.range begins above its end"),
        ('"date"', '"category"', "columns.seen is category, but problem.time: make its type date"),
    ],
)
def test_a_contradiction_is_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "problem.toml"
    file.write_text(TEXT)
    assert schema.load(file).time == "seen"
    file.write_text(TEXT.replace(old, new))
    with pytest.raises(UserError, match=message):
        schema.load(file)
