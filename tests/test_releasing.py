"""Template and library have one version; a release has its notes, or fails with a sentence."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from fake_github import GitHub

import release_notes

TOOL = ROOT / "tools" / "release_notes.py"
DAY = "2026-12-01"
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
"""Of the template."""


@pytest.fixture
def version() -> str:
    """The version of the template."""
    return release_notes.versions(ROOT)["pyproject.toml"]


@pytest.fixture
def dated(tmp_path: Path, version: str) -> Path:
    """The files of a release, whose changelogs have a day."""
    for name in (*release_notes.versions(ROOT), *release_notes.TITLES):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, file)
    for name in release_notes.TITLES:
        heading = re.compile(rf"(?m)^## {re.escape(version)}( \(.*\))?$")
        text, changed = heading.subn(f"## {version} ({DAY})", (tmp_path / name).read_text())
        assert changed == 1
        (tmp_path / name).write_text(text)
    (tmp_path / "tools").mkdir()
    shutil.copy(TOOL, tmp_path / "tools")
    return tmp_path


def tell(root: Path, tag: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, root / "tools" / TOOL.name, tag]
    return subprocess.run(words, capture_output=True, text=True)


def test_template_and_library_have_one_version_and_both_changelogs_a_section(version: str) -> None:
    assert set(release_notes.versions(ROOT).values()) == {version}
    for name in release_notes.TITLES:
        _, text = release_notes.section(ROOT / name, version)
        assert text, name


def test_a_project_accepts_this_library_and_no_incompatible_one(version: str) -> None:
    text = (ROOT / "{{cookiecutter.project_slug}}" / "pyproject.toml").read_text()
    major, minor, _ = map(int, version.split("."))
    below = f"{major + 1}" if major else f"0.{minor + 1}"
    assert re.findall(r"\]>=([\d.]+),<([\d.]+)\", # the groups", text) == [
        (f"{major}.{minor}", below)
    ]


def test_the_notes_are_the_sections_of_both_changelogs(dated: Path, version: str) -> None:
    done = tell(dated, f"v{version}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("## Template\n\n") and "\n\n## Library\n\n" in done.stdout
    for name in release_notes.TITLES:
        _, text = release_notes.section(dated / name, version)
        assert text in done.stdout
    assert re.findall(r"(?m)^## (.+)", done.stdout) == ["Template", "Library"]


def edit(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


@pytest.mark.parametrize("name", release_notes.TITLES, ids=str)
@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("## 0.0.1 ({day})", "has no section `## {version} (yyyy-mm-dd)`: write it"),
        ("## {version} (unreleased)", "says `unreleased` about v{version}: write"),
        ("## {version}", "says `no day` about v{version}: write"),
        ("## {version} ({day})\n\n## 0.0.1", "says nothing about v{version}: write what is new"),
    ],
)
def test_a_changelog_that_is_not_ready_stops_the_release(
    dated: Path, version: str, name: Path, new: str, message: str
) -> None:
    words = {"version": version, "day": DAY}
    edit(dated / name, f"## {version} ({DAY})", new.format(**words))
    done = tell(dated, f"v{version}")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"error: {dated / name}") or done.stderr.startswith(
        f"error: {name}"
    )
    assert message.format(**words) in done.stderr


def test_a_tag_that_is_not_the_version_stops_the_release(dated: Path, version: str) -> None:
    done = tell(dated, "v99.0.0")
    assert done.returncode == 1
    assert f"the tag is v99.0.0, but pyproject.toml has {version}: make" in done.stderr
    library = next(name for name in release_notes.versions(ROOT) if name.endswith(".py"))
    edit(dated / library, version, "99.0.0")
    done = tell(dated, f"v{version}")
    assert f"the tag is v{version}, but {library} has 99.0.0" in done.stderr


def test_a_tag_of_another_commit_stops_the_release(dated: Path, version: str) -> None:
    git = ["git", "-C", dated, "-c", "user.name=A", "-c", "user.email=a@example.org"]
    commit = [*git, "commit", "-q", "--allow-empty", "-m", "A commit"]
    for words in ([*git, "init", "-q"], commit, [*git, "tag", f"v{version}"]):
        subprocess.run(words, check=True)
    assert tell(dated, f"v{version}").returncode == 0
    subprocess.run(commit, check=True)
    done = tell(dated, f"v{version}")
    assert done.returncode == 1 and f"error: v{version} is commit " in done.stderr


def test_the_workflow_releases_what_was_checked_with_the_least_rights() -> None:
    check, release = WORKFLOW["jobs"].values()
    assert [job["permissions"]["contents"] for job in (check, release)] == ["read", "write"]
    assert release["needs"] == "check" and WORKFLOW["permissions"] == {}
    commands = [step["run"] for step in check["steps"] if "run" in step]
    assert commands == ['python tools/release_notes.py "$TAG"', "make lint", "make test"]
    assert WORKFLOW["env"]["TAG"].strip("${ }") == "inputs.tag || github.ref_name"
    assert WORKFLOW[True]["push"] == {"tags": ["v*"]}


@pytest.mark.parametrize("right", ["read", "write"])
def test_a_release_gets_its_notes(
    dated: Path, version: str, tmp_path_factory: pytest.TempPathFactory, right: str
) -> None:
    github = GitHub(tmp_path_factory.mktemp("github"))
    path = f"{github.bin}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {"TAG": f"v{version}", "GITHUB_SHA": "5a5a", "RUNNER_TEMP": str(github.file.parent)}
    token = {"GH_TOKEN": f"contents={right}", "GH_REPO": "org/repo"}
    codes = []
    for step in (step for step in WORKFLOW["jobs"]["release"]["steps"] if "run" in step):
        env = {"PATH": path} | given | (token if "env" in step else {})
        words = ["bash", "-e", "-c", step["run"]]
        codes.append(subprocess.run(words, cwd=dated, env=env).returncode)
    if right == "read":
        assert codes[1] != 0 and github.releases == []
        return
    assert codes == [0, 0]
    (made,) = github.releases
    assert (made["tag"], made["target"]) == (f"v{version}", "5a5a")
    assert made["notes"] == tell(dated, f"v{version}").stdout
