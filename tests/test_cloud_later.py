"""The cloud is added to a project later, or taken away; the user's edits stay."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from conftest import BIN, LIBRARY, ROOT
from test_update import commit, run

PAGE = (LIBRARY / "docs" / "upgrading.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ADD, BESIDE = (next(each for each in BLOCKS if word in each) for word in ("to-update", "apply -p"))
PACKAGE = "f1_predictor"
EDITS = {
    f"{PACKAGE}/features.py": ("", "\nOURS = 7\n"),
    "config/local.toml": ("port = 8000", "port = 9000"),
    "config/base.toml": ("seed = 2026", "seed = 7"),
    "pyproject.toml": ('    "pandas>=3.0,<4",', '    "holidays>=0.80,<1",\n    "pandas>=3.0,<4",'),
    "Makefile": ("", "\n.PHONY: ours\nours:\n\t@true\n"),
    "README.md": ("## Start", "## Ours\n\nText.\n\n## Start"),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the template."""
    folder = tmp_path_factory.mktemp("clone") / "template"
    run("git", "clone", "--quiet", ROOT, folder, at=ROOT)
    return folder


def edit(folder: Path) -> None:
    for name, (old, new) in EDITS.items():
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1) if old else text + new)


def create(template: Path, folder: Path, cloud: str) -> Path:
    """A project with the edits, all committed."""
    answers = json.dumps({"cloud": cloud, "aws_region": "eu-central-1"})
    folder.mkdir()
    run("cruft", "create", template, "--no-input", "--extra-context", answers, at=folder)
    edit(folder / PACKAGE)
    run("git", "init", "--quiet", "--initial-branch=main", at=folder / PACKAGE)
    commit(folder / PACKAGE, "ours")
    return folder / PACKAGE


def contents(project: Path) -> dict[str, str]:
    """All files, but for what cruft and git write."""
    files = [file for file in project.rglob("*") if file.is_file()]
    names = {str(file.relative_to(project)): file for file in files}
    return {
        name: file.read_text()
        for name, file in names.items()
        if not name.startswith(".git/") and name != ".cruft.json"
    }


def test_the_cloud_comes_by_a_changed_answer_and_goes_again(template: Path, tmp_path: Path) -> None:
    project = create(template, tmp_path / "none", "none")
    before = contents(project)
    wanted = contents(create(template, tmp_path / "aws", "aws"))
    assert "infra/foundation.yaml" in wanted.keys() - before.keys()
    run(*shlex.split(ADD), at=project)
    assert contents(project) == wanted
    for name, (_, new) in EDITS.items():
        assert new in wanted[name]
    staging = project / "config" / "staging.toml"
    staging.write_text(staging.read_text().replace("123456789012", "210987654321"))
    commit(project, "the cloud")
    words = ["--variables-to-update", json.dumps({"cloud": "none"})]
    run("cruft", "update", *words, "--skip-apply-ask", at=project)
    left = contents(project)
    assert left.pop("config/staging.toml")
    assert left == before


def test_without_cruft_it_comes_by_a_patch(template: Path, tmp_path: Path) -> None:
    project = create(template, tmp_path / "none", "none")
    wanted = contents(create(template, tmp_path / "aws", "aws"))
    commands = BESIDE.replace("gh:ORG/TEMPLATE", str(template)).replace(
        "cloud=aws", "cloud=aws aws_region=eu-central-1"
    )
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=project, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(project) == wanted
