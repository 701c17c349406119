"""The page of an endpoint that sleeps, in a real browser, through gateway and function."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import bundles
import pytest
import visit
from bootstrapped import PACKAGE, Bootstrapped
from clouds import Cloud
from toy import metrics, service
from visit import Visitor

pytestmark = pytest.mark.nightly  # test_waiting_page.py shows the page, test_walk.py the commands
CONTAINERS = 2
SLOW = 24.0  # MODEL_START_SECONDS of the function


class Deployed(Bootstrapped):
    """Staging with a release, deployed once."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        super().__init__(folder, cloud)
        self.link("serving", "vendor", PACKAGE, "uv.lock")
        self.bring("local")
        self.link_packages()
        file = folder / "config" / "staging.toml"
        most = f"max_concurrency = {CONTAINERS}"
        file.write_text(re.sub(r"max_concurrency = \d+", most, file.read_text()))
        os.chdir(folder)
        self.done("bootstrap")
        self.push("staging")
        runs = bundles.empty(folder / "store")
        difference = {metrics.PRIMARY: {"value": 0.0, "low": -1.0, "high": 1.0}}
        runs.keep("1", bundles.PLAIN, difference=difference)
        self.example = service.example(runs.online)
        printed = self.done("deploy", "--from", "local", "--run", "1")
        (line,) = [each for each in printed.splitlines() if each.startswith("serving http")]
        self.url = line.removeprefix("serving ")
        named = {"nameQuery": "project-staging-api", "includeValues": True}
        (key,) = self.client("apigateway").get_api_keys(**named)["items"]
        self.key = key["value"]

    def done(self, *words: str) -> str:
        """The output of a command that must succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def wait_at_most(self, seconds: float) -> None:
        """Let a new process of the function wait that long for a model that starts."""
        functions, name = self.client("lambda"), "project-staging-api"
        known = functions.get_function_configuration(FunctionName=name)["Environment"]
        variables = known["Variables"] | {"MODEL_START_SECONDS": str(seconds), "NEW": uuid4().hex}
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )

    def log(self) -> str:
        """What the function printed."""
        group = "/aws/lambda/project-staging-api"
        events = self.client("logs").filter_log_events(logGroupName=group)["events"]
        return "".join(each["message"] for each in events)


@pytest.fixture(scope="module")
def deployed(
    tools: None, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """Staging with one release behind the emulated gateway."""
    here = Path.cwd()
    cloud.reset()
    try:
        yield Deployed(tmp_path_factory.mktemp("cold"), cloud)
    finally:
        os.chdir(here)
        cloud.reset()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for all tests."""
    with visit.browser() as started:
        yield started


@pytest.fixture
def visitor(deployed: Deployed, browser: Any, tmp_path: Path) -> Visitor:
    """A person with the API's key."""
    deployed.wait_at_most(SLOW)
    return Visitor(browser, deployed.key, tmp_path)


def test_a_page_that_is_opened_while_the_model_sleeps_waits_for_it(
    deployed: Deployed, visitor: Visitor
) -> None:
    deployed.cloud.sleep(start_seconds=5.0)
    seen = visitor.visit(deployed.url)
    print(seen)
    assert seen.trouble == []
    assert [text.split(".")[0] for text in seen.waiting] == ["Waiting for the model"]
    assert 5.0 <= seen.ready <= seen.predicted
    assert deployed.cloud.starts() == 1


def test_more_predictions_than_containers_wait_too(deployed: Deployed, visitor: Visitor) -> None:
    deployed.cloud.sleep()
    visitor.visit(deployed.url)
    deployed.wait_at_most(1.5)
    deployed.cloud.sleep(start_seconds=5.0)
    seen, told = visitor.predict(deployed.example, 4)
    print(seen)
    assert (seen.trouble, told) == ([], 4)
    assert any(text.startswith("The model is starting.") for text in seen.waiting)
    assert deployed.cloud.starts() == CONTAINERS


def test_a_start_that_outlasts_a_request_is_waited_for_without_an_error(
    deployed: Deployed, visitor: Visitor
) -> None:
    deployed.wait_at_most(2.0)
    deployed.cloud.sleep(start_seconds=5.0)
    seen = visitor.visit(deployed.url)
    print(seen)
    assert seen.trouble == []
    assert any(text.startswith("The model is starting.") for text in seen.waiting)
    assert deployed.cloud.starts() <= 2
    assert "Traceback" not in deployed.log()


@pytest.mark.parametrize("start", [20.0, 40.0])
def test_a_long_start_at_its_real_length(
    deployed: Deployed, visitor: Visitor, start: float
) -> None:
    deployed.cloud.sleep(start_seconds=start)
    seen = visitor.visit(deployed.url)
    print(seen)
    assert seen.trouble == [] and seen.waiting
    assert start <= seen.predicted <= start + 30.0  # a second try waits for as long as the first
