"""The workflows: make targets and `gh` only, actions pinned to a commit."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / ".github").glob("*/*.yml")) + sorted((ROOT / ".github").glob("*/*/*.yml"))
EACH = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
MAKE = "".join(file.read_text() for file in (ROOT / "Makefile", *ROOT.glob("*.mk")))
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", MAKE))
GIVEN = r'(?:(?P<a>[A-Z]+)="\$(?P=a)"|\$\{(?P<b>[A-Z]+):\+(?P=b)="\$(?P=b)"\})'
"""A value that a step has in its `env`: NAME="$NAME", or nothing where it is empty."""


def steps(file: Path) -> list[Any]:
    """All steps of a workflow or an action."""
    content = yaml.safe_load(file.read_text())
    jobs = content["jobs"].values() if "jobs" in content else [content["runs"]]
    return [step for job in jobs for step in job["steps"]]


@EACH
def test_commands_are_make_targets_or_gh_and_hold_no_expression(file: Path) -> None:
    for step in steps(file):
        if "GH_TOKEN" in step.get("env", {}):
            assert "${" + "{" not in step["run"] and "make " not in step["run"]
        elif "run" in step:
            target = rf'make ([a-z-]+)( [A-Z]+=[a-z]+| {GIVEN})*( > "\$RUNNER_TEMP/[a-z.]+")?'
            command = re.fullmatch(target, step["run"])
            assert command and command[1] in TARGETS, step["run"]


@EACH
def test_every_action_is_pinned_to_a_commit_with_its_version(file: Path) -> None:
    pins = re.findall(r"uses: ([^.\s][^@\s]*@[0-9a-f]{40}) # v\d+\.\d+\.\d+\n", file.read_text())
    used = [step.get("uses", "./") for step in steps(file)]
    assert pins == [name for name in used if not name.startswith("./")]


def test_an_action_has_one_commit_everywhere() -> None:
    used = {step["uses"] for file in FILES for step in steps(file) if "@" in step.get("uses", "")}
    assert len(used) == len({use.partition("@")[0] for use in used})
