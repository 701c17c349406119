"""Metaflow reads its settings when it is imported: runs of these tests stay out of the project."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from copies import copy, paths
from smallboat.config import config
from smallboat.store import store
from smallboat.training import fork_server
from toy.problem import PROBLEM

SYSROOT = tempfile.mkdtemp(prefix="metaflow-")
os.environ |= {"METAFLOW_USER": "test", "METAFLOW_DATASTORE_SYSROOT_LOCAL": SYSROOT}


@pytest.fixture(scope="session")
def sysroot() -> Iterator[Path]:
    """The folder that Metaflow keeps the runs of these tests in."""
    yield Path(SYSROOT)
    shutil.rmtree(SYSROOT)


@pytest.fixture(scope="session")
def finished(sysroot: Path, settings: config.Settings) -> Iterator[Any]:
    """A finished run on the sample, made in the folder `sysroot`."""
    from metaflow import Runner

    with pytest.MonkeyPatch.context() as patch:
        copy(sysroot)
        patch.chdir(sysroot)
        patch.setenv("PYTHONPATH", os.pathsep.join(paths(sysroot)))
        (sysroot / ".metaflow").mkdir()
        snapshot = store.make_snapshot(PROBLEM, "store", settings.data.model_dump())
        store.make_newest("store", snapshot)
        runner = Runner("flows/train.py", show_output=False, pylint=False)
        running = runner.run(snapshot=snapshot, max_workers=2)
        assert running.status == "successful", running.stderr
    with running:
        yield running.run


@pytest.fixture
def run(finished: Any, sysroot: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The finished run; the current folder is the one that it ran in."""
    monkeypatch.chdir(sysroot)
    return finished


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, to be changed."""
    copy(tmp_path)
    return tmp_path


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each training has a fork server of its own, which a test may kill or interrupt."""
    monkeypatch.delenv(fork_server.VARIABLE, raising=False)
