"""A project made by cruft takes a change of the template and keeps its user's edits."""

import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

PLACE = Path("{{cookiecutter.project_slug}}")


def run(*words: str | Path, at: Path) -> str:
    tool = [] if words[0] == "git" else [sys.executable, "-m"]
    done = subprocess.run([*tool, *words], cwd=at, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commit(folder: Path, message: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    run("git", "add", "--all", at=folder)
    run("git", *who, "commit", "--quiet", "--message", message, at=folder)


def test_an_update_reaches_a_project_and_keeps_its_edits(tmp_path: Path) -> None:
    template, projects = tmp_path / "template", tmp_path / "projects"
    projects.mkdir()
    template.mkdir()
    for name in ("cookiecutter.json", "hooks", str(PLACE)):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, template / name)
    run("git", "init", "--quiet", "--initial-branch=main", at=template)
    commit(template, "first")

    run("cruft", "create", template, "--no-input", at=projects)
    project = projects / "f1_predictor"
    assert not (project / "overlays").exists()
    run("git", "init", "--quiet", "--initial-branch=main", at=project)
    features = project / "f1_predictor" / "features.py"
    features.write_text(features.read_text() + "\n# the user's own line\n")
    commit(project, "mine")

    for inside in ("Makefile", f"overlays/use_case/f1/{PLACE}/metrics.py"):
        file = template / PLACE / inside
        file.write_text(file.read_text() + "\n# the template's new line\n")
    commit(template, "second")

    run("cruft", "update", "--skip-apply-ask", at=project)
    assert "# the template's new line" in (project / "Makefile").read_text()
    assert "# the template's new line" in (project / "f1_predictor" / "metrics.py").read_text()
    assert "# the user's own line" in features.read_text()
    assert not list(project.rglob("*.rej"))
    run("cruft", "check", at=project)


def test_cruft_makes_what_cookiecutter_makes(tmp_path: Path) -> None:
    made = {}
    for tool in (["cookiecutter"], ["cruft", "create"]):
        folder = tmp_path / tool[0]
        folder.mkdir()
        run(*tool, ROOT, "--no-input", "--output-dir", folder, at=tmp_path)
        files = [p for p in folder.rglob("*") if p.is_file() and p.name != ".cruft.json"]
        made[tool[0]] = {p.relative_to(folder): p.read_bytes() for p in files}
    assert made["cookiecutter"] == made["cruft"]
    assert Path("f1_predictor/Makefile") in made["cruft"]
