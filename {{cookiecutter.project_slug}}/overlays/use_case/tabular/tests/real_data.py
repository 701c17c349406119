"""Fixtures of the project's own table, whatever config/problem.toml says it is."""

import json
from pathlib import Path
from typing import Any

import pytest
from smallboat.table.data import Rows

from {{ cookiecutter.project_slug }} import data, features
from {{ cookiecutter.project_slug }}.table import ROOT, TABLE


def table_or_skip() -> None:
    """Skip a test where the table is not on this machine."""
    if TABLE.sql or not (ROOT / TABLE.file).is_file():
        pytest.skip(f"the table ({TABLE.file or TABLE.sql}) is not on this machine")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What trains needs the table."""
    if item.path.name == "test_project.py":
        table_or_skip()


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a snapshot."""
    table_or_skip()
    folder = tmp_path_factory.mktemp("snapshot")
    data.collect(data.Config().model_dump(), folder)
    return folder


@pytest.fixture(scope="session")
def rows(snapshot: Path) -> Rows:
    """The table with typed columns."""
    return data.read(snapshot)


@pytest.fixture(scope="session")
def online(rows: Rows) -> dict[str, Any]:
    """The online features, as a release reads them."""
    known: dict[str, Any] = json.loads(json.dumps(features.online_features(rows)))
    return known
