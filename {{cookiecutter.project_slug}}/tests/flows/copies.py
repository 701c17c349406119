"""Copies of the project that tests may change, train and break."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import small

from {{ cookiecutter.project_slug }} import candidates

ROOT = Path.cwd()
SIMPLEST = min(candidates.CANDIDATES, key=lambda each: each.complexity)
"""The candidate that is soon trained."""
NEEDED = ("{{ cookiecutter.project_slug }}", "flows", "config", "data", "vendor", "warehouse")


def copy(folder: Path) -> None:
    """Copy what a training run needs; its sample is small."""
    for name in filter(os.path.isdir, NEEDED):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    small.shrink(folder)


def paths(project: Path) -> list[str]:
    """Where a copy's own package and library are found."""
    return [str(project), str(project / "vendor" / "smallboat")]


def here(project: Path) -> dict[str, str]:
    """The environment in which a copy's own package is imported and its runs stay with it."""
    own = {
        "PYTHONPATH": os.pathsep.join(paths(project)),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(project),
    }
    return os.environ | own


def command(project: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one of the copy's commands."""
    return subprocess.run(
        [sys.executable, "-m", "{{ cookiecutter.project_slug }}", *words],
        cwd=project,
        env=here(project) | variables,
        capture_output=True,
        text=True,
    )


def compete(project: Path, line: str, timeout_seconds: int = 60) -> None:
    """Replace the candidates of a project's copy, and how long one may take."""
    with (project / "{{ cookiecutter.project_slug }}" / "candidates.py").open("a") as file:
        file.write(
            "\n\nimport os\nfrom dataclasses import replace\nfrom time import sleep\n"
            "def _crash(seed, **_): raise RuntimeError('boom')\n"
            "def _sleep(seed, **_): sleep(600)\n"
            "def _die(seed, **_): os.kill(os.getpid(), 9)\n"
            "def _wait(seed, **settings):\n"
            "    if 'WAITING' in os.environ: print('waiting', flush=True) or sleep(600)\n"
            "    return good.make(seed, **settings)\n"
            f"simplest = by_name({SIMPLEST.name!r})\n"
            "good = replace(simplest, grid=simplest.grid[:1])\n"
            "crashing = replace(good, name='crashing', make=_crash)\n"
            "dying = replace(good, name='dying', make=_die)\n"
            "sleeping = replace(good, name='sleeping', make=_sleep)\n"
            "waiting = replace(good, name='waiting', make=_wait)\n"
            f"CANDIDATES = ({line},)\n"
        )
    file = project / "config" / "local.toml"
    text = file.read_text().replace("retries = 1", "retries = 0")
    limit = f"timeout_seconds = {timeout_seconds}"
    file.write_text(text.replace("timeout_seconds = 600", limit))


def trust(project: Path) -> None:
    """Skip a copy's expectations and Comet, which cost more than the rest of a small run."""
    with (project / "{{ cookiecutter.project_slug }}" / "expectations.py").open("a") as file:
        file.write("\n\ndef raw(previous_rows=None): return []\n")
        file.write("def feature(): return []\n")
    with (project / "vendor/smallboat/smallboat" / "validation" / "validation.py").open(
        "a"
    ) as file:
        file.write("\n\ndef run(checks, views): return Report([])\n")
    file = project / "config" / "local.toml"
    file.write_text(file.read_text().replace("comet = true", "comet = false"))


def gone(process: int) -> bool:
    """Whether a process that isn't ours ends within a few seconds."""
    for _ in range(50):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
