"""update-deps.yml: who may do what, when it runs, and the pull request with newer packages."""

import subprocess
from pathlib import Path
from typing import Any

import expressions
import pytest
import yaml
from fake_github import REFUSED, GitHub
from gh_steps import run

TEMPLATE = Path(__file__).resolve().parents[3]
FILE = Path(".github/workflows/update-deps.yml")
WORKFLOW = yaml.safe_load(FILE.read_text())
OF_TEMPLATE = yaml.safe_load((TEMPLATE / FILE).read_text())
BRANCH = "update-deps"
TOKEN = "actions=read;contents=write;pull-requests=write"
NEW = {"pyproject.toml": "new", "uv.lock": "new", ".cache/update-deps.md": "### Packages"}


def propose(workflow: Any) -> Any:
    """The step that opens the pull request."""
    return workflow["jobs"]["propose"]["steps"][-1]


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a repository, as the job has it."""
    origin, folder = tmp_path / "origin", tmp_path / "checkout"
    git(tmp_path, "init", "-q", "--bare", "--initial-branch=main", str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(folder))
    (folder / "pyproject.toml").write_text("old")
    (folder / "README.md").write_text("old")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "push", "-q", "origin", "HEAD:main")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def artifact(github: GitHub, files: dict[str, str]) -> None:
    """Let the job before have kept files."""
    for name, text in files.items():
        file = github.file.parent / "artifacts" / "7" / BRANCH / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def proposed(github: GitHub, files: dict[str, str], token: str = TOKEN) -> Any:
    artifact(github, files)
    done = run(propose(WORKFLOW), github, token)
    update = github.file.parent / "update"
    if update.exists():
        subprocess.run(["rm", "-r", str(update)], check=True)
    return done


def test_a_pull_request_is_opened_once_and_refreshed(github: GitHub, checkout: Path) -> None:
    github.add("another", pull=True)
    for text in ("first", "second"):
        files = NEW | {"uv.lock": text, ".cache/update-deps.md": text, "README.md": "no"}
        done = proposed(github, files)
        assert done.returncode == 0, done.stdout + done.stderr
        git(checkout, "checkout", "-q", "main")
    _, pull = github.issues
    assert (pull["head"], pull["title"], pull["body"]) == (BRANCH, "Newer packages", "second")
    assert pull["base"] == "trunk"  # where the workflow runs, which may not be the default branch
    assert git(checkout, "show", f"origin/{BRANCH}:uv.lock") == "second"
    changed = git(checkout, "diff", "--name-only", "main", f"origin/{BRANCH}").split()
    assert changed == ["pyproject.toml", "uv.lock"]
    assert git(checkout, "rev-list", "--count", f"main..origin/{BRANCH}") == "1\n"


@pytest.mark.parametrize("lacking", ["actions=read", "pull-requests=write"])
def test_a_token_that_may_not_says_what_to_allow(
    github: GitHub, checkout: Path, lacking: str
) -> None:
    done = proposed(github, NEW, TOKEN.replace(lacking, ""))
    assert done.returncode != 0 and github.issues == []
    assert REFUSED in done.stderr
    assert "allow Actions to create pull requests?" in done.stdout


@pytest.mark.parametrize(
    ("event", "variable", "runs"),
    [
        ("schedule", "", False),
        ("schedule", "false", False),
        ("schedule", "true", True),
        ("workflow_dispatch", "", True),
    ],
)
def test_a_project_is_updated_weekly_only_if_it_asks_for_it(
    event: str, variable: str, runs: bool
) -> None:
    contexts = {"github": {"event_name": event}, "vars": {"UPDATE_DEPS": variable}}
    asked = WORKFLOW["jobs"]["update"]["if"]
    assert expressions.condition(asked, contexts, {"success": lambda: True}) == runs
    assert list(WORKFLOW[True]) == ["schedule", "workflow_dispatch"]


@pytest.mark.parametrize("workflow", [WORKFLOW, OF_TEMPLATE], ids=["project", "template"])
def test_new_packages_run_without_rights_and_the_rights_without_new_packages(workflow: Any) -> None:
    update, propose = workflow["jobs"].values()
    assert update["permissions"] == {"contents": "read"}
    assert "GH_TOKEN" not in str(update)
    assert ";".join(f"{k}={v}" for k, v in propose["permissions"].items()) == TOKEN
    assert propose["if"] == "needs.update.outputs.changed == 'true'"
    assert [step.get("name", "checkout") for step in propose["steps"]] == [
        "checkout",
        "Pull request",
    ]
    kept = next(step["with"]["path"] for step in update["steps"] if "upload" in str(step))
    names = [
        name.partition("}}/")[2] or name for name in propose["steps"][1]["env"]["FILES"].split()
    ]
    assert {line.removeprefix("*/") for line in kept.split()} - {".cache/update-deps.md"} == set(
        names
    )


def test_template_and_project_open_it_in_the_same_way() -> None:
    steps = [propose(workflow) for workflow in (WORKFLOW, OF_TEMPLATE)]
    assert steps[0]["run"] == steps[1]["run"]
    assert [name for name in steps[0]["env"] if steps[0]["env"][name] != steps[1]["env"][name]] == [
        "FILES"
    ]
