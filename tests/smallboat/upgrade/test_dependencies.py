"""Newer packages are taken as a whole or not at all, whatever fails."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from smallboat.errors import CommandError, UserError
from smallboat.store import store
from smallboat.training import reproduction
from smallboat.upgrade import dependencies, installation
from toy.problem import PROBLEM

LOCK = '[[package]]\nname = "a"\nversion = "{}"\nsource = {{ registry = "here" }}\n'
PROJECT = '[tool.uv]\nexclude-newer = "{}T00:00:00Z"\n'
OLD, NEW = "2026-11-01", "2026-11-08"
SCORES = {"metrics": {"test": {"hits": 0.5}}, "intervals": {"test": {"hits": [0, 1]}}}
RUN: dict[str, Any] = {
    "winner": "ridge", "primary": "hits", "gates": [], "model_hash": "aa", "snapshot": "5a5a",
    "passed": True, **SCORES,
}  # fmt: skip
FAILED = RUN | {"passed": False}
OTHER = RUN | {"model_hash": "bb"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one package, whose data and store its copies link to."""
    (tmp_path / "config").symlink_to(Path("config").resolve())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(OLD))
    (tmp_path / "uv.lock").write_text(LOCK.format("1.0"))
    (tmp_path / "serving" / "model").mkdir(parents=True)
    (tmp_path / dependencies.SERVER_LOCK).write_text("a==1.0")
    (tmp_path / "Makefile").write_text("lock:\n\techo a==2.0 > serving/model/requirements.lock\n")
    for name in ("data", "store", "toy/data", ".venv"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "toy" / "data" / "own.py").touch()
    (tmp_path / "gone").symlink_to("nowhere")
    monkeypatch.setattr(store, "newest_snapshot", lambda _: None)
    monkeypatch.setattr(reproduction, "link_snapshots", lambda *_: None)
    return tmp_path


def fake(
    monkeypatch: pytest.MonkeyPatch, trained: list[Any], syncs: list[Any], lock: int = 0
) -> list[Path]:
    """Let uv and the trainings end in these ways; the copies that are trained."""
    copies, ends = [], iter(syncs)

    def uv(*words: str, folder: Path, quiet: bool = False) -> Any:
        if words[0] == "lock":
            (folder / "uv.lock").write_text(LOCK.format("2.0"))
            return subprocess.CompletedProcess(words, lock, stderr="a has no version")
        if isinstance(code := next(ends), BaseException):
            raise code
        return subprocess.CompletedProcess(words, code)

    def train(_: Any, tree: Path, *__: Any) -> Any:
        copies.append(tree)
        assert (tree / "data").is_symlink() and (tree / "toy" / "data" / "own.py").exists()
        assert not (tree / ".venv").exists() and not (tree / "store").exists()
        return trained[len(copies) - 1]

    monkeypatch.setattr(installation, "uv", uv)
    monkeypatch.setattr(reproduction, "train", train)
    return copies


def files() -> list[str]:
    names = ("pyproject.toml", "uv.lock", dependencies.SERVER_LOCK)
    return [Path(name).read_bytes().decode() for name in names]


def update() -> int:
    return dependencies.update(PROBLEM, "local", NEW)


@pytest.mark.parametrize(
    ("trained", "syncs", "message"),
    [
        ([None], [], "training fails with the packages as they are: correct that first"),
        ([RUN], [1], "uv can't install them, see above. New versions: a 1.0 -> 2.0"),
        ([RUN, None], [0], "training fails with the newer packages.*New versions: a 1.0 -> 2.0"),
        ([RUN, FAILED], [0], "no candidate passes its gates with the newer packages"),
        ([RUN, OTHER], [0, 1, 0], "uv can't install the newer packages"),
    ],
)
def test_a_failure_leaves_all_as_it_was(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    trained: list[Any],
    syncs: list[Any],
    message: str,
) -> None:
    fake(monkeypatch, trained, syncs)
    before = files()
    with pytest.raises(CommandError, match=message) as raised:
        update()
    assert str(raised.value).endswith("pyproject.toml, uv.lock and .venv are as before")
    assert files() == before and not dependencies.TRIAL.exists()


def test_an_interruption_while_all_changes_is_taken_back(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files()
    fake(monkeypatch, [RUN, OTHER], [0, KeyboardInterrupt(), 0])
    with pytest.raises(KeyboardInterrupt):
        update()
    assert files() == before and not dependencies.TRIAL.exists()


def test_a_lock_that_fails_names_what_uv_names(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files()
    copies = fake(monkeypatch, [], [], lock=1)
    with pytest.raises(CommandError, match="no versions of 2026-11-08 fit together: a has no ver"):
        update()
    assert files() == before and copies == []


@pytest.mark.parametrize(
    ("second", "told"),
    [(OTHER, "Both were trained on the same snapshot"), (RUN, "Both are the same model.")],
)
def test_what_trains_is_taken_and_told(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    second: Any,
    told: str,
) -> None:
    output = project / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    copies = fake(monkeypatch, [RUN, second], [0, 0])
    assert update() == 0
    assert files() == [PROJECT.format(NEW), LOCK.format("2.0"), "a==2.0\n"]
    assert [copy.name for copy in copies] == ["before", "after"]
    assert output.read_text() == "changed=true\n"
    report = dependencies.REPORT.read_text()
    assert report in capsys.readouterr().out and told in report
    assert "| a | 1.0 | 2.0 | **major** |" in report
    assert "| hits (decides) | 0.500 (0.000 to 1.000) | 0.500 (0.000 to 1.000) |" in report


def test_edits_that_are_made_meanwhile_stay(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, [RUN, OTHER], [0, 0])
    resolve: Callable[..., Any] = dependencies._resolve

    def edited(*words: Any) -> Any:
        found = resolve(*words)
        with Path("pyproject.toml").open("a") as file:
            file.write("# mine\n")
        return found

    monkeypatch.setattr(dependencies, "_resolve", edited)
    update()
    assert Path("pyproject.toml").read_text() == PROJECT.format(NEW) + "# mine\n"


@pytest.mark.parametrize(("syncs", "day"), [([0, 1, 0], OLD), ([0, 0], NEW)])
def test_the_ends_of_lines_stay(
    project: Path, monkeypatch: pytest.MonkeyPatch, syncs: list[int], day: str
) -> None:
    Path("pyproject.toml").write_bytes(PROJECT.format(OLD).replace("\n", "\r\n").encode())
    fake(monkeypatch, [RUN, OTHER], syncs)
    with suppress(CommandError):
        update()
    assert files()[0] == PROJECT.format(day).replace("\n", "\r\n")


def test_the_servers_lock_is_made_by_the_python_of_the_copy(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "Makefile").write_text(
        "PYTHON = another\nlock:\n\techo $(PYTHON) > serving/model/requirements.lock\n"
    )
    fake(monkeypatch, [RUN, OTHER], [0, 0])
    update()
    assert files()[2] == f"{project / dependencies.TRIAL / 'after' / '.venv/bin/python'}\n"


def test_without_a_lock_it_says_how_to_make_one(project: Path) -> None:
    Path("uv.lock").unlink()
    with pytest.raises(UserError, match=r"uv\.lock is missing: `touch pyproject\.toml`"):
        update()
    assert not dependencies.TRIAL.exists()


def test_without_newer_versions_the_date_moves_and_nothing_is_trained(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("uv.lock").write_text(LOCK.format("2.0"))
    copies = fake(monkeypatch, [], [0])
    assert update() == 0
    assert "No package has another version." in capsys.readouterr().out
    assert files()[0] == PROJECT.format(NEW) and copies == []


@pytest.mark.parametrize(("date", "day"), [("2999-01-01", None), (NEW, NEW)])
def test_recent_packages_are_left_alone(
    date: str,
    day: str | None,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("pyproject.toml").write_text(PROJECT.format(date))
    copies = fake(monkeypatch, [], [])
    assert dependencies.update(PROBLEM, "local", day) == 0
    assert capsys.readouterr().out == f"nothing to do: packages are taken up to {date} already\n"
    assert copies == []
