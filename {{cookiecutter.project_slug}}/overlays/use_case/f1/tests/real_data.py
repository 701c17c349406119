"""Fixtures of real seasons, which the project does not ship."""

import os
from pathlib import Path

import pytest


def real(variable: str) -> Path:
    """The folder that an environment variable names, or a skip that says so."""
    if variable not in os.environ:
        pytest.skip(f"set {variable} to a folder with the Ergast CSV tables to run this test")
    return Path(os.environ[variable])


@pytest.fixture(scope="session")
def real_f1() -> Path:
    """Real seasons from 2010 on."""
    return real("F1_DATA")


@pytest.fixture(scope="session")
def real_f1_1950() -> Path:
    """Real seasons from 1950 on."""
    return real("F1_DATA_1950")
