"""Each combination of answers bakes to exactly its files, each of them clean."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import BIN, ROOT, Project, bake

from combinations import CLOUDS, COVERING, LICENCES, SUPPORTED, TEXTS, TRACKERS, USE_CASES
from combinations import Combination as One

QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text())
FILES = tomllib.loads(Path(__file__).with_name("files.toml").read_text())
SLUGS = {"f1": "f1_predictor", "intent": "purchase_intent", "tabular": "table_predictor"}
OTHERS = {*SLUGS.values(), "workbench_project"}
LEFTOVER = re.compile(r"cookiecutter|\{%|%\}")
SQL = re.compile(r"^warehouse/")
"""Templates of the project's own."""
DOUBLE = ("Makefile", "LICENSE", ".gitignore", ".toml", ".md", ".mk", ".txt", ".js", ".css")
"""Files that need no double braces for themselves."""
WORDS = {
    "MIT": "MIT License",
    "BSD-3-Clause": "BSD 3-Clause License",
    "Proprietary": "All rights reserved",
}
CHANGED = {"LICENSE", "README.md", "pyproject.toml"}
"""What may differ between trackers and licences, beside the settings."""
Texts = dict[str, str]


class Yaml(yaml.SafeLoader):
    """Reads CloudFormation's tags, too."""


Yaml.add_multi_constructor("!", lambda loader, tag, node: None)  # type: ignore[no-untyped-call]


def texts(project: Project) -> Texts:
    """The project's own files, by name; those in vendor are the same in all."""
    own = [path for path in project.path.iterdir() if path.name != "vendor"]
    files = [file for path in own for file in (path, *path.rglob("*")) if file.is_file()]
    return {str(file.relative_to(project.path)): file.read_text() for file in files}


@pytest.fixture(scope="session")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[One], Project]:
    """Bakes each combination once."""
    made: dict[One, Project] = {}

    def one(combination: One) -> Project:
        if combination not in made:
            made[combination] = bake(tmp_path_factory.mktemp("baked"), **combination.answers)
        return made[combination]

    return one


def expected(combination: One, package: str) -> set[str]:
    """The files that a combination has by the list."""
    own = FILES["use_case"][combination.use_case], FILES["cloud"][combination.cloud]
    listed = [
        f"{folder}/{name}"
        for part in (FILES["shared"], *own)
        for folder, names in part.items()
        for name in names
    ]
    assert len(listed) == len(set(listed))
    return {name.removeprefix("./").replace("<package>", package) for name in listed}


def parse(name: str, text: str) -> Any:
    """What a file holds; an error if its format is broken."""
    match Path(name).suffix:
        case ".py":
            return ast.parse(text, name)
        case ".toml":
            return tomllib.loads(text)
        case ".json":
            return json.loads(text)
        case ".yml" | ".yaml":
            return yaml.load(text, Yaml)
    return text


def check(project: Project) -> Texts:
    """The files of a project that keeps what all must: nothing is left of the template."""
    found = texts(project)
    ours = {name: text for name, text in found.items() if not SQL.search(name)}
    assert not [name for name, text in ours.items() if LEFTOVER.search(name + text)]
    double = [name for name in found if name.endswith(DOUBLE) and "{{" in found[name]]
    assert double == []
    others = OTHERS - {project.path.name}
    assert not [name for name, text in found.items() for each in others if each in name + text]
    for name, text in found.items():
        parse(name, text)
    for words in (["check"], ["format", "--check"]):
        ruff = [BIN / "ruff", *words, "--no-cache", "--quiet", "."]
        done = subprocess.run(ruff, cwd=project.path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    return found


def test_the_combinations_are_those_of_the_questions() -> None:
    choices = [QUESTIONS[name] for name in ("use_case", "tracker", "cloud", "licence")]
    assert choices == [list(each) for each in (USE_CASES, TRACKERS, CLOUDS, LICENCES)]
    assert len({str(each) for each in SUPPORTED}) == len(SUPPORTED) == 72
    for pair in (("use_case", "tracker"), ("use_case", "cloud"), ("tracker", "cloud")):
        covered, every = (
            {tuple(each.answers[name] for name in pair) for each in combinations}
            for combinations in (COVERING, SUPPORTED)
        )
        assert covered == every


@pytest.mark.parametrize("combination", SUPPORTED, ids=str)
def test_a_combination_has_exactly_its_files_and_each_is_clean(
    combination: One, baked: Callable[[One], Project]
) -> None:
    project = baked(combination)
    assert project.path.name == SLUGS[combination.use_case]
    found = check(project)
    assert found.keys() == expected(combination, project.path.name)
    assert WORDS[combination.licence] in found["LICENSE"]
    assert tomllib.loads(found["config/base.toml"])["tracking"]["tracker"] == combination.tracker


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("combination", [One(each, "none", "none") for each in USE_CASES], ids=str)
def test_tracker_and_licence_change_settings_and_no_code(
    combination: One, cloud: str, baked: Callable[[One], Project]
) -> None:
    alike = [
        each for each in SUPPORTED if (each.use_case, each.cloud) == (combination.use_case, cloud)
    ]
    first, *others = (texts(baked(each)) for each in alike)
    assert len(others) == 11
    for other in others:
        differing = {name for name, text in other.items() if text != first[name]}
        assert {name for name in differing if not name.startswith("config/")} <= CHANGED


@pytest.mark.parametrize("answers", TEXTS.values(), ids=TEXTS)
def test_any_text_is_taken(answers: dict[str, str], tmp_path: Path) -> None:
    project = bake(tmp_path, **answers)
    slug = answers.get("project_slug", SLUGS[project.use_case])
    assert project.path.name == slug
    found = check(project)
    meta = tomllib.loads(found["pyproject.toml"])["project"]
    assert meta["name"] == slug
    assert meta["authors"][0]["name"] == answers.get("author", "Your Name")
    region = answers.get("aws_region", "eu-west-1")
    settings = tomllib.loads(found["config/base.toml"])["project"]
    assert settings == {"name": slug} | ({"aws_region": region} if region else {})


@pytest.mark.parametrize("use_case", USE_CASES)
def test_two_bakes_differ_in_the_name_only(use_case: str, tmp_path: Path) -> None:
    one = texts(bake(tmp_path, use_case=use_case, project_slug="one_name"))
    two = texts(bake(tmp_path, use_case=use_case, project_slug="two_name"))
    renamed = {
        k.replace("one_name", "two_name"): v.replace("one_name", "two_name") for k, v in one.items()
    }
    assert renamed == two


def keys(values: object, *path: str) -> set[tuple[str, ...]]:
    """The path of each value's key."""
    if not isinstance(values, dict):
        return {path}
    return {key for name, each in values.items() for key in keys(each, *path, name)}


@pytest.mark.parametrize("combination", [One(each, "comet", "aws") for each in USE_CASES], ids=str)
def test_the_file_of_an_environment_repeats_nothing_of_base(
    combination: One, baked: Callable[[One], Project]
) -> None:
    folder = baked(combination).path / "config"
    base = keys(tomllib.loads((folder / "base.toml").read_text()))
    for environment in ("local", "staging", "prod"):
        own = keys(tomllib.loads((folder / f"{environment}.toml").read_text()))
        assert own and not own & base


@pytest.mark.parametrize(
    ("combination", "captured", "redacted"),
    [
        (One("f1", "comet", "aws"), "stdout", []),
        (One("intent", "comet", "aws"), "stdout", ["request"]),
        (One("tabular", "comet", "aws"), "off", []),
    ],
    ids=str,
)
def test_prod_keeps_of_requests_only_what_is_known_to_be_harmless(
    combination: One, captured: str, redacted: list[str], baked: Callable[[One], Project]
) -> None:
    folder = baked(combination).path / "config"
    api = {}
    for name in ("base", "prod"):
        api |= tomllib.loads((folder / f"{name}.toml").read_text())["api"]
    assert (api["capture"], api["capture_redact"]) == (captured, redacted)
