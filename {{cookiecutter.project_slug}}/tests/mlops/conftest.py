"""The sample as a snapshot, its feature table and its split, made once a session."""

import pandas as pd
import pytest
import small
from smallboat.config import config
from smallboat.store import store
from smallboat.training import training
from smallboat.validation import preparation

from {{ cookiecutter.project_slug }}.problem import PROBLEM


@pytest.fixture(scope="session")
def settings() -> config.Settings:
    """The shipped settings of this machine, and a small sample."""
    return small.settings()


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
