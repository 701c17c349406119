"""A generated project, used as its user uses it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Project, real


def evaluations(project: Project) -> list[dict[str, Any]]:
    """What the store knows of each run, oldest first."""
    files = sorted((project.path / "store" / "runs").glob("*/evaluation.json"))
    return [json.loads(file.read_text()) for file in files]


@pytest.mark.nightly  # by day test_harmless_edits.py runs all of them
def test_its_own_tests(project: Project) -> None:
    done = project.make("test")
    assert done.returncode == 0, done.stdout[-5000:]


def test_a_long_name_does_not_break_its_lint(project: Project, tmp_path: Path) -> None:
    from conftest import bake

    name = "a_name_of_thirty_characters_ab"
    other = bake(tmp_path, use_case=project.use_case, project_slug=name)
    for words in (("ruff", "check", "."), ("ruff", "format", "--check", ".")):
        done = other.run(*words)
        assert done.returncode == 0, done.stdout


def test_train_on_the_sample(project: Project) -> None:
    done = project.make("train")
    assert done.returncode == 0, done.stdout + done.stderr
    run = evaluations(project)[-1]
    assert len(run["candidates"]) >= (4 if project.use_case == "tabular" else 5)
    if project.use_case == "f1":
        assert sum(len(result["trials"]) for result in run["candidates"]) >= 40
    assert f"passed: model {run['model_hash']}" in done.stdout
    report = project.make("card", f"RUN={run['run']}").stdout.splitlines()[0]
    assert (project.path / report).read_text().startswith("<!DOCTYPE html>")
    told = project.make("reproduce")
    assert told.returncode == 2
    assert "made outside of a git repository" in told.stderr


def train_again(project: Project) -> None:
    """Train as in the test before: another run of the same model."""
    done = project.make("train")
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = evaluations(project)[-2:]
    assert first["model_hash"] == second["model_hash"]
    assert first["run"] != second["run"]
    listed = project.make("runs").stdout.splitlines()
    assert [line.split()[0] for line in listed[1:3]] == [second["run"], first["run"]]
    assert all(first["model_hash"] in line for line in listed[1:3])


def test_train_on_the_sample_again_gives_the_same_model(f1: Project) -> None:
    train_again(f1)


@pytest.mark.nightly
def test_in_each_use_case_it_does(project: Project) -> None:
    train_again(project)


@pytest.mark.parametrize(
    "variable", ["F1_DATA_1950", pytest.param("F1_DATA", marks=pytest.mark.nightly)]
)
def test_train_on_real_seasons(f1: Project, variable: str) -> None:
    done = f1.make("train", f"DIR={real(variable)}")
    assert done.returncode == 0, done.stdout + done.stderr
    evaluation = evaluations(f1)[-1]
    assert evaluation["passed"]
    assert evaluation["failures"] == {}
    assert len(evaluation["candidates"]) >= 5
    assert sum(len(result["trials"]) for result in evaluation["candidates"]) >= 40
    assert evaluation["metrics"]["test"]["mae"] < evaluation["baseline"]["test"]["mae"]


@pytest.fixture
def tables(f1: Project, tmp_path: Path) -> Path:
    """A copy of the sample tables, to be damaged."""
    return Path(shutil.copytree(f1.path / "data" / "sample", tmp_path / "tables"))


@pytest.fixture
def settings(f1: Project) -> Iterator[Path]:
    """The configuration file, to be damaged; as it was afterwards."""
    file = f1.path / "config" / "base.toml"
    text = file.read_text()
    yield file
    file.write_text(text)


def held(project: Project) -> list[Path]:
    return sorted(path for path in (project.path / "store").rglob("*"))


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


def emptied(folder: Path) -> None:
    gone(folder)
    folder.mkdir()


def without_a_table(folder: Path) -> None:
    (folder / "results.csv").unlink()


def without_a_column(folder: Path) -> None:
    file = folder / "results.csv"
    file.write_text(file.read_text().replace("positionOrder", "order", 1))


def cut_off(folder: Path) -> None:
    import gzip

    file = folder / "results.csv"
    packed = gzip.compress(file.read_bytes())
    file.unlink()
    (folder / "results.csv.gz").write_bytes(packed[: len(packed) // 2])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (gone, "There is no folder"),
        (emptied, "lacks races.csv"),
        (without_a_table, "lacks results.csv"),
        (without_a_column, "results.csv lacks the column positionOrder"),
        (cut_off, "results.csv.gz is not a whole gzip file"),
    ],
)
def test_a_wrong_folder_gets_a_sentence_and_leaves_nothing(
    f1: Project, tables: Path, damage: Callable[[Path], None], message: str
) -> None:
    f1.make("data")
    before = held(f1)
    damage(tables)
    for words in (("data", "SOURCE=files"), ("train",)):
        done = f1.make(*words, f"DIR={tables}")
        sentence, verdict = done.stderr.splitlines()
        assert sentence.startswith("error: ") and message in sentence
        assert verdict.endswith("Error 2")
    assert held(f1) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data", "SOURCE=web"], "source = 'web' is wrong: input should be 'sample', 'files'"),
        (["data", "SOURCE=files"], "The source files needs a folder: make data SOURCE=files DIR="),
        (["train", "ENV=nowhere"], "there is no environment 'nowhere': choose one of local"),
    ],
)
def test_a_wrong_word_gets_a_sentence(f1: Project, words: list[str], message: str) -> None:
    done = f1.make(*words)
    assert message in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[-1].endswith("Error 2")


def test_a_wrong_key_gets_the_nearest_right_one(f1: Project, settings: Path) -> None:
    settings.write_text(settings.read_text().replace("seed =", "sead ="))
    done = f1.make("train")
    assert "unknown key training.sead: did you mean 'seed'?" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("Error 2")


def test_an_api_that_is_down_gets_a_sentence(f1: Project, settings: Path) -> None:
    text = settings.read_text().replace("https://api.jolpi.ca", "http://127.0.0.1:9")
    settings.write_text(text)
    before = held(f1)
    done = f1.make("data", "SOURCE=api")
    assert "can't be reached" in done.stderr.splitlines()[0]
    assert held(f1) == before


def test_a_full_disk_gets_a_sentence_and_leaves_nothing(f1: Project, tables: Path) -> None:
    f1.make("data")
    before = held(f1)
    (tables / "status.csv").write_text("statusId,status\n1,Finished\n")
    done = f1.run("python", "-m", "smallboat", "data", "--source", "files", "--dir", tables, kib=64)
    assert done.returncode == 2
    assert "could not use " in done.stderr
    assert "nothing was saved" in done.stderr
    assert held(f1) == before


def one_more_winner(folder: Path) -> None:
    file = folder / "results.csv"
    lines = file.read_text().splitlines()
    order = lines[0].split(",").index("positionOrder")
    second = next(i for i, line in enumerate(lines) if line.split(",")[order] == "2")
    cells = lines[second].split(",")
    cells[order] = cells[order - 1] = cells[order - 2] = "1"
    lines[second] = ",".join(cells)
    file.write_text("\n".join(lines) + "\n")


def two_seasons_only(folder: Path) -> None:
    file = folder / "races.csv"
    header, *rows = file.read_text().splitlines()
    years = sorted({row.split(",")[1] for row in rows})[-2:]
    kept = [row for row in rows if row.split(",")[1] in years]
    races = {row.split(",")[0] for row in kept}
    file.write_text("\n".join([header, *kept]) + "\n")
    for name in ("results", "qualifying", "sprint_results", "driver_standings"):
        drop(folder / f"{name}.csv", races)
    drop(folder / "constructor_standings.csv", races)


def drop(file: Path, races: set[str]) -> None:
    header, *rows = file.read_text().splitlines()
    place = header.split(",").index("raceId")
    kept = [row for row in rows if row.split(",")[place] in races]
    file.write_text("\n".join([header, *kept]) + "\n")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (one_more_winner, "a race has exactly one winner"),
        (two_seasons_only, "training needs at least 5"),
    ],
)
def test_data_that_can_not_be_trained_on_gets_a_sentence(
    f1: Project, tables: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(tables)
    before = len(evaluations(f1))
    done = f1.make("train", f"DIR={tables}")
    sentence, verdict = done.stderr.splitlines()[-2:]
    assert sentence.startswith("error: ") and message in sentence
    assert verdict.endswith("Error 2")
    assert "Traceback" not in done.stdout + done.stderr
    assert len(evaluations(f1)) == before
