"""The table that compares a pull request's model with that of main."""

from pathlib import Path
from typing import Any

import pytest
from smallboat.config import config
from smallboat.errors import UserError
from smallboat.store import store
from smallboat.workflows import compare
from toy.problem import PROBLEM


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a run, and one of main within it."""
    (tmp_path / "config").symlink_to(Path("config").resolve())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main").mkdir()
    keep(Path(), "2", "aa", 2.5)
    return tmp_path


def keep(checkout: Path, run: str, model: str, error: float, **changed: Any) -> None:
    """Let a checkout have a run."""
    scores = {"error": error, "hits": 0.5}
    evaluation = {
        "run": run,
        "created": f"2026-11-21T0{run}:00:00+00:00",
        "winner": "ridge",
        "primary": "hits",
        "metrics": {"test": scores},
        "intervals": {"test": {name: [value - 1, value + 1] for name, value in scores.items()}},
        "gates": [{"gate": "no leakage", "passed": True}],
        "model_hash": model,
        "snapshot": "5a5a",
    } | changed
    store.write_run(str(checkout / config.load(PROBLEM, "local").store.root), run, evaluation, {})


def run(environment: str = "local", other: str = "main") -> int:
    """`make compare`."""
    return compare.compare(PROBLEM, environment, other)


def test_both_winners_stand_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(Path("main"), "1", "bb", 2.75, gates=[{"gate": "no leakage", "passed": False}])
    assert run() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["### Challenger and main", "", "| | this change | main |"]
    assert lines.index("| hits (decides) | 0.500 (-0.500 to 1.500) | 0.500 (-0.500 to 1.500) |") < (
        lines.index("| error | 2.500 (1.500 to 3.500) | 2.750 (1.750 to 3.750) |")
    )
    assert "| gates | passed | failed: no leakage |" in lines
    assert "| model | `aa` | `bb` |" in lines


def test_warnings_and_a_change_without_a_model_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(Path("main"), "1", "bb", 2.75, warnings=["it may be chance"])
    without = {"winner": None, "metrics": None, "intervals": None, "model_hash": None}
    failed = [{"gate": "a candidate that can be served", "passed": False}]
    keep(Path(), "4", "", 0.0, gates=failed, **without)
    run()
    told = capsys.readouterr().out
    assert "| candidate | none | ridge |" in told
    assert "| error | - | 2.750 (1.750 to 3.750) |" in told
    assert "failed: a candidate that can be served | passed; warning: it may be chance |" in told
    assert "No candidate of this change can be served" in told


def test_a_metric_may_have_the_name_of_a_row(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As f1's share of winners, `winner`."""
    scores = {"metrics": {"test": {"model": 0.5}}, "intervals": {"test": {"model": [0, 1]}}}
    keep(Path("main"), "1", "bb", 2.75)
    keep(Path(), "4", "aa", 2.5, **scores)
    run()
    told = capsys.readouterr().out
    assert "| model | 0.500 (0.000 to 1.000) | - |" in told and "| model | `aa` | `bb` |" in told


def test_the_newest_run_of_each_is_meant(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(Path("main"), "1", "bb", 2.75)
    keep(Path("main"), "3", "aa", 2.5)
    run()
    assert "Both are the same model." in capsys.readouterr().out


def test_main_may_have_no_run_or_know_less(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    told = capsys.readouterr().out
    assert "| candidate | ridge | - |" in told
    assert "Training failed on main, so there is nothing to compare with." in told
    keep(Path("main"), "1", "bb", 2.75, intervals={}, gates=None)
    run()
    told = capsys.readouterr().out
    assert "| error | 2.500 (1.500 to 3.500) | - |" in told and "| gates | passed | - |" in told


def test_the_table_is_in_the_summary_of_githubs_job(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary"))
    run()
    assert (folder / "summary").read_text() == capsys.readouterr().out


def test_wrong_folders_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="there is no folder nowhere: check out main there"):
        run(other="nowhere")
    with pytest.raises(UserError, match="staging has one store"):
        run("staging")
    (folder / "store").rename(folder / "away")
    with pytest.raises(UserError, match="no runs yet"):
        run()
