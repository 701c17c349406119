"""The table of runs, the choice of one, and its report."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from smallboat import integrity
from smallboat.errors import UserError
from smallboat.release import queries
from smallboat.store import runs, store
from smallboat.training import reproduction
from toy.metrics import PRIMARY
from toy.problem import PROBLEM


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with the shipped configuration and an empty store."""
    shutil.copytree("config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "store"


def keep(folder: Path, run: str, pages: tuple[str, ...] = ("report.html",), **changed: Any) -> Path:
    """Put a run's evaluation into the store."""
    evaluation = {
        "run": run,
        "created": f"2026-11-2{run}T01:02:03+00:00",
        "snapshot": "356aa0350cfef22c",
        "commit": "0123456789012345678901234567890123456789+",
        "winner": "ridge",
        "metrics": {"test": {PRIMARY: 3.0954}},
        "intervals": {"test": {PRIMARY: [2.9012, 3.2883]}},
        "baseline": {"test": {PRIMARY: 3.869}},
        "gates": [{"gate": "parity", "passed": True}, {"gate": "size", "passed": True}],
        "model_hash": "4c1a2f6b44594feb",
    } | changed
    kept = {key: value for key, value in evaluation.items() if value != "absent"}
    files = {name: b"<html>" for name in pages}
    return store.write_run(str(folder), run, kept, files)


def columns(line: str) -> list[str]:
    return re.split("  +", line)


def test_the_table_has_a_line_for_each_run_the_newest_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(folder, "1")
    keep(folder, "3", gates=[{"gate": "parity", "passed": False}, {"gate": "size", "passed": True}])
    keep(folder, "2")
    assert queries.list_runs(PROBLEM, "local") == 0
    head, third, second, first = capsys.readouterr().out.splitlines()
    assert columns(head)[0] == "run" and f"{PRIMARY} on test" in columns(head)
    assert (third[0], second[0], first[0]) == ("3", "2", "1")
    assert "failed: parity " in third
    assert columns(second) == [
        "2",
        "2026-11-22 01:02",
        "356aa0350cfef22c",
        "ridge",
        "3.095",
        "2.901 to 3.288",
        "3.869",
        "passed",
        "0123456+",
        "4c1a2f6b44594feb",
        "-",
    ]
    assert head.index("winner") == second.index("ridge") == third.index("ridge")


@pytest.mark.parametrize(
    "damaged",
    [
        {"created": None},
        {"created": 5},
        {"winner": None},
        {"gates": []},
        {"metrics": {"test": {PRIMARY: "abc"}}},
        {"intervals": 7},
    ],
    ids=str,
)
def test_a_damaged_evaluation_is_a_line_with_dashes_and_the_others_are_shown(
    folder: Path, capsys: pytest.CaptureFixture[str], damaged: dict[str, Any]
) -> None:
    keep(folder, "1")
    keep(folder, "2", **damaged)
    assert queries.list_runs(PROBLEM, "local") == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert sorted(line[0] for line in lines) == ["1", "2"]
    assert "-" in columns(next(line for line in lines if line[0] == "2"))


def test_what_an_older_evaluation_lacks_is_a_dash(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(folder, "9", created="absent", intervals="absent", commit=None)
    keep(folder, "1")
    queries.list_runs(PROBLEM, "local")
    _, newer, older = capsys.readouterr().out.splitlines()
    assert newer[0] == "1"
    assert columns(older)[:2] == ["9", "-"]
    assert columns(older)[4:] == ["3.095", "-", "3.869", "passed", "-", "4c1a2f6b44594feb", "-"]


def test_what_is_not_a_run_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(folder, "1")
    (folder / "runs" / "notes.txt").write_text("mine")
    for name, text in (("a", "no JSON"), ("b", "[]"), ("c", '{"run": "1"}'), ("d", "\udcff")):
        (folder / "runs" / name).mkdir()
        (folder / "runs" / name / "evaluation.json").write_text(text, errors="surrogateescape")
    (folder / "runs" / "e").mkdir()
    shutil.copytree(folder / "runs" / "1", folder / "runs" / "f")
    queries.list_runs(PROBLEM, "local")
    _, one, *skipped = capsys.readouterr().out.splitlines()
    assert one.startswith("1 ")
    for line, name, message in zip(
        skipped, "abcdf", ["changed", "changed", "an older version", "changed", "another run"],
        strict=True,
    ):  # fmt: skip
        assert line.startswith(f"skipped: store/runs/{name}/evaluation.json ") and message in line
    for command in (queries.card, reproduction.reproduce):
        with pytest.raises(UserError, match=r"runs/a/evaluation\.json was changed"):
            command(PROBLEM, "local", "a")


def test_a_broken_endpoint_is_told_below_the_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(folder, "1")
    Path("endpoint").mkdir()
    Path("endpoint", "current").write_text("gone")
    assert queries.list_runs(PROBLEM, "local") == 0
    _, one, message = capsys.readouterr().out.splitlines()
    assert (
        one.startswith("1 ") and "what is served can't be read: endpoint/releases/gone" in message
    )


def test_without_a_run_it_is_said_how_to_make_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert queries.list_runs(PROBLEM, "local") == 0
    assert capsys.readouterr().out == "no runs yet: `make train` makes one\n"
    for command in (queries.card, reproduction.reproduce):
        with pytest.raises(UserError, match="no runs yet: `make train` makes one"):
            command(PROBLEM, "local", None)


@pytest.mark.parametrize("command", [queries.card, reproduction.reproduce])
def test_an_unknown_run_is_told_with_the_nearest(folder: Path, command: Any) -> None:
    keep(folder, "1795222852862741")
    with pytest.raises(UserError, match="no run '1795222852': did you mean '1795222852862741'"):
        command(PROBLEM, "local", "1795222852")


@pytest.mark.parametrize("opens", [True, False])
def test_the_newest_report_is_opened_where_there_is_a_display(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    opens: bool,
) -> None:
    keep(folder, "1")
    page = keep(folder, "2") / "report.html"
    asked: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("TERM", "xterm")  # card() unsets it
    monkeypatch.setattr("webbrowser.open", lambda url: asked.append(url) or opens)
    assert queries.card(PROBLEM, "local", None) == 0
    assert asked == [page.as_uri()]
    told = capsys.readouterr().out
    assert told.startswith("store/runs/2/report.html\n")
    assert ("open it in yours" in told) == (not opens)


def test_without_a_display_only_the_place_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(folder, "1", ("report.html", "model_card.html"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("webbrowser.open", lambda url: pytest.fail("a browser was started"))
    assert queries.card(PROBLEM, "local", "1") == 0
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first == "store/runs/1/report.html"
    assert second == "model card: store/runs/1/model_card.html"


@pytest.mark.parametrize(
    ("commit", "message"),
    [
        (None, "run 1 was made outside of a git repository of the project"),
        ("0" * 40 + "+", "with uncommitted edits on 0{40}: only committed code can be reproduced"),
        ("0" * 40, "commit 0{40} of run 1 is no longer in the repository"),
    ],
)
def test_why_a_run_cannot_be_reproduced_is_told(
    folder: Path, commit: str | None, message: str
) -> None:
    keep(folder, "1", commit=commit)
    with pytest.raises(UserError, match=message):
        reproduction.reproduce(PROBLEM, "local", None)


def test_a_run_whose_snapshot_is_gone_cannot_be_reproduced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduction, "_commit", lambda evaluation: evaluation["commit"])
    keep(folder, "1")
    with pytest.raises(
        UserError, match="snapshot 356aa0350cfef22c of run 1 is no longer in the store"
    ):
        reproduction.reproduce(PROBLEM, "local", None)


def test_a_run_is_read_without_being_written_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a thousand runs, that would take most of the time."""
    keep(folder, "1")
    monkeypatch.setattr(integrity, "to_json", lambda _: pytest.fail("it was written again"))
    assert list(runs.read(str(folder))[0]) == ["1"]


def test_when_a_run_was_made_is_known_only_of_a_whole_one(folder: Path) -> None:
    keep(folder, "1")
    keep(folder, "3").rename(folder / "runs" / "2")
    assert runs.created(str(folder), "1") == "2026-11-21T01:02:03+00:00"
    assert [runs.created(str(folder), run) for run in ("2", "4")] == ["", ""]
    file = folder / "runs" / "1" / "evaluation.json"
    file.write_bytes(file.read_bytes().replace(b"ridge", b"lasso"))
    assert runs.created(str(folder), "1") == ""
