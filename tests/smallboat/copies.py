"""Copies of the toy project that tests may change, train and break."""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import toy
from toy import candidates

ROOT = Path(toy.__file__).parents[1]
SIMPLEST = min(candidates.CANDIDATES, key=lambda each: each.complexity)
"""The candidate that trains fastest."""
NEEDED = ("toy", "flows", "config", "vendor")
PLAIN = "PLAIN_METAFLOW"
"""If this variable is set, the trainings of copies use no fork server."""


def copy(folder: Path) -> None:
    """Copy what a training run needs."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in NEEDED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    if PLAIN in os.environ:
        without_forks(folder)


def without_forks(project: Path) -> None:
    """Switch a copy's fork server off."""
    file = project / "config" / "base.toml"
    file.write_text(file.read_text().replace("[training]\n", "[training]\nfork_server = false\n"))


def paths(project: Path) -> list[str]:
    """The folders of a copy's package and library."""
    return [str(project), str(project / "vendor" / "smallboat")]


def here(project: Path) -> dict[str, str]:
    """Variables with which a copy's own package is imported and its runs stay in the copy."""
    own = {
        "PYTHONPATH": os.pathsep.join(paths(project)),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(project),
    }
    return os.environ | own


def command(project: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one of the copy's commands."""
    return subprocess.run(
        [sys.executable, "-m", "smallboat", *words],
        cwd=project,
        env=here(project) | variables,
        capture_output=True,
        text=True,
    )


def compete(project: Path, line: str, timeout_seconds: int = 60) -> None:
    """Replace the candidates of a copy, and the time limit of each."""
    with (project / "toy" / "candidates.py").open("a") as file:
        file.write(
            "\n\nimport os\nfrom dataclasses import replace\nfrom time import sleep\n"
            "def _crash(seed, **_): raise RuntimeError('boom')\n"
            "def _sleep(seed, **_): sleep(600)\n"
            "def _die(seed, **_): os.kill(os.getpid(), 9)\n"
            "def _wait(seed, **settings):\n"
            "    if 'WAITING' in os.environ: print('waiting', flush=True) or sleep(600)\n"
            "    return good.make(seed, **settings)\n"
            f"simplest = next(c for c in CANDIDATES if c.name == {SIMPLEST.name!r})\n"
            "good = replace(simplest, grid=simplest.grid[:1])\n"
            "crashing = replace(good, name='crashing', make=_crash)\n"
            "dying = replace(good, name='dying', make=_die)\n"
            "sleeping = replace(good, name='sleeping', make=_sleep)\n"
            "waiting = replace(good, name='waiting', make=_wait)\n"
            f"CANDIDATES = ({line},)\n"
        )
    file = project / "config" / "base.toml"
    limit = f"timeout_seconds = {timeout_seconds}"
    text, found = re.subn(r"(?m)^timeout_seconds = \d+", limit, file.read_text())
    assert found == 1, f"{file} has another number of limits than one"
    file.write_text(text)


def trust(project: Path) -> None:
    """Skip a copy's expectations: they take longer than the rest of a small run."""
    with (project / "toy" / "expectations.py").open("a") as file:
        file.write("\n\ndef raw(previous_rows=None): return []\n")
        file.write("def feature(): return []\n")
    with (project / "vendor/smallboat/smallboat/validation/validation.py").open("a") as file:
        file.write("\n\ndef run(checks, views): return Report([])\n")


def gone(process: int) -> bool:
    """Whether a process that isn't ours ends within a few seconds."""
    for _ in range(50):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def forking(project: Path) -> list[int]:
    """The processes of a copy's fork server: itself and its forks."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            command = (process / "cmdline").read_text()
            if "fork_process.py" in command and (process / "cwd").resolve() == project.resolve():
                found.append(int(process.name))
    return found
