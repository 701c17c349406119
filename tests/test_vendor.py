"""The library lies in a project whole: git has every file of it, and so has its wheel."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

from conftest import ROOT, bake
from test_hooks import hook

INSIDE = Path("vendor", "smallboat")
COME_WITH = {"botocore", "jsonpath_ng", "werkzeug"}
"""What others bring along."""


def sources(folder: Path) -> set[str]:
    """The library's files below a folder, but for what Python compiles."""
    found = (path for path in (folder / INSIDE).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in found if path.suffix != ".pyc"}


def run(*words: str | Path, at: Path) -> str:
    return subprocess.run(words, cwd=at, check=True, capture_output=True, text=True).stdout


def test_git_has_every_file_of_the_library_in_the_template_and_in_a_project(tmp_path: Path) -> None:
    template = ROOT / "{{cookiecutter.project_slug}}"
    known = set(run("git", "ls-files", "--cached", INSIDE, at=template).splitlines())
    assert sources(template) == known
    project = bake(tmp_path).path
    run("git", "init", "--quiet", at=project)
    run("git", "add", "--all", at=project)
    assert set(run("git", "ls-files", INSIDE, at=project).splitlines()) == known


def test_the_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
    project = bake(tmp_path).path
    uv = Path(sys.executable).with_name("uv")
    run(uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "made", at=project / INSIDE)
    (wheel,) = (tmp_path / "made").glob("smallboat-*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = f"{INSIDE}/smallboat/"
    assert {f"{INSIDE}/{name}" for name in names} == {
        name for name in sources(project) if name.startswith(package)
    }


def test_the_library_imports_what_it_asks_for_and_nothing_of_a_project() -> None:
    package = ROOT / "{{cookiecutter.project_slug}}" / INSIDE / "smallboat"
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    assert len(found) > 40
    assert found - sys.stdlib_module_names - hook("pre_gen_project").PACKAGES <= COME_WITH
