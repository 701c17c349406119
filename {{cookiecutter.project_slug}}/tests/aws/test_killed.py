"""A deployment that is killed at any call, and the same command after it."""

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from threading import current_thread, main_thread
from typing import Any

import pytest
from botocore.client import BaseClient
from bundles import GRID
from releasing import READS, Project

from {{ cookiecutter.project_slug }}.mlops import release
from {{ cookiecutter.project_slug }}.mlops.targets import lease, sagemaker


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short lease, and no checks of answers."""
    monkeypatch.setattr(lease, "LEASE_SECONDS", 2.0)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.4)
    monkeypatch.setattr(sagemaker.Endpoint, "beside", lambda *_: nullcontext())
    monkeypatch.setattr(release.behaviour, "check", lambda *_: None)


def deploy_and_die(project: Project, dies: Callable[[str], bool]) -> bool:
    """Deploy in a process of its own, killed before the first call for which that holds.

    Returns:
        Whether it was.
    """
    child = os.fork()
    if child == 0:
        try:
            _die(dies)
            project.deploy()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _die(dies: Callable[[str], bool]) -> None:
    call = BaseClient._make_api_call

    def calling(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        ours = current_thread() is main_thread() and parameters.get("Key") != lease.KEY
        if ours and dies(operation):
            os.kill(os.getpid(), signal.SIGKILL)
        return call(self, operation, parameters)

    BaseClient._make_api_call = calling


def changing(number: int) -> Callable[[str], bool]:
    """Holds for the call of that number that changes something."""
    left = iter(range(number, -1, -1))
    return lambda operation: not operation.startswith(READS) and next(left) == 0


def after(first: str, then: str) -> Callable[[str], bool]:
    """Holds for a call of an operation once there was one of another."""
    seen: list[str] = []

    def dies(operation: str) -> bool:
        seen.append(operation)
        return operation == then and first in seen

    return dies


def runs() -> Iterator[tuple[str, dict[str, float]]]:
    """Runs without end, each of another model."""
    for number in range(1, 60):
        yield str(number), {**GRID, "driver_finish": number / 1000}


def test_killed_before_any_call_that_changes_something(
    project: Project, quick: None, capfd: pytest.CaptureFixture[str]
) -> None:
    new = runs()
    for _ in range(2):
        project.runs.keep(*next(new))
        project.deploy()
    killed: list[str] = []
    for number in range(100):
        run, weights = next(new)
        project.runs.keep(run, weights)
        champion = project.served()
        project.cloud.forget()
        if not deploy_and_die(project, changing(number)):
            break
        killed.append(["nothing", *project.made()][-1])
        began = time.monotonic()
        assert project.deploy().exit_code == 0
        assert time.monotonic() - began < 30
        assert project.served() == (run, run) != champion
        names = {event["config"] for event in project.history()[-2:]}
        assert all(names <= found for found in project.names())
    assert project.served() == (run, run)
    names = {event["config"] for event in project.history()[-2:]}
    assert project.names() == (names, names)
    packages = {event["package"] for event in project.history()}
    assert len(packages) == len(project.history())
    assert len(killed) >= 12
    assert "if it was killed, this one begins in" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("CreateModel", "CreateEndpointConfig"),
        ("CreateEndpoint", "DescribeEndpoint"),
        ("CreateEndpoint", "CreateModelPackage"),
        ("CreateModelPackage", "PutObject"),
    ],
)
def test_a_first_deployment_that_was_killed(
    project: Project, quick: None, first: str, then: str
) -> None:
    project.runs.keep("1", GRID)
    assert deploy_and_die(project, after(first, then))
    assert project.deploy().name == "released"
    assert project.served() == ("1", "1")
    packages = project.cloud.client("sagemaker").list_model_packages(
        ModelPackageGroupName=project.place.registry_group
    )
    assert len(packages["ModelPackageSummaryList"]) == 1
