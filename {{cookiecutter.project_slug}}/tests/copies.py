"""Copies of the project that tests may train, serve and break."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from {{ cookiecutter.project_slug }}.problem import PROBLEM

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (PROBLEM.package, "config", "data", "flows", "orchestration", "serving", "warehouse")

MADE = ("store", "endpoint")
"""What commands make; a copy begins without it."""

QUICK = """

from dataclasses import replace as _replace

CANDIDATES = tuple(_replace(each, grid=each.grid[:1]) for each in CANDIDATES)
"""
"""For candidates.py: all of them still compete, each with one setting."""

SETTINGS = {
    "source": '"sample"',
    "sessions": "20_000",
    "warehouse": '"duckdb"',
    "tracker": '"none"',
    "latency_ms": "60_000",
    "model_timeout_seconds": "12",
}
"""Instead of the configured ones: little data, nothing outside, patience on a busy machine."""


class Copy:
    """A copy of the project, and its commands as processes."""

    def __init__(self, folder: Path, candidates: str = QUICK) -> None:
        self.folder = folder
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        for name in filter(os.path.isdir, NEEDED):
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", folder)
        for path in ROOT.glob("[!.]*"):  # such as a table that the configuration names
            if path.name not in MADE and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
        with (folder / PROBLEM.package / "candidates.py").open("a") as file:
            file.write(candidates)
        for file in (folder / "config").glob("*.toml"):
            text = file.read_text()
            for key, value in SETTINGS.items():
                text = re.sub(rf"(?m)^{key} = .*", f"{key} = {value}", text)
            file.write_text(text)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run Python in the copy, with its own package."""
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
        )

    def do(self, *words: str) -> str:
        """The output of a command that must succeed."""
        done = self.run("-m", "smallboat", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
