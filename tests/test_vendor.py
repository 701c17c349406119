"""The library lies in a project whole: git has every file of it, and so has its wheel."""

import ast
import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

from conftest import ROOT, bake, hook

INSIDE = Path("vendor", "smallboat")
COME_WITH = {"botocore", "joserfc", "werkzeug", "pytest"}
"""What others bring along: boto3, moto, Flask, who tests."""
NOT_HERE = {"dbt": ["dbt-core"], "snowflake": ["snowflake-connector-python"]}
"""What the template's environment is without."""


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
    made = {f"{INSIDE}/SHA256SUMS"}
    assert set(run("git", "ls-files", INSIDE, at=project).splitlines()) == known | made


def test_a_project_knows_the_hash_of_each_file_of_the_library(tmp_path: Path) -> None:
    library = bake(tmp_path).path / INSIDE
    lines = (library / "SHA256SUMS").read_text().splitlines()
    listed = {str(INSIDE / name): digest for digest, name in (line.split("  ") for line in lines)}
    assert sources(library.parents[1]) == {*listed, f"{INSIDE}/SHA256SUMS"}
    for name, digest in listed.items():
        assert hashlib.sha256((library.parents[1] / name).read_bytes()).hexdigest() == digest


def test_the_list_of_hashes_does_not_list_itself(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("")
    for _ in range(2):  # a project may be made again in its place
        hook("post_gen_project").seal(tmp_path)
    expected = f"{hashlib.sha256(b'').hexdigest()}  code.py\n"
    assert (tmp_path / "SHA256SUMS").read_text() == expected


def test_the_wheel_has_every_file_of_package_and_documentation(tmp_path: Path) -> None:
    project = bake(tmp_path).path
    uv = Path(sys.executable).with_name("uv")
    run(uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "made", at=project / INSIDE)
    (wheel,) = (tmp_path / "made").glob("smallboat-*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    names = {re.sub(r".*\.data/data/share/doc/smallboat/", "docs/", name) for name in names}
    parts = (f"{INSIDE}/smallboat/", f"{INSIDE}/docs/")
    assert {f"{INSIDE}/{name}" for name in names} == {
        name for name in sources(project) if name.startswith(parts)
    }


def test_the_library_imports_what_it_asks_for_and_nothing_of_a_project() -> None:
    library = ROOT / "{{cookiecutter.project_slug}}" / INSIDE
    extras = tomllib.loads((library / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    asked = {re.split(r"[\[>=]", line)[0] for lines in extras.values() for line in lines}
    found = set()
    for path in (library / "smallboat").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    others = found - sys.stdlib_module_names - COME_WITH - {"smallboat"}
    brought_by = NOT_HERE | packages_distributions()
    assert len(others) > 20
    for name in others:
        packages = {re.sub(r"[-_.]+", "-", each).lower() for each in brought_by.get(name, ())}
        assert packages & asked, name
