"""Moves the date up to which packages are taken, if training still works with newer ones."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from .. import disk
from ..config import config, files
from ..errors import UserError, ended
from ..problem import Problem
from ..store import store
from ..training import flow, reproduction
from ..workflows import compare, notices
from . import installation, library, versions
from .installation import LOCK, PROJECT

AGE = timedelta(days=7)
"""How old a package must be: what is faulty or malicious has mostly been withdrawn by then."""
SERVER_LOCK = Path("serving/model/requirements.lock")
"""What the model server's image installs; `make lock` writes it."""
TRIAL = Path(".cache/update-deps")
"""Holds two copies of the project while they train; what is installed here stays as it is."""
REPORT = Path(".cache/update-deps.md")
LEFT_OUT = {"data", "endpoint", "store"}
"""Folders of the project that its copies do not get: what was made, and the data, to which they
have a link."""
DATE = re.compile(r'(?m)^(exclude-newer = ")([^"]+)(")')


def update(problem: Problem, environment: str, day: str | None) -> int:
    """Take newer packages, if training works with them; print versions and metrics as Markdown.

    Two copies of the project train on the same snapshot: one with the packages as they are, one
    with the newer ones. Only then do pyproject.toml, uv.lock and .venv change.

    Args:
        problem: the project's.
        environment: whose settings and snapshots the copies train with, on this machine.
        day: take packages from before this day (UTC), as yyyy-mm-dd; without it, those that are
            at least a week old.

    Raises:
        UserError: the day is wrong, or training fails already with the packages as they are.
        CommandError: no versions fit together, or training fails with them.
    """
    if not LOCK.is_file():
        raise UserError(f"{LOCK} is missing: `touch {PROJECT}` and `make setup` make it again")
    with installation.alone():
        library.restore_interrupted()
        old, new = _date(), _midnight(day)
        if new == old or (day is None and new < old):
            print(f"nothing to do: packages are taken up to {old:%Y-%m-%d} already")
            return 0
        with _trial() as (before, after):
            changed = _resolve(after, new)
            parts = [f"### Packages until {new:%Y-%m-%d}, before until {old:%Y-%m-%d}"]
            if changed:
                model = _trained(problem, environment, before, after, changed)
                parts += [versions.table(changed), model]
            else:
                parts += ["No package has another version."]
            _take(after, new)
    _tell("\n\n".join(parts))
    return 0


def _date() -> datetime:
    """The date up to which packages are taken now."""
    found = DATE.search(PROJECT.read_text())
    try:
        return datetime.fromisoformat(found[2] if found else "").astimezone(UTC)
    except ValueError:
        raise UserError(
            f"{PROJECT} does not say up to when packages are taken: write "
            f'`exclude-newer = "{_midnight(None):%Y-%m-%dT00:00:00Z}"` under [tool.uv]'
        ) from None


def _midnight(day: str | None) -> datetime:
    """The begin of a day (UTC), or the newest one that is old enough."""
    now = datetime.now(UTC)
    try:
        chosen = date.fromisoformat(day) if day else (now - AGE).date()
    except ValueError:
        raise UserError(f"{day} is no day: write it as in DATE=2026-11-23") from None
    midnight = datetime.combine(chosen, time(), UTC)
    if midnight > now:
        raise UserError(f"{day} is in the future: choose a day up to {now:%Y-%m-%d}")
    return midnight


@contextmanager
def _trial() -> Iterator[tuple[Path, Path]]:
    """Two copies of the project, removed afterwards; the data is the project's own."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # so that the copies are removed
    shutil.rmtree(TRIAL, ignore_errors=True)  # of one that was killed
    try:
        trees = (TRIAL.resolve() / "before", TRIAL.resolve() / "after")
        for tree in trees:
            _copy(tree)
        yield trees
    finally:
        shutil.rmtree(TRIAL, ignore_errors=True)


def _copy(tree: Path) -> None:
    """Copy the project's own files."""
    others = shutil.ignore_patterns(".*", "__pycache__", "node_modules")

    def ignored(folder: str, names: list[str]) -> set[str]:
        return others(folder, names) | (LEFT_OUT if Path(folder) == Path() else set())

    shutil.copytree(Path(), tree, ignore=ignored, ignore_dangling_symlinks=True)
    if Path("data").is_dir():
        (tree / "data").symlink_to(Path("data").resolve())


def _resolve(tree: Path, day: datetime) -> list[versions.Change]:
    """Let uv choose the newest versions of a day in a copy; what differs from today's."""
    disk.replace(tree / PROJECT, _dated(day))
    done = installation.uv("lock", "--upgrade", "--quiet", folder=tree, quiet=True)
    if done.returncode:
        raise _failed(f"no versions of {day:%Y-%m-%d} fit together: {done.stderr.strip()}")
    return versions.changes(LOCK, tree / LOCK)


def _dated(day: datetime) -> str:
    """The project's pyproject.toml with another date."""
    return DATE.sub(rf"\g<1>{day:%Y-%m-%dT00:00:00Z}\g<3>", _text(PROJECT), count=1)


def _text(file: Path) -> str:
    """A file's text with its own ends of lines."""
    return file.read_bytes().decode()


def _trained(
    problem: Problem, environment: str, before: Path, after: Path, changed: list[versions.Change]
) -> str:
    """Train both copies on one snapshot; the models side by side, as Markdown."""
    settings = config.load(problem, environment)
    snapshot = store.newest_snapshot(settings.store.root)
    if snapshot:
        reproduction.link_snapshots(before, settings.store.root, snapshot)
    first = _train(problem, environment, before, sys.executable)
    if first is None:
        raise _failed("training fails with the packages as they are: correct that first")
    blamed = f"New versions: {', '.join(map(str, changed))}"
    if not installation.install(after):
        raise _failed(f"uv can't install them, see above. {blamed}")
    reproduction.link_snapshots(after, reproduction.own_store(before), first["snapshot"])
    second = _train(problem, environment, after, str(after / ".venv" / "bin" / "python"))
    if second is None or (first["passed"] and not second["passed"]):
        reason = "training fails" if second is None else "no candidate passes its gates"
        raise _failed(
            f"{reason} with the newer packages, see above. {blamed}. Those with another major "
            f"version come first: bound the one at fault in {PROJECT}, then run it again"
        )
    _lock_server(after)
    return _compared(first, second)


def _train(problem: Problem, environment: str, tree: Path, python: str) -> dict[str, Any] | None:
    """Train a copy with its own settings, store and packages; None if that fails."""
    print(f"training a copy, removed later, with the packages {tree.name} the update", flush=True)
    reproduction.localise(tree / files.FOLDER, environment, "of this folder")
    variables = flow.environment(config.load(problem, environment))
    return reproduction.train(problem, tree, environment, variables, python)


def _lock_server(tree: Path) -> None:
    """Let the model server's image have new versions, too, if the project has one."""
    if (tree / SERVER_LOCK).is_file():
        python = f"PYTHON={tree / '.venv' / 'bin' / 'python'}"  # or make installs another one
        done = subprocess.run(["make", "--silent", python, "lock"], cwd=tree)
        if done.returncode:
            raise _failed("`make lock` fails with the newer packages, see above")


def _compared(first: dict[str, Any], second: dict[str, Any]) -> str:
    head = ["| | before | after |", "|---|---|---|"]
    if first["model_hash"] == second["model_hash"]:
        end = "Both are the same model."
    else:
        end = (
            "Both were trained on the same snapshot; metrics are of its test rows (95 % intervals)."
        )
    return "\n".join([*head, *compare.rows(first, second), "", end])


def _take(after: Path, day: datetime) -> None:
    """Let the project have a copy's versions, or all of its own if they can't be installed."""
    names = [name for name in (LOCK, SERVER_LOCK, PROJECT) if (after / name).is_file()]
    old = {name: _text(name) for name in names}
    new = {name: _text(after / name) for name in names} | {PROJECT: _dated(day)}
    try:
        for name in names:  # the date last: with the old one uv makes the old lock again
            disk.replace(name, new[name])
        if not installation.install():
            raise _failed("uv can't install the newer packages, see above")
    except BaseException:
        for name in names:
            disk.replace(name, old[name])
        installation.install()
        raise


def _failed(why: str) -> UserError:
    return ended(f"{why}\n{PROJECT}, {LOCK} and .venv are as before", 1)


def _tell(report: str) -> None:
    """Print the report, and keep it for a pull request."""
    print(report)
    REPORT.parent.mkdir(exist_ok=True)
    disk.replace(REPORT, f"{report}\n")
    notices.summary(report)
    notices.output(changed="true")
    names = [str(name) for name in (PROJECT, LOCK, SERVER_LOCK) if name.is_file()]
    print(f"next: commit {', '.join(names)}; the report is {REPORT}")
