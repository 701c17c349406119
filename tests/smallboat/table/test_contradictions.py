"""A description that is wrong or contradicts itself is refused with what to do."""

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
folds = 10
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
        (', "c"]', "]", "problem.classes names 2 values: multiclass needs 3 or more"),
        ("multiclass", "binary", "problem.classes names 3 values: binary needs 2"),
        ("multiclass", "regression", "problem.classes names 3 values: regression needs none"),
        ("folds = 10", "log = true", "problem.log is for regression alone"),
        (
            "folds = 10",
            'metric = "mae"',
            "'mae' is not for multiclass: choose log_loss, error_rate",
        ),
        ("folds = 10", "folds = 2", "problem.folds = 2 is wrong: choose 3 to 100"),
        ("folds = 10", "folds = true", "problem.folds = True is wrong: it must be int"),
        ("folds = 10", 'sql = "select 1"', "problem needs one of file and sql"),
        ("folds = 10", 'slices = ["size"]', "problem.slices has 'size', which is no category"),
        ("folds = 10", 'drop = ["size"]', "columns.size is the target, the id or dropped"),
        ("folds = 10", "drop = [5]", r"problem.drop = \[5\] is wrong: a list of texts is needed"),
        ("folds = 10", "fold = 10", "problem.fold is unknown: did you mean 'folds'"),
        ('target = "y"', "", "problem.target is missing"),
        ("[problem]", "[problems]\n[problem]", r"unknown table \[problems\]: choose"),
        ("[0, 1]", "[1, 0]", "columns.size.range begins above its end"),
        ("[0, 1]", "[0]", r"columns.size.range = \[0\] is wrong: two numbers are needed"),
        ("[0, 1]", "[0, true]", r"columns.size.range = \[0, True\] is wrong"),
        ('"number"', '"numbr"', "columns.size.type = 'numbr' is wrong: did you mean 'number'"),
        ('"number"', '"text"', "columns.size is text, which no model here reads"),
        ('"date"', '"category"', "columns.seen is category, but problem.time: make its type date"),
        (TEXT[TEXT.index("[columns") :], "", "at least one input is needed"),
    ],
)
def test_a_contradiction_is_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "problem.toml"
    file.write_text(TEXT)
    assert schema.load(file).time == "seen"
    file.write_text(TEXT.replace(old, new))
    with pytest.raises(UserError, match=message):
        schema.load(file)
