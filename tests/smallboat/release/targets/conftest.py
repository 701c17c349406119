"""AWS for a whole session of tests."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import bundles
import pytest
from botocore.loaders import create_loader
from bundles import Runs
from clouds import FAULTY, ROOT, Cloud, emulated
from releasing import Project, values
from smallboat.cloud import lambda_zip, osls
from smallboat.problem import Problem
from smallboat.release import behaviour, release
from smallboat.release.targets import hosting, sagemaker
from smallboat.serving import servers
from smallboat.validation import preparation
from smallboat.validation.validation import Report

sys.path += [str(ROOT / name) for name in ("tests/serving/api", "tests/flows")]


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """What boto3 reads of the services it reads once, and not for each session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", cache(create_loader))
        yield


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The emulator; what AWS's clients would find on this machine is hidden."""
    with pytest.MonkeyPatch.context() as patch:
        # Else each process compiles anew what it imports.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        with emulated(tmp_path_factory.mktemp("cloud")) as started:
            yield started


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What deploys the API, installed outside of the guard and by one process at a time."""
    if shutil.which("npm") is None:
        pytest.skip("the API is deployed by osls, which needs npm")
    with (tmp_path_factory.getbasetemp().parent / "installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        osls.install()
        lambda_zip.contents()


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A store with the sample's snapshot, and no run yet."""
    return bundles.empty(tmp_path_factory.mktemp("sample") / "store")


@pytest.fixture
def project(
    cloud: Cloud, sample: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A project without a release, in a folder of its own, on an empty AWS."""
    made = sample.frame, sample.lookup, Report([])
    monkeypatch.setattr(preparation, "engineer", lambda *_: made)
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(servers, "MODEL_SERVER", (str(FAULTY),))
    monkeypatch.setattr(hosting, "POLL_SECONDS", (0.05, 0.2))
    runs = Runs(str(tmp_path / "store"), sample.snapshot, sample.frame, sample.lookup)
    project = Project(cloud, runs, values())
    (tmp_path / "serving").symlink_to(Path("serving").resolve())
    (tmp_path / "config").symlink_to(Path("config").resolve())
    monkeypatch.chdir(tmp_path)
    project.make_ground()
    yield project
    cloud.reset()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases are asked after the switch only, and less often."""
    check = behaviour.check

    def after_the_switch(problem: Problem, when: str, ask: Any, *rest: Any) -> None:
        if ask is not None:
            check(problem, when, ask, *rest)

    monkeypatch.setattr(behaviour, "ASKS", 3)
    monkeypatch.setattr(release.behaviour, "check", after_the_switch)
    monkeypatch.setattr(sagemaker.Endpoint, "beside", lambda *_: nullcontext())
