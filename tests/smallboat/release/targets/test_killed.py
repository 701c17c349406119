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
from bundles import PLAIN
from releasing import Project
from smallboat.release import smoke_tests
from smallboat.release.targets import lease
from smallboat.serving import servers


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short lease, and no checks of answers."""
    monkeypatch.setattr(lease, "LEASE_SECONDS", 3.0)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.4)
    monkeypatch.setattr(servers, "temporary_model_server", lambda *_: nullcontext())
    monkeypatch.setattr(smoke_tests, "check", lambda *_: None)


Call = tuple[str, str]
"""An operation, and the first part of its key if it is of an object."""


def call(operation: str, parameters: dict[str, Any]) -> Call:
    return operation, str(parameters.get("Key", "")).partition("/")[0]


def deploy_and_die(project: Project, dies: Callable[[Call], bool]) -> None:
    """Deploy in a process of its own, killed before the first call for which that holds."""
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
    assert os.WIFSIGNALED(status), "it ended by itself"


def _die(dies: Callable[[Call], bool]) -> None:
    make = BaseClient._make_api_call

    def calling(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        ours = current_thread() is main_thread() and parameters.get("Key") != lease.KEY
        if ours and dies(call(operation, parameters)):
            os.kill(os.getpid(), signal.SIGKILL)
        return make(self, operation, parameters)

    BaseClient._make_api_call = calling


def run_out(project: Project) -> None:
    """Let the lease of a deployment that was killed run out at once."""
    s3 = project.cloud.client("s3")
    s3.put_object(Bucket=project.env.bucket, Key=lease.KEY, Body=b"{}")


def changing(project: Project) -> list[Call]:
    """The calls since `forget` that change something, each kind once."""
    made = [call(each["operation"], each["parameters"]) for each in project.changes()]
    return list(dict.fromkeys(made))


def after(first: str, then: str) -> Callable[[Call], bool]:
    """Holds for a call of an operation once there was one of another."""
    seen: list[str] = []

    def dies(made: Call) -> bool:
        seen.append(made[0])
        return made[0] == then and first in seen

    return dies


def runs() -> Iterator[tuple[str, dict[str, float]]]:
    """Runs without end, each of another model."""
    for number in range(1, 60):
        yield str(number), {name: (1 + number / 1000) * each for name, each in PLAIN.items()}


@pytest.mark.parametrize(
    "part", ["UpdateEndpoint", pytest.param("", id="each", marks=pytest.mark.nightly)]
)
def test_killed_before_a_call_that_changes_something(
    project: Project, quick: None, capfd: pytest.CaptureFixture[str], part: str
) -> None:
    new = runs()
    for _ in range(3):  # the third one removes the first
        project.runs.keep(*next(new))
        project.cloud.forget()
        project.deploy()
    points = [point for point in changing(project) if part in point[0]]
    assert len(points) >= (1 if part else 10)
    for point in points:
        run, weights = next(new)
        project.runs.keep(run, weights)
        deploy_and_die(project, point.__eq__)
        if point != points[0]:
            run_out(project)
        began = time.monotonic()
        assert project.deploy().exit_code == 0
        assert time.monotonic() - began < 30
        assert project.served() == (run, run)
        history = project.history()
        names = {event["config"] for event in history[-2:]}
        assert all(names <= found for found in project.names())
    assert project.names() == (names, names)
    assert "if that was killed, this one starts in" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("CreateEndpoint", "DescribeEndpoint"),
        ("CreateEndpoint", "AddTags"),
        ("AddTags", "PutObject"),
    ],
)
def test_a_first_deployment_that_was_killed(
    project: Project, quick: None, first: str, then: str
) -> None:
    project.runs.keep("1", PLAIN)
    deploy_and_die(project, after(first, then))
    run_out(project)
    assert project.deploy().name == "released"
    assert project.served() == ("1", "1")
