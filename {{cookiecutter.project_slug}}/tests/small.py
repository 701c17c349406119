"""The project's configurations with a sample that is small enough for tests."""

import json
from pathlib import Path

from edits import SMALL
from smallboat.config import config

from {{ cookiecutter.project_slug }}.problem import PROBLEM

ROOT = Path(__file__).resolve().parents[1]


def text(environment: str) -> str:
    """A configuration of the project, with SMALL in its table [data]."""
    return shrunk((ROOT / "config" / f"{environment}.toml").read_text())


def settings(environment: str = "local") -> config.Settings:
    """The settings of an environment, with SMALL."""
    return config.read(PROBLEM, text(environment))


def shrink(project: Path) -> None:
    """Let the configurations of a copy of the project have SMALL."""
    for file in (project / "config").glob("*.toml"):
        file.write_text(shrunk(file.read_text()))


def shrunk(text: str) -> str:
    """A configuration with SMALL."""
    before, table, after = text.partition("[data]\n")
    chosen = [f"{key} = {json.dumps(value)}" for key, value in SMALL.items()]
    own, end, rest = after.partition("\n[")
    kept = [line for line in own.split("\n") if line.partition(" = ")[0] not in SMALL]
    return before + table + "\n".join([*chosen, *kept]) + end + rest
