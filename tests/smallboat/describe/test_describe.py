"""`make describe` on tables as people have them: what it writes, says, and leaves alone."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from smallboat import cli
from smallboat.describe import command, guesses, problem_toml, profiles
from smallboat.errors import UserError
from smallboat.table import schema
from smallboat.table.schema import Column, Table

FILE = Path("config/problem.toml")
ROWS = 600


@pytest.fixture(autouse=True)
def in_a_new_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def columns(rows: int = ROWS, **more: Any) -> dict[str, Any]:
    """A table of numbers, categories and a target that they explain in part."""
    rng = np.random.default_rng(0)
    size = rng.normal(50, 10, rows).round(2)
    return {
        "size": size,
        "kind": rng.choice(["a", "b", "c"], rows),
        "y": np.where(size + rng.normal(0, 10, rows) > 55, "yes", "no"),
    } | more


def run(table: dict[str, Any] | str, target: str | None = "y", **options: Any) -> None:
    if isinstance(table, str):
        Path("t.csv").write_text(table)
    else:
        pd.DataFrame(table).to_csv("t.csv", index=False)
    csv = None if options.get("sql") else "t.csv"
    problem: Any = None
    given = {"csv": csv, "target": target, "sql": None} | options
    assert command.describe(problem, "local", **given) == 0


def described(table: dict[str, Any] | str, target: str = "y", **options: Any) -> Table:
    run(table, target, **options)
    return schema.load(FILE)


def comments(name: str) -> list[str]:
    """The lines of comment above a column."""
    above = FILE.read_text().partition(f"[columns.{problem_toml.quoted(name)}]")[0].splitlines()
    found = []
    while above and above[-1].startswith("#"):
        found.append(above.pop().removeprefix("# "))
    return found[::-1]


def test_a_table_is_described_as_a_person_would(capsys: pytest.CaptureFixture[str]) -> None:
    table = described(columns())
    assert table.file == "t.csv" and table.target == "y"
    assert (table.kind, table.classes, table.metric) == ("binary", ("no", "yes"), "log_loss")
    assert (table.id, table.group, table.time, table.drop) == ("", "", "", ())
    assert table.slices == ("kind",)
    assert table.columns[0].type == "number"
    low, high = table.columns[0].range or (0, 0)
    assert 0 <= low < 25 and 75 < high < 100
    assert table.columns[1] == Column("kind", "category")
    out = capsys.readouterr().out
    assert out.startswith("600 rows, 2 inputs, target y: binary (no, yes)\n")
    assert out.endswith("next: check config/problem.toml, then make data and make train\n")


@pytest.mark.parametrize(
    ("values", "dropped"),
    [
        ([None] * ROWS, "has no values"),
        (["x"] * ROWS, "constant: 'x' in each row that has a value"),
        ([1, 2, *[None] * (ROWS - 2)], "over 95 % empty: 2 values in 600 rows"),
        ([f"a text of words, {n} of them" for n in range(ROWS)], "free text"),
        (["[1, 2]", "[3]"] * 300, "lists or structs, such as '[1, 2]': make columns of them with"),
        ([f"k{n}" for n in range(ROWS)], "like an id: 600 different values, such as 'k0'"),
        (list(range(1000, 1000 + ROWS)), "like an id: 600 different values, such as '1000'"),
    ],
)
def test_what_is_no_input_is_dropped_and_told(
    values: list[Any], dropped: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = described(columns(odd=values))
    assert "odd" in (table.id, *table.drop)
    assert "odd" not in [each.name for each in table.columns]
    assert f"dropped   odd: {dropped}" in capsys.readouterr().out
    if "odd" in table.drop:
        assert f'"odd", # {dropped}' in FILE.read_text()


def test_the_index_that_pandas_writes_is_the_id() -> None:
    pd.DataFrame(columns()).to_csv("t.csv", index=True)
    assert described(Path("t.csv").read_text()).id == "column 1"


def test_a_column_without_a_name_gets_one_and_no_remark() -> None:
    table = described("a,,y\n" + "1,2,yes\n2,3,no\n3,2,no\n" * 20)
    assert [each.name for each in table.columns] == ["a", "column 2"]
    assert comments("column 2") == []


def test_a_duplicate_is_dropped_but_not_a_copy_of_the_target() -> None:
    made = columns()
    table = described(made | {"size again": made["size"], "truth": made["y"]})
    assert table.drop == ("size again",)
    assert "\"size again\", # duplicate of 'size'" in FILE.read_text()
    assert comments("truth") == [guesses.DECIDES]
    assert comments("size") == []


MADE = columns()
GAPS = [None if n % 3 else n / 7 for n in range(ROWS)]


@pytest.mark.parametrize(
    ("values", "kind", "comment"),
    [
        ([f"{n % 28 + 1:02}.03.2024" for n in range(ROWS)], "date", "dates as text, such as"),
        (["2024-03-02", "02/25/2024", "5 Mar 2024"] * 200, "date", "dates in 3 spellings: 200 as"),
        ([f"{n % 12 + 1:02}/{n % 9 + 1:02}/2024" for n in range(ROWS)], "date", "the month may"),
        ([n / 7 if n % 2 else "n.k." for n in range(ROWS)], "category", "mixed types: 300 numbers"),
        (
            ["oops", *np.random.default_rng(1).normal(size=ROWS - 1)],
            "number",
            "mixed types: 1 value, such as 'oops', is no number and will count as missing",
        ),
        (MADE["y"] == "yes", "flag", "decides the target alone"),
        (np.where(MADE["y"] == "yes", "x", None), "category", None),
        ([f"00{n % 50}" for n in range(ROWS)], "category", None),
        ([n % 50 / 2 for n in range(ROWS)], "number", None),
        (GAPS, "number", None),
        (["Yes", "no", None] * 200, "flag", None),
        (["Yes", "no", "NA"] * 200, "flag", None),
        (["2024-03-02 10:00"] * 300 + ["2024-03-03T11:00:00Z"] * 300, "date", None),
        ([20240301 + n % 28 for n in range(ROWS)], "date", "dates as text, such as '20240301'"),
    ],
)
def test_a_suspicious_column_keeps_its_type_and_gets_a_comment(
    values: Any, kind: str, comment: str | None
) -> None:
    table = described(columns(odd=values))
    if comment is None and "odd" in table.drop:  # one value and gaps
        assert "constant: 'x'" in FILE.read_text()
        return
    (odd,) = [each for each in table.columns if each.name == "odd"]
    assert odd.type == kind
    assert any(each.startswith(comment) for each in comments("odd")) if comment else True
    assert comment or not comments("odd")


def test_many_levels_and_names_like_ids_are_told() -> None:
    rng = np.random.default_rng(0)
    many = [f"c{n}" for n in rng.integers(0, 10_000, 30_000)]
    owners = rng.integers(0, 5_000, 30_000)
    table = described(columns(30_000, city=many, owner_id=owners))
    assert [each.type for each in table.columns] == ["number", "category", "category", "number"]
    assert comments("city")[0].endswith("different values")
    assert comments("owner_id")[0].startswith("named like an id: if its rows belong together")


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["no", "yes"], "binary", ("no", "yes")),
        ([True, False], "binary", ("False", "True")),
        ([0, 1, 1], "binary", ("0", "1")),
        (["stay", "leave", "stay"], "binary", ("stay", "leave")),
        ([1.0, 2.0, 3.0], "multiclass", ("1.0", "2.0", "3.0")),
        (["a", "b", " c", "c"], "multiclass", ("a", "b", "c")),
        ([f"c{n:02}" for n in range(40)], "multiclass", tuple(f"c{n:02}" for n in range(40))),
        (list(range(30)), "regression", ()),
        ([n / 7 for n in range(10)], "regression", ()),
        ([None, "yes", "no"], "binary", ("no", "yes")),
        (["NA", "yes", "no"], "binary", ("no", "yes")),
        (["NA", 0, 1, 2], "multiclass", ("0", "1", "2")),
        (["none", "slight", "severe"], "multiclass", ("none", "severe", "slight")),
    ],
)
def test_the_kind_is_guessed_from_the_target(values: list[Any], kind: str, classes: Any) -> None:
    rows = 60 * len(values)
    table = described(columns(rows, y=values * 60))
    assert (table.kind, table.classes) == (kind, classes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None] * ROWS, r"the target 'y' has no value: there is nothing to learn"),
        (["yes"] * ROWS, r"the target 'y' has the one value 'yes': there is nothing to learn"),
        ([f"n{n}" for n in range(ROWS)], r"has 600 different texts, which are neither numbers"),
        (pd.date_range("2024-01-01", periods=ROWS), r"the target 'y' is a date"),
    ],
)
def test_a_target_that_can_not_be_learned_is_refused(values: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(columns(y=values))
    assert not FILE.exists()


def test_rows_without_a_target_and_rows_twice_are_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = pd.DataFrame(columns())
    made.loc[:9, "y"] = [None, "NA"] * 5
    made = pd.concat([made, made[-20:]])
    run(made.to_dict("list"))
    out = capsys.readouterr().out
    assert "10 rows without a target: left out of training" in out
    assert f"{made.duplicated().sum()} rows the same as an earlier one" in out


@pytest.mark.parametrize("rows", [2, 12])
def test_few_rows_are_described_too(rows: int) -> None:
    table = described(columns(rows, y=["yes", "no"] * (rows // 2)))
    assert table.kind == "binary" and table.folds == 3


@pytest.mark.parametrize(
    ("table", "target", "message"),
    [
        ("a,y\n1,2\n", "y", r"the target 'y' has the one value '2'"),
        ("a,y\n", "y", r"t\.csv has no rows"),
        ("y\n1\n2\n", "y", r"the table has no column that a model could learn from\."),
        ("a,y\n1,2\n1,3\n", "y", r"no column that a model could learn from; 'a' constant: '1'"),
        ("a,yes\n1,2\n", "yess", r"no column 'yess': did you mean 'yes'\?"),
        ("a,b\n1,2\n", None, r"which column is predicted\? The table has a, b: say `make describe"),
        (
            ",".join(f"c{n}" for n in range(25)) + "\n" + "1," * 24 + "1\n",
            None,
            r"c18, c19 and 5 more: say `make describe CSV=… TARGET=column`",
        ),
    ],
)
def test_a_table_or_a_target_that_does_not_do_is_refused(
    table: str, target: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run(table, target)
    assert not FILE.exists()


def test_without_a_table_it_is_asked_for() -> None:
    with pytest.raises(UserError, match=r"name the table: make describe CSV=path TARGET=column"):
        run(columns(), csv=None)
    with pytest.raises(UserError, match="CSV and SQL are two tables"):
        run(columns(), csv="t.csv", sql="select 1")


def test_a_query_is_described() -> None:
    pd.DataFrame(columns()).to_csv("t.csv", index=False)
    query = "SELECT size, y FROM 't.csv'"
    problem: Any = None
    assert command.describe(problem, "local", None, "y", query) == 0
    table = schema.load(FILE)
    assert (table.file, table.sql, len(table.columns)) == ("", query, 1)


@pytest.mark.parametrize(
    ("name", "days", "period"),
    [
        ("sold_at", 365 * 12, "year"),
        ("order date", 365 * 4, "quarter"),
        ("created", 300, "month"),
        ("created", 100, "week"),
        ("Timestamp", 12, "day"),
        ("birth_date", 365 * 12, ""),
        ("colour", 365 * 12, ""),
        ("created", 5, ""),
    ],
)
def test_time_is_guessed_from_a_name_that_tells_of_an_event(
    name: str, days: int, period: str
) -> None:
    rng = np.random.default_rng(0)
    dates = pd.Timestamp("2012-01-01") + pd.to_timedelta(rng.integers(0, days, ROWS), "D")
    table = described(columns(**{name: dates}))
    assert (table.time, table.period) == ((name, period) if period else ("", "month"))


def test_a_price_is_learned_on_a_log_scale() -> None:
    prices = np.random.default_rng(0).lognormal(10, 1, ROWS)
    assert described(columns(y=prices)).log
    FILE.unlink()
    assert not described(columns(y=prices.argsort())).log


def test_decimal_commas_in_utf16_are_recognised() -> None:
    pd.DataFrame(columns()).to_csv("t.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    problem: Any = None
    command.describe(problem, "local", "t.csv", "y", None)
    table = schema.load(FILE)
    assert table.decimal == "," and table.columns[0].type == "number"


def test_thousands_are_no_decimal_commas() -> None:
    table = described(columns(price=[f"{n % 97 + 1},{n % 89 + 100}" for n in range(ROWS)]))
    (price,) = [each for each in table.columns if each.name == "price"]
    assert table.decimal == "." and price.type == "number"
    assert price.range and price.range[1] > 90_000


def test_names_and_classes_of_any_spelling_are_written() -> None:
    names = ['a "quote"', "line\nbreak", "select", "ä ß 漢", "back\\slash", "a.b", "#", "del\x7f"]
    values = np.random.default_rng(0).normal(size=(ROWS, len(names))).T
    labels = np.where(MADE["y"] == "yes", 'in "quotes"', "two\nlines")
    table = described(dict(zip(names, values, strict=True)) | {"y ": labels})
    assert [each.name for each in table.columns] == names
    assert set(table.classes) == {'in "quotes"', "two\nlines"} and table.target == "y"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_written_as_toml(text: str) -> None:
    told = problem_toml.column(Column(text, "category"), [text])
    assert tomllib.loads(told) == {"columns": {text: {"type": "category"}}}


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))
def test_a_range_is_wider_than_what_was_seen(one: float, other: float) -> None:
    low, high = sorted([one, other])
    least, most = profiles.widened(low, high)
    assert least <= low and high <= most
    assert (least >= 0) == (low >= 0)


def test_run_again_on_the_same_table_nothing_changes(capsys: pytest.CaptureFixture[str]) -> None:
    run(columns())
    before = FILE.read_bytes()
    capsys.readouterr()
    run(columns())
    run(columns(), target=None, csv=None)
    assert FILE.read_bytes() == before
    said = "nothing has changed: config/problem.toml still describes the table\n"
    assert capsys.readouterr().out == 2 * said


def test_run_again_on_a_changed_table_it_says_what_and_keeps_edits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(columns())
    edited = FILE.read_text().replace('unit = ""', 'unit = "m²" # mine')
    FILE.write_text(edited)
    capsys.readouterr()
    made = columns(new=MADE["size"][::-1], same=["x"] * ROWS)
    del made["kind"]
    made["size"] = [9999.0, "wide", *made["size"][2:]]
    made["y"] = ["perhaps", *made["y"][1:]]
    run(made)
    assert FILE.read_text().startswith(edited.rstrip())
    added = FILE.read_text()[len(edited.rstrip()) :]
    assert tomllib.loads(added)["columns"]["new"]["type"] == "number"
    out = capsys.readouterr().out
    assert "'kind' is gone: remove it from config/problem.toml, or correct its name" in out
    assert "'new' is new: added to config/problem.toml as number" in out
    assert "'same' is new, but constant: 'x'" in out
    assert "'size': 1 value is no number, such as 'wide' in row 2" in out
    assert "'size': 1 value outside of its range, now" in out and "to 9999" in out
    assert "'y': 1 value is no class, such as 'perhaps' in row 1" in out


def test_a_value_of_a_regressions_target_that_is_no_number_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = columns(y=np.arange(ROWS) / 7)
    run(made)
    run(made | {"y": ["much", *made["y"][1:]]})
    assert "'y': 1 value is no number, such as 'much' in row 1" in capsys.readouterr().out


def test_another_table_or_target_overwrites_nothing() -> None:
    run(columns())
    before = FILE.read_bytes()
    Path("other.csv").write_bytes(Path("t.csv").read_bytes())
    for options, had in (({"csv": "other.csv"}, "file = 't.csv', not 'other.csv'"),
                         ({"target": "kind"}, "target = 'y', not 'kind'")):  # fmt: skip
        with pytest.raises(UserError, match=f"config/problem.toml is about {had}"):
            run(columns(), **options)
    assert FILE.read_bytes() == before


def test_a_target_that_is_gone_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    run(columns())
    run({"size": [1, 2], "kind": ["a", "b"]}, target=None)
    assert "'y' is gone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[problem\n", r"is not valid TOML: .*; correct it, or delete it"),
        ("[problem]\nfile = 't.csv'\n", r"problem\.target is missing"),
    ],
)
def test_a_broken_file_is_told_and_kept(text: str, message: str) -> None:
    FILE.parent.mkdir()
    FILE.write_text(text)
    with pytest.raises(UserError, match=message):
        run(columns())
    assert FILE.read_text() == text


def test_a_description_in_another_encoding_is_told_and_kept() -> None:
    FILE.parent.mkdir()
    FILE.write_text("[problem]\ntarget = 'größe'\n", encoding="latin-1")
    with pytest.raises(UserError, match=r"is not valid TOML: 'utf-8' codec can't decode"):
        run(columns())
    assert "größe" in FILE.read_text(encoding="latin-1")


def test_the_sample_is_replaced_and_kept_beside() -> None:
    FILE.parent.mkdir()
    sample = f"{command.SAMPLE} `make describe` replaces it.\n[problem]\nfile = 's.csv' # edited\n"
    FILE.write_text(sample)
    with pytest.raises(UserError, match="which column is predicted"):
        run(columns(), target=None)
    assert FILE.read_text() == sample
    assert described(columns()).file == "t.csv"
    assert command.KEPT.read_text() == sample


def test_a_file_outside_of_the_project_has_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pd.DataFrame(columns()).to_csv("t.csv", index=False)
    inside = tmp_path / "project"
    inside.mkdir()
    monkeypatch.chdir(inside)
    problem: Any = None
    command.describe(problem, "local", "../t.csv", "y", None)
    assert schema.load(FILE).file == str(tmp_path / "t.csv")


def test_the_command_works_in_a_project(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from toy.problem import PROBLEM

    monkeypatch.chdir(PROBLEM.folder.parent)
    assert cli.main(["describe"]) == 2
    assert "name the table: make describe CSV=path TARGET=column" in capsys.readouterr().err
