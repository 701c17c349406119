"""The configurations that the use cases ship."""

import tomllib
from typing import Any

import pytest
from toy_project import SHARED


@pytest.mark.parametrize("use_case", ["f1", "intent"])
def test_environments_judge_alike(use_case: str) -> None:
    """A run that moves on from one to the next was held to the same."""
    folder = SHARED / "overlays" / "use_case" / use_case / "config"
    names = ("local", "staging", "prod")
    local, staging, prod = (tomllib.loads((folder / f"{it}.toml").read_text()) for it in names)
    for section in ("data", "training", "decision", "gates", "release"):
        assert local.get(section) == staging.get(section) == prod.get(section)
    assert without_secrets(local) == without_secrets(staging) == without_secrets(prod)


def without_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    """The steps that need none."""
    steps: dict[str, Any] = settings["steps"]
    return {name: each for name, each in steps.items() if not each.get("secrets")}
