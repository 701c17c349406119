"""A pull request's model beside that of main: the table, and the comment."""

from pathlib import Path
from typing import Any

import pytest
from fake_github import NAME, GitHub
from smallboat.config import config
from smallboat.errors import UserError
from smallboat.store import store
from smallboat.workflows import pr_comment
from toy.problem import PROBLEM

PULL = "refs/pull/1/merge"


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
        "metrics": {"test": scores},
        "intervals": {"test": {name: [value - 1, value + 1] for name, value in scores.items()}},
        "gates": [{"gate": "no leakage", "passed": True}],
        "model_hash": model,
        "snapshot": "5a5a",
    } | changed
    store.write_run(str(checkout / config.load(PROBLEM, "local").store.root), run, evaluation, {})


def compare(environment: str = "local", other: str = "main") -> int:
    """`make compare`."""
    return pr_comment.compare(PROBLEM, environment, other)


def on_github(monkeypatch: pytest.MonkeyPatch, github: GitHub, token: str) -> None:
    """Be the workflow of a pull request."""
    github.add("a change", pull=True)
    known = {"REF": PULL, "REPOSITORY": NAME, "API_URL": github.url, "TOKEN": token}
    for name, value in known.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)


def test_both_winners_stand_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(Path("main"), "1", "bb", 2.75, gates=[{"gate": "no leakage", "passed": False}])
    assert compare() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["### Challenger and main", "", "| | this change | main |"]
    assert "| error | 2.500 (1.500 to 3.500) | 2.750 (1.750 to 3.750) |" in lines
    assert "| gates | passed | failed: no leakage |" in lines
    assert "| model | `aa` | `bb` |" in lines


def test_the_newest_run_of_each_is_meant(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(Path("main"), "1", "bb", 2.75)
    keep(Path("main"), "3", "aa", 2.5)
    compare()
    assert "Both are the very same model." in capsys.readouterr().out


def test_main_may_have_no_run_or_know_less(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare()
    told = capsys.readouterr().out
    assert "| winner | ridge | - |" in told
    assert "main's code made no run here, so there is nothing to compare with." in told
    keep(Path("main"), "1", "bb", 2.75, intervals={}, gates=None)
    compare()
    told = capsys.readouterr().out
    assert "| error | 2.500 (1.500 to 3.500) | - |" in told and "| gates | passed | - |" in told


def test_a_pull_request_has_one_comment_and_its_job_a_summary(
    folder: Path, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_github(monkeypatch, github, "pull-requests=write")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary"))
    compare()
    keep(Path("main"), "1", "bb", 2.75)
    compare()
    (said,) = github.said(1)
    assert "| model | `aa` | `bb` |" in said
    assert said.partition("\n")[2] in (folder / "summary").read_text()


@pytest.mark.parametrize(
    ("token", "message"),
    [("pull-requests=read", "may not POST"), ("", "the job sets no GITHUB_TOKEN")],
)
def test_who_may_not_comment_is_told_and_does_not_fail(
    folder: Path,
    github: GitHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    token: str,
    message: str,
) -> None:
    on_github(monkeypatch, github, token)
    assert compare() == 0
    told = capsys.readouterr().out
    assert "not commented, so it stands in the job's summary only: " in told
    assert message in told and not github.comments


def test_wrong_folders_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="there is no folder nowhere: check main out there"):
        compare(other="nowhere")
    with pytest.raises(UserError, match="staging has one store for all"):
        compare("staging")
    (folder / "store").rename(folder / "away")
    with pytest.raises(UserError, match="no runs yet"):
        compare()
