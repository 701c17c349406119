"""The workflows, of the template and of what it generates, as an action linter sees them."""

import subprocess
from pathlib import Path

from conftest import ROOT, Project

BROKEN = """on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - run: echo "$%s{ github.no_such_thing }}"
"""


def lint(*files: Path) -> "subprocess.CompletedProcess[str]":
    words = ["actionlint", "-no-color", *map(str, files)]
    return subprocess.run(words, capture_output=True, text=True, cwd=files[0].parent)


def workflows(folder: Path) -> list[Path]:
    return sorted((folder / ".github" / "workflows").glob("*.yml"))


def test_workflows_are_clean(f1: Project) -> None:
    assert len(workflows(f1.path)) == 5
    for files in (workflows(f1.path), workflows(ROOT)):
        done = lint(*files)
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_unknown_value_is_found(tmp_path: Path) -> None:
    file = tmp_path / "broken.yml"
    file.write_text(BROKEN % "{")
    done = lint(file)
    assert done.returncode == 1
    assert 'property "no_such_thing" is not defined' in done.stdout
