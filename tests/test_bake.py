"""Every supported answer bakes to a clean project; nothing of the template is left in it."""

import re
import tomllib
from pathlib import Path

import pytest
from conftest import USE_CASES, Project, bake

SUPPORTED = [
    pytest.param({}, id="defaults"),
    pytest.param({"project_slug": "grid_oracle", "project_name": "Grid Oracle"}, id="other name"),
    pytest.param({"use_case": "intent"}, id="intent"),
    pytest.param({"use_case": "tabular"}, id="tabular"),
    pytest.param({"use_case": "intent", "project_slug": "basket_oracle"}, id="intent, other name"),
    pytest.param({"licence": "BSD-3-Clause"}, id="BSD"),
    pytest.param({"licence": "Proprietary"}, id="proprietary"),
    pytest.param({"aws_region": "mx-central-1"}, id="other region"),
    pytest.param({"author": 'O\'Neil & "Sons" \\ <x>', "description": "é {x} #"}, id="odd text"),
]
LEFTOVER = re.compile(r"cookiecutter|\{%")
SLUGS = {
    "f1": "f1_predictor",
    "intent": "purchase_intent",
    "tabular": "table_predictor",
    None: "workbench_project",
}
OWN = re.compile(r"reports/\w+\.html$|^warehouse/")
"""Templates of the project's own: of the reports, and the warehouse's SQL."""


def texts(project: Project) -> dict[str, str]:
    files = [p for p in project.path.rglob("*") if p.is_file()]
    return {str(p.relative_to(project.path)): p.read_text() for p in files}


@pytest.mark.parametrize("answers", SUPPORTED)
def test_a_bake_is_clean(answers: dict[str, str], tmp_path: Path) -> None:
    project = bake(tmp_path, **answers)
    slug = answers.get("project_slug", SLUGS[project.use_case])
    found = texts(project)
    assert project.path.name == slug
    ours = {name: text for name, text in found.items() if not OWN.search(name)}
    assert "{%" in found["vendor/smallboat/smallboat/reports/card.html"]
    assert not [name for name, text in ours.items() if LEFTOVER.search(name + text)]
    assert not [name for name in found if name.startswith("overlays")]
    others = set(SLUGS.values()) - {slug}
    assert not [name for name, text in found.items() for each in others if each in name + text]
    meta = tomllib.loads(found["pyproject.toml"])["project"]
    assert meta["name"] == slug
    assert meta["authors"][0]["name"] == answers.get("author", "Your Name")
    settings = tomllib.loads(found["config/base.toml"])
    region = answers.get("aws_region", "eu-west-1")
    assert settings["project"] == {"name": slug, "aws_region": region}
    for name, text in found.items():
        if name.endswith(".py"):
            compile(text, name, "exec")
        if name.endswith(".toml"):
            tomllib.loads(text)


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("MIT", "MIT License"),
        ("BSD-3-Clause", "BSD 3-Clause License"),
        ("Proprietary", "All rights reserved"),
    ],
)
def test_the_licence_is_the_chosen_one(licence: str, words: str, tmp_path: Path) -> None:
    assert words in (bake(tmp_path, licence=licence).path / "LICENSE").read_text()


@pytest.mark.parametrize("use_case", USE_CASES)
def test_two_bakes_differ_in_the_name_only(use_case: str, tmp_path: Path) -> None:
    one = texts(bake(tmp_path, use_case=use_case, project_slug="one_name"))
    two = texts(bake(tmp_path, use_case=use_case, project_slug="two_name"))
    renamed = {
        k.replace("one_name", "two_name"): v.replace("one_name", "two_name") for k, v in one.items()
    }
    assert renamed == two


@pytest.mark.parametrize(
    ("use_case", "captured", "redacted"),
    [("f1", "stdout", []), ("intent", "stdout", ["request"]), ("tabular", "off", [])],
)
def test_prod_keeps_of_requests_only_what_is_known_to_be_harmless(
    use_case: str, captured: str, redacted: list[str], tmp_path: Path
) -> None:
    shipped = bake(tmp_path, use_case=use_case).path / "config"
    api = {}
    for name in ("base", "prod"):
        api |= tomllib.loads((shipped / f"{name}.toml").read_text())["api"]
    assert (api["capture"], api["capture_redact"]) == (captured, redacted)


def test_a_bake_has_these_rooms(f1: Project) -> None:
    rooms = {p.name for p in f1.path.iterdir() if not p.name.startswith(".")}
    made_by_use = {"uv.lock", "store", "endpoint"}
    assert rooms - made_by_use == {
        "LICENSE", "Makefile", "README.md", "config", "data", "f1_predictor", "flows", "infra",
        "pyproject.toml", "serving", "tests", "vendor",
    }  # fmt: skip
