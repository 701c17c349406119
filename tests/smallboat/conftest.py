"""The library's tests run in a toy project, laid once for each process of the tests."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import hypothesis
import pandas as pd
import pytest
from hypothesis import HealthCheck
from smallboat import process_environment
from smallboat.config import config
from smallboat.store import store
from smallboat.training import training
from smallboat.validation import preparation
from toy_project import lay

process_environment.clean(startup=True)

# How long an example takes depends on what else runs.
hypothesis.settings.register_profile(
    "shared", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared")

# What a shell starts with `&` ignores it, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

_FOLDER = tempfile.TemporaryDirectory(prefix="toy-", ignore_cleanup_errors=True)
TOY = lay(Path(_FOLDER.name).resolve())
os.chdir(TOY)
sys.path.insert(0, str(TOY))
from toy.problem import PROBLEM  # noqa: E402, what was laid just now


@pytest.fixture(autouse=True)
def in_the_toy_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins in the toy project's folder."""
    monkeypatch.chdir(TOY)


@pytest.fixture(scope="session")
def settings() -> config.Settings:
    """The toy's settings of this machine."""
    return config.load(PROBLEM, "local")


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model store of its own for this session."""
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def snapshot(root: str, settings: config.Settings) -> str:
    """The sample, in the session's store."""
    return store.make_snapshot(PROBLEM, root, settings.data.model_dump())


@pytest.fixture(scope="session")
def frame(root: str, snapshot: str) -> pd.DataFrame:
    """The sample's feature table."""
    return preparation.engineer(PROBLEM, root, snapshot)[0]


@pytest.fixture(scope="session")
def parts(frame: pd.DataFrame, settings: config.Settings) -> training.Split:
    """The sample, cut by time."""
    return training.split(frame, settings.training.model_dump())
