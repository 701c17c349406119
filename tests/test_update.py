"""A project made by cruft takes a change of the template and keeps its user's edits."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
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


def test_an_update_leaves_the_library_to_make_upgrade(template: Path, tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    run("git", "clone", "--quiet", template, origin, at=tmp_path)
    run("cruft", "create", origin, "--no-input", at=tmp_path)
    project, library = tmp_path / "f1_predictor", Path("vendor", "smallboat", "smallboat")
    page = ROOT / PLACE / "vendor" / "smallboat" / "docs" / "upgrading.md"
    (skipping,) = re.findall(r"(?ms)^\[tool\.cruft\]\n.*?$", page.read_text())
    with (project / "pyproject.toml").open("a") as file:
        file.write(f"\n{skipping}\n")
    upgraded = project / library / "disk.py"
    upgraded.write_text("# of a newer version\n")
    run("git", "init", "--quiet", "--initial-branch=main", at=project)
    commit(project, "upgraded")
    for file in (origin / PLACE / "Makefile", origin / PLACE / library / "disk.py"):
        file.write_text("# the template's new line\n" + file.read_text())
    commit(origin, "newer")
    run("cruft", "update", "--skip-apply-ask", at=project)
    assert (project / "Makefile").read_text().startswith("# the template's new line\n")
    assert upgraded.read_text() == "# of a newer version\n"
    assert not list(project.rglob("*.rej"))


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


BEFORE = "1fee3ad15c0e059d51f59f6787eacdf6e8ec86b0"
"""The template's last commit whose projects held the machinery themselves."""
RELEASES = {
    "v0.1.0": BEFORE,
    "v0.2.0": "4cb7d50",  # the library's first version
    "v0.3.0": "7933938",
}
"""What the releases were made from; a clone may be without tags, but a tag that it has wins."""
FIRST = {"f1": "v0.1.0", "intent": "v0.1.0", "tabular": "v0.3.0"}
"""The release in which a use case came."""
SLUGS = {"f1": "f1_predictor", "intent": "purchase_intent", "tabular": "table_predictor"}
PAGE = ROOT / "docs" / "migration.md"
OWN = """from .errors import UserError

LEAST = 7
"""
Edit = tuple[str, str, str]
EDITS: dict[str, list[Edit]] = {
    "f1": [
        (
            "f1_predictor/features.py",
            '"driver_gap": Look("gap", 5)',
            '"driver_gap": Look("gap", 7)',
        ),
        ("f1_predictor/inputs.py", '"cars that start", 20.0', '"cars that start", 22.0'),
        ("f1_predictor/candidates.py", "n_estimators=[80]", "n_estimators=[60]"),
    ],
    "intent": [
        ("purchase_intent/features.py", "import pandas as pd", "import math\nimport pandas as pd"),
        ("purchase_intent/inputs.py", "MOST_AFTER = 10", "MOST_AFTER = 12"),
        ("purchase_intent/candidates.py", "max_depth=[3, 5]", "max_depth=[3, 4]"),
    ],
    "tabular": [
        (
            "table_predictor/features.py",
            "OTHER_COLUMNS: tuple[str, ...] = ()",
            "OTHER_COLUMNS: tuple[str, ...] = ()\nOURS = 7",
        ),
        ("table_predictor/candidates.py", "alpha=[1, 30, 1000]", "alpha=[1, 300]"),
    ],
}
"""Edits that no update has touched."""
ENDS = {"README.md": "\n## Ours\n\nText.\n", "Makefile": "\n.PHONY: ours\nours:\n\t@true\n"}
BESIDE: list[Edit] = [
    ("Makefile", ".PHONY: lint", ".PHONY: mine\nmine: ## mine\n\t@true\n\n.PHONY: lint"),
    ("pyproject.toml", '    "pandas>=3.0,<4",', '    "holidays>=0.80,<1",\n    "pandas>=3.0,<4",'),
]
LAYERS: list[Edit] = [
    ("config/local.toml", "workers = 2", "workers = 4"),
    ("config/staging.toml", "latency_ms = 250", "latency_ms = 100"),
    ("config/prod.toml", "keep = 5", "keep = 3"),
]
CHECKS: Edit = ("{slug}/expectations.py", "from . import checks", "from . import own, checks")
BASE: list[Edit] = [
    ("config/base.toml", "workers = 2", "workers = 4"),
    ("config/base.toml", "keep = 5", "keep = 3"),
]
MORE = {"v0.1.0": [*BESIDE, *LAYERS, CHECKS], "v0.2.0": [*BESIDE, *LAYERS]}
"""Edits beside lines that the template may have changed, by release."""
CONFLICTS = {
    "v0.1.0": {"README.md", *(name.format(slug="<package>") for name, _, _ in MORE["v0.1.0"])},
    "v0.2.0": {"README.md", "Makefile", *(name for name, _, _ in LAYERS)},
    "v0.3.0": {"Makefile"},  # its targets for AWS are in cloud.mk now
}
"""Where edits conflict, by release; with a newer one nowhere."""


def version(tag: str) -> tuple[int, ...]:
    return tuple(map(int, tag.removeprefix("v").split(".")))


def last_three() -> dict[str, str]:
    """The newest releases and what they were made from."""
    listed = run("git", "tag", "--list", "v[0-9]*", at=ROOT).split()
    tags = {tag: tag for tag in listed if re.fullmatch(r"v\d+\.\d+\.\d+", tag)}
    known = RELEASES | tags
    return {tag: known[tag] for tag in sorted(known, key=version)[-3:]}


def cases() -> list[Any]:
    """Each of these releases with each use case that it had; one each by day."""
    releases = list(last_three())
    by_day = set(zip(releases, SLUGS, strict=True))
    return [
        pytest.param(f"{tag} {case}", marks=[] if (tag, case) in by_day else pytest.mark.nightly)
        for tag in releases
        for case in SLUGS
        if version(tag) >= version(FIRST[case])
    ]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the template with its last releases; what is not committed is not in it."""
    folder = tmp_path_factory.mktemp("clone") / "template"
    run("git", "clone", "--quiet", ROOT, folder, at=ROOT)
    for tag, commit in last_three().items():
        made = subprocess.run(["git", "tag", "--force", tag, commit], cwd=folder)
        if made.returncode:
            pytest.skip(f"commit {commit} is not in this clone: git fetch --unshallow")
    return folder


def updated(template: Path, folder: Path, tag: str, use_case: str, edits: list[Edit]) -> Path:
    """A project of a release, with edits, after `cruft update`."""
    words = ["cruft", "create", template, "--checkout", tag, "--no-input"]
    run(*words, "--extra-context", json.dumps({"use_case": use_case}), at=folder)
    project = folder / SLUGS[use_case]
    for name, old, new in edits:
        file = project / name.format(slug=project.name)
        assert old in file.read_text(), f"{name} has no {old}"
        file.write_text(file.read_text().replace(old, new, 1))
    for name, text in ENDS.items():
        with (project / name).open("a") as file:
            file.write(text)
    (project / project.name / "own.py").write_text(OWN)
    run("git", "init", "--quiet", "--initial-branch=main", at=project)
    commit(project, "mine")
    run("cruft", "update", "--skip-apply-ask", at=project)
    return project


def conflicts(project: Path) -> set[str]:
    """The files of which a hunk could not be applied."""
    found = {str(file.relative_to(project).with_suffix("")) for file in project.rglob("*.rej")}
    return {name.replace(project.name, "<package>") for name in found}


LOADED = """
import sys
from smallboat import problem
from smallboat.config import config

found = problem.of(sys.argv[1])
for name in ("data", "expectations", "features", "candidates", "metrics", "service"):
    getattr(found, name)
config.load(found, "local")
"""


def resolve(template: Path, project: Path, use_case: str) -> None:
    """Take the template's version of what conflicts, as the page says."""
    fresh = project.parent / "fresh"
    fresh.mkdir()
    words = ["cruft", "create", template, "--no-input", "--output-dir", fresh]
    run(*words, "--extra-context", json.dumps({"use_case": use_case}), at=fresh)
    for rejected in project.rglob("*.rej"):
        file = rejected.with_suffix("").relative_to(project)
        shutil.copy(fresh / project.name / file, project / file)
        rejected.unlink()


@pytest.mark.parametrize("case", cases())
def test_an_update_conflicts_with_edits_of_documented_files_and_with_nothing_else(
    template: Path, tmp_path: Path, case: str
) -> None:
    tag, use_case = case.split()
    edits = [*EDITS[use_case], *MORE.get(tag, [*BESIDE, *BASE])]
    project = updated(template, tmp_path, tag, use_case, edits)
    touched = {name.format(slug="<package>") for name, _, _ in edits} | set(ENDS)
    found = conflicts(project)
    print(f"{case}: {len(found)} of {len(touched)} edited files conflict, no other")
    assert found - touched == set()
    assert found == CONFLICTS.get(tag, set())
    assert found <= set(re.findall(r"^\| `(\S+)` \|", PAGE.read_text(), flags=re.MULTILINE))
    for name, _, new in edits:
        assert new in (project / name.format(slug=project.name)).read_text()
    assert (project / project.name / "own.py").read_text() == OWN
    assert not (project / project.name / "mlops").exists()
    resolve(template, project, use_case)
    environment = os.environ | {"PYTHONPATH": f"{project / 'vendor' / 'smallboat'}:{project}"}
    words = [sys.executable, "-c", LOADED, project.name]
    loaded = subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr


def test_the_page_says_where_each_module_is_now(template: Path) -> None:
    old = PLACE / PLACE.name / "mlops"
    files = run("git", "ls-tree", "--name-only", BEFORE, f"{old}/", at=template).splitlines()
    names = {Path(file).name.removesuffix(".py") for file in files} - {"__init__", "card.html"}
    library = ROOT / PLACE / "vendor" / "smallboat"
    row = r"^\| (`pkg\.mlops\..*) \| `(smallboat[\w.]*)`(, same names)? \|"
    moved = re.findall(row, PAGE.read_text(), re.MULTILINE)
    named = re.findall(r"^\| `pkg\.mlops\.(\w+)` \| gone", PAGE.read_text(), re.MULTILINE)
    for modules, new, same_names in moved:
        for name in re.findall(r"`(?:pkg\.mlops\.)?(\w+)`", modules):
            path = library / new.replace(".", "/") / (name if same_names else "")
            assert path.exists() or path.with_suffix(".py").exists(), f"{name} is not at {path}"
            named.append(name)
    assert sorted(named) == sorted(names)
