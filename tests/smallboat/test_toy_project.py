"""The toy project is a whole one."""

from pathlib import Path

from smallboat.config import config
from smallboat.store import store
from smallboat.validation import preparation
from toy.problem import PROBLEM


def test_its_configurations_are_valid() -> None:
    for name in ("local", "staging", "prod"):
        assert config.load(PROBLEM, name).project.name == "toy"


def test_its_sample_meets_its_expectations(tmp_path: Path) -> None:
    root = str(tmp_path / "store")
    snapshot = store.make_snapshot(PROBLEM, root, config.load(PROBLEM, "local").data.model_dump())
    assert preparation.validate(PROBLEM, root, snapshot).passed
    frame, _, report = preparation.engineer(PROBLEM, root, snapshot)
    assert report.passed
    assert len(frame) == 5 * 24 * 8
