"""What people are used to fits: pre-commit, notebooks, editors, containers, GitHub's forms."""

import configparser
import json
import os
import re
import signal
import subprocess
import tomllib
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Project, bake

WHO = {
    f"GIT_{who}_{what}": "somebody@example.org"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}
PRE_COMMIT = ("uvx", "--quiet", "pre-commit")
FILES = ("*.py", "*.toml", "*.yml", "*.yaml", "*.json", "*.md", "*.sql", "Makefile", "*.mk", ".*")


def typed(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    """Run what a person types, where git knows who commits."""
    path = f"{project.path / '.venv' / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        words,
        cwd=project.path,
        env=os.environ | WHO | {"PATH": path},
        capture_output=True,
        text=True,
    )


def test_pre_commit_refuses_what_make_lint_refuses(f1: Project, tmp_path: Path) -> None:
    project = bake(tmp_path)
    project.make("setup")
    for words in (("git", "init", "--quiet"), (*PRE_COMMIT, "install"), ("git", "add", "--all")):
        done = typed(project, *words)
        assert done.returncode == 0, done.stderr
    file = project.path / "f1_predictor" / "data.py"
    good = file.read_text()
    file.write_text(good + "import os\n")
    typed(project, "git", "add", "--all")
    refused = typed(project, "git", "commit", "--message", "unused import")
    assert refused.returncode == 1
    assert re.search(r"make lint\.+Failed", refused.stderr), refused.stderr
    assert "F401" in refused.stderr
    assert typed(project, "git", "rev-parse", "HEAD").returncode != 0
    file.write_text(good)
    typed(project, "git", "add", "--all")
    kept = typed(project, "git", "commit", "--message", "as it was")
    assert kept.returncode == 0, kept.stderr
    assert re.search(r"make lint\.+Passed", kept.stderr), kept.stderr
    assert typed(project, "git", "status", "--porcelain").stdout == ""


def test_a_push_is_tested_if_its_hook_is_installed(f1: Project) -> None:
    for folder in (f1.path, ROOT):
        text = (folder / ".pre-commit-config.yaml").read_text()
        assert re.findall(r"entry: (.*)\n", text) == ["make lint", "make test"]
        stages = dict(re.findall(r"entry: make (\w+)(?:\n .*)*?\n +stages: \[(.*)\]", text))
        assert stages == {"lint": "pre-commit", "test": "pre-push"}
        done = typed(f1, *PRE_COMMIT, "validate-config", str(folder / ".pre-commit-config.yaml"))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("cloud", ["aws", "none"])
def test_the_container_has_what_the_project_needs(cloud: str, tmp_path: Path) -> None:
    project = bake(tmp_path, cloud=cloud)
    container = json.loads((project.path / ".devcontainer" / "devcontainer.json").read_text())
    assert set(container) <= {"name", "image", "features", "postCreateCommand", "forwardPorts"}
    python = re.fullmatch(
        r"mcr\.microsoft\.com/devcontainers/python:1-(3\.\d+)-\w+", container["image"]
    )
    meta = tomllib.loads((project.path / "pyproject.toml").read_text())["project"]
    assert python and meta["requires-python"] == ">=3.11,<3.14"
    assert python[1] in ("3.11", "3.12", "3.13")
    assert container["postCreateCommand"] == "make setup"
    port = tomllib.loads((project.path / "config" / "local.toml").read_text())["serve"]["port"]
    assert container["forwardPorts"] == [port]
    assert ("features" in container) == (cloud == "aws")


def editor(folder: Path) -> dict[str, dict[str, str]]:
    """The sections of a folder's `.editorconfig`."""
    parser = configparser.ConfigParser()
    parser.read_string(f"[top]\n{(folder / '.editorconfig').read_text()}")
    assert parser["top"]["root"] == "true"
    return {name: dict(parser[name]) for name in parser.sections() if name != "top"}


def asked(sections: dict[str, dict[str, str]], file: Path) -> dict[str, str]:
    """What an editor does with a file."""
    found: dict[str, str] = {}
    for pattern, settings in sections.items():
        names = re.fullmatch(r"(.*)\{(.*)\}(.*)", pattern)
        each = [names[1] + part + names[3] for part in names[2].split(",")] if names else [pattern]
        if any(fnmatch(file.name, one) for one in each):
            found |= settings
    return found


def test_editors_write_what_is_there_and_what_ruff_wants(project: Project) -> None:
    fresh = {path for path in project.path.rglob("*") if path.is_file()}
    for folder, files in ((project.path, fresh), (ROOT, set((ROOT / "tests").rglob("*.py")))):
        sections = editor(folder)
        ruff = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["ruff"]
        python = asked(sections, Path("x.py"))
        assert int(python["max_line_length"]) == ruff["line-length"]
        assert (python["indent_style"], python["indent_size"]) == ("space", "4")
        checked = 0
        for file in files:
            outside = {"vendor", ".venv", "store", "endpoint", ".cache", "node_modules", ".git"}
            inside = file.relative_to(folder)
            if set(inside.parts) & outside or not any(fnmatch(file.name, each) for each in FILES):
                continue
            assert wrong(file, asked(sections, file)) is None, inside
            checked += 1
        assert checked > 20


def wrong(file: Path, settings: dict[str, str]) -> str | None:
    """What an editor would change in a file."""
    text = file.read_text(encoding="utf-8")
    if "\r" in text or not text.endswith("\n"):
        return "line ends"
    if settings["trim_trailing_whitespace"] == "true" and re.search(r"[ \t]$", text, re.MULTILINE):
        return "spaces at the end of a line"
    tabs = re.search(r"^\t", text, re.MULTILINE) is not None
    return "tabs" if tabs and settings["indent_style"] == "space" else None


def test_the_forms_for_issues_are_forms_and_ask_for_the_doctors_table(f1: Project) -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert [form.stem for form in forms] == ["bug", "idea"]
    schema = ("--builtin-schema", "vendor.github-issue-forms")
    done = f1.run("check-jsonschema", *schema, *forms)
    assert done.returncode == 0, done.stdout
    assert "make doctor" in forms[0].read_text()


def outputs(notebook: Path) -> list[list[Any]]:
    """The outputs of each cell of code."""
    cells = json.loads(notebook.read_text())["cells"]
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]


def test_make_notebook_starts_jupyterlab(f1: Project) -> None:
    command = ["make", "--no-print-directory", "notebook"]
    f1.make("help")  # links the environment
    environment = os.environ | {"BROWSER": "true"}
    with subprocess.Popen(
        command, cwd=f1.path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, text=True, start_new_session=True,
    ) as started:  # fmt: skip
        assert started.stdout
        told = []
        for line in started.stdout:
            told.append(line)
            if "jupyterlab | extension was successfully loaded" in line:
                break
        with suppress(ProcessLookupError):  # root's ends by itself
            os.killpg(started.pid, signal.SIGTERM)
        assert "extension was successfully loaded" in told[-1], "".join(told)


@pytest.mark.parametrize(
    "use_case", ["f1", "tabular", pytest.param("intent", marks=pytest.mark.nightly)]
)
def test_the_notebook_runs(use_case: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    project: Project = request.getfixturevalue(use_case)
    notebook = project.path / "notebooks" / "look.ipynb"
    assert not any(outputs(notebook)), "outputs are not kept"
    before = notebook.read_bytes()
    if not list((project.path / "store").glob("runs/*/evaluation.json")):
        assert project.make("train").returncode == 0
    if not (project.path / "endpoint" / "current").exists():
        assert project.make("deploy").returncode == 0
    group = ("uv", "sync", "--quiet", "--inexact", "--group", "notebook")
    done = project.run(*group)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "made.ipynb"
    done = project.run("jupyter", "execute", notebook, f"--output={made}")
    assert done.returncode == 0, done.stderr[-3000:]
    told = "".join(json.dumps(each) for each in outputs(made))
    run, candidates, plot, metrics, errors, slices, comparison = outputs(made)
    assert "model " in json.dumps(run) and "of run " in json.dumps(run)
    assert "disqualified" in json.dumps(candidates) and "<svg" in json.dumps(plot)
    assert "baseline" in json.dumps(metrics) and "difference" in json.dumps(slices)
    assert "answer" in json.dumps(errors) and "error" in json.dumps(errors)
    assert "outcome" in json.dumps(comparison) and "Traceback" not in told
    assert notebook.read_bytes() == before
    doctor = project.make("doctor")
    assert re.search(r"(?m)^newest run +ok +\d+, passed", doctor.stdout), doctor.stdout
    assert re.search(r"(?m)^release +ok +model [0-9a-f]{16} of run \d+", doctor.stdout)
