"""Fixtures of real sessions, which the project does not ship."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_otto() -> Path:
    """A folder with OTTO's `train.jsonl`."""
    if "OTTO_DATA" not in os.environ:
        pytest.skip("set OTTO_DATA to a folder with OTTO's train.jsonl to run this test")
    return Path(os.environ["OTTO_DATA"])
