"""A project whose releases go to an endpoint of the emulated AWS."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import bundles
import pytest
from bundles import Runs
from clouds import FAULTY, ROOT, Cloud
from releasing import Project, values
from smallboat.problem import Problem
from smallboat.release import smoke_tests
from smallboat.release.targets import hosting
from smallboat.serving import servers
from smallboat.validation import preparation
from smallboat.validation.validation import Report


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A store with the sample's snapshot, and no run yet."""
    return bundles.empty(tmp_path_factory.mktemp("sample") / "store")


@pytest.fixture
def project(
    cloud: Cloud, sample: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A project without a release, in a folder of its own, on an empty AWS."""
    made = sample.frame, sample.online, Report([])
    monkeypatch.setattr(preparation, "engineer", lambda *_: made)
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", f"{cloud.environ['PYTHONPATH']}{os.pathsep}{ROOT}")
    monkeypatch.setattr(servers, "MODEL_SERVER", (str(FAULTY),))
    monkeypatch.setattr(hosting, "POLL_SECONDS", (0.05, 0.2))
    runs = Runs(str(tmp_path / "store"), sample.snapshot, sample.frame, sample.online)
    project = Project(cloud, runs, values())
    (tmp_path / "serving").symlink_to(Path("serving").resolve())
    (tmp_path / "config").symlink_to(Path("config").resolve())
    monkeypatch.chdir(tmp_path)
    project.bootstrap()
    yield project
    cloud.reset()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases are checked after the switch only, with fewer requests."""
    check = smoke_tests.check

    def post_switch(problem: Problem, name: str, ask: Any, *rest: Any) -> None:
        if ask is not None:
            check(problem, name, ask, *rest)

    monkeypatch.setattr(smoke_tests, "REQUESTS", 3)
    monkeypatch.setattr(smoke_tests, "check", post_switch)
    monkeypatch.setattr(servers, "temporary_model_server", lambda *_: nullcontext())
