"""A retraining that dies with its machine, wherever; and two of them at once."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import copies
import pytest
from bootstrapped import BUCKET, PACKAGE, Bootstrapped
from bundles import BETTER, PLAIN
from clouds import ROOT, Cloud
from releasing import Project
from smallboat.config import config
from smallboat.errors import UserError
from smallboat.release import commands, smoke_tests, targets
from smallboat.release.targets import lease
from toy.problem import PROBLEM

DEATHS = ("snapshot ", "train_candidate", "post-switch check")
"""What it has printed last: that it has its data, that it trains, that it has switched."""


class Machine(Bootstrapped):
    """A runner of GitHub's: a checkout, and nothing that was there before."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        folder.mkdir()
        super().__init__(folder, cloud)
        self.link("serving", "uv.lock")
        for name in ("flows", PACKAGE, "vendor"):
            shutil.copytree(ROOT / name, folder / name)
        shutil.copy(ROOT / "config" / "local.toml", folder / "config")
        copies.compete(folder, "good")
        copies.trust(folder)
        self.link_packages()

    def retrain(self, until: str = "") -> str:
        """What `make retrain ENV=staging` prints, until it is killed or to its good end."""
        found = os.pathsep.join([self.cloud.environ["PYTHONPATH"], *copies.paths(self.folder)])
        printed = []
        with subprocess.Popen(
            [sys.executable, "-u", "-m", "smallboat", "retrain", "--env", "staging"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **self.cloud.environ, "PYTHONPATH": found},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout
            for line in process.stdout:
                printed.append(line)
                if until and until in line:
                    os.killpg(process.pid, signal.SIGKILL)
        code = -signal.SIGKILL if until else 0
        assert process.returncode == code, "".join(printed)
        return "".join(printed)

    def state(self) -> dict[str, Any]:
        """What is served, how often that changed, who deploys, and the snapshots there are."""
        release = json.loads(self.run("status").stdout)["release"]
        return {
            "model": release["model_hash"],
            "features": release["online_features_hash"],
            "releases": len(json.loads(self.read("endpoint/history.json"))),
            "deploys": json.loads(self.read("endpoint/deploying.json")).get("who"),
            "snapshots": {key.split("/")[2] for key in self.keys("store/snapshots/")},
            "newest": self.read("store/snapshots/newest"),
        }

    def keys(self, prefix: str) -> list[str]:
        """The names of objects."""
        told = self.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for each in told["Contents"]]

    def read(self, key: str) -> str:
        """The text of an object."""
        answer = self.client("s3").get_object(Bucket=BUCKET, Key=key)
        return str(answer["Body"].read().decode())


@pytest.fixture
def machines(tools: None, cloud: Cloud, tmp_path: Path) -> Iterator[Callable[[], Machine]]:
    """New runners of a bootstrapped environment."""
    cloud.reset()
    numbers = count()

    def made() -> Machine:
        return Machine(tmp_path / str(next(numbers)), cloud)

    administrator = made()
    assert administrator.run("bootstrap").returncode == 0
    administrator.push("staging")
    yield made
    cloud.reset()


@pytest.mark.parametrize(
    "deaths", [DEATHS[-1:], pytest.param(DEATHS, marks=pytest.mark.nightly)], ids=["one", "each"]
)
def test_after_a_runner_that_died_the_next_ends_as_if_nothing_had_happened(
    machines: Callable[[], Machine], deaths: tuple[str, ...]
) -> None:
    for until in deaths:
        machines().retrain(until)
    survivor = machines()
    assert "released: model " in survivor.retrain()
    after = survivor.state()
    assert after["releases"] == 1 and after["deploys"] is None
    assert after["snapshots"] == {after["newest"], "newest"}


def deploy(project: Project, run: str, begin: Any) -> int:
    """Release a run in a process of its own, once it is told to begin; the process's id."""
    child = os.fork()
    if child:
        return child
    try:
        begin.wait()
        commands.release_run(PROBLEM, config.check(project.values), run)
    except UserError as error:
        print(error, flush=True)
        os._exit(error.exit_code)
    except BaseException:
        os._exit(1)
    os._exit(0)


def first_to_end(children: list[int]) -> tuple[int, int]:
    """Which of the processes ended first, and its exit code."""
    while True:
        for child in children:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return child, os.waitstatus_to_exitcode(status)
        time.sleep(0.05)


def test_of_two_at_once_one_is_released_and_the_other_says_so(
    project: Project,
    hasty: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whoever got there first goes on when the other has ended: they do meet, on any machine."""
    one_ended, check = multiprocessing.Event(), smoke_tests.check

    def meeting(*arguments: Any) -> None:
        assert one_ended.wait(60)
        check(*arguments)

    monkeypatch.setattr(smoke_tests, "check", meeting)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.2)
    project.cloud.client("sns").create_topic(Name=f"{project.env.name_prefix}-alarms")
    project.values["store"]["root"] = project.runs.root
    monkeypatch.setattr(targets, "of", lambda *_, **__: project.target())
    project.runs.keep("1", PLAIN)
    project.runs.keep("2", BETTER)
    begin = multiprocessing.Barrier(2)
    children = {deploy(project, run, begin): run for run in ("1", "2")}
    refused, code = first_to_end(list(children))
    assert code == UserError.exit_code
    children.pop(refused)
    one_ended.set()
    released, code = first_to_end(list(children))
    assert code == 0
    assert "wait until that ends" in capfd.readouterr().out
    assert project.served() == (children[released], children[released])
