"""Two environments through all of the project's commands, from bootstrap to destroy."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bundles
import numpy as np
import pytest
import requests
import templates
from bootstrapped import PACKAGE, Bootstrapped
from bundles import BETTER, PLAIN, WORSE
from clouds import ROOT, Cloud, processor
from iam_simulation import allows, needs, outside
from permissions import actions
from second_evaluator import decisions
from smallboat.cloud import inventory, lambda_zip
from smallboat.release import smoke_tests
from smallboat.store import bundle, store
from toy import service

SECONDS = 30.0
"""What a deployment may take of a processor against the emulator, from the first to the answer."""
PUSHED = "an image is pushed and copied: test_image_run.py, where the registry is asked by HTTP"
TARGET = "test_target.py"
FLOW = "runs and state machines: test_remote.py, test_remote_runs.py"
SCALING = "Application Auto Scaling asks in our name: shown nowhere"
COST_TAGS = {"project", "environment", "owner"}
UNTAGGED = {
    "scaling target": "it costs nothing",
    "alarm": "Application Auto Scaling creates it, without tags",
    "log group": "SageMaker creates it, without tags: the endpoint's log",
}
"""The kinds of the inventory that the budget does not see, and why."""
NOT_SHOWN = {
    "application-autoscaling:DeregisterScalableTarget": TARGET,
    **dict.fromkeys(
        (
            "batch:DescribeComputeEnvironments",
            "batch:DescribeJobDefinitions",
            "batch:DescribeJobQueues",
            "batch:DescribeJobs",
            "batch:RegisterJobDefinition",
            "batch:SubmitJob",
            "batch:TagResource",
            "batch:TerminateJob",
            "events:DeleteRule",
            "events:DisableRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "secretsmanager:GetSecretValue",
            "states:CreateStateMachine",
            "states:DeleteStateMachine",
            "states:DescribeStateMachine",
            "states:ListStateMachines",
            "states:TagResource",
            "states:UpdateStateMachine",
        ),
        FLOW,
    ),
    "cloudwatch:DeleteAlarms": SCALING,
    "cloudwatch:DescribeAlarms": SCALING,
    "cloudwatch:PutMetricAlarm": SCALING,
    "cloudformation:ContinueUpdateRollback": "a rollback failed: test_stacks.py",
    "cloudformation:DeleteStack": "a first creation failed: test_lambda_api.py",
    "cloudformation:UpdateStack": "the API's settings changed: test_lambda_api.py",
    "ecr:BatchCheckLayerAvailability": PUSHED,
    "ecr:BatchDeleteImage": TARGET,
    "ecr:BatchGetImage": PUSHED,
    "ecr:CompleteLayerUpload": PUSHED,
    "ecr:GetAuthorizationToken": PUSHED,
    "ecr:GetDownloadUrlForLayer": PUSHED,
    "ecr:InitiateLayerUpload": PUSHED,
    "ecr:PutImage": PUSHED,
    "ecr:UploadLayerPart": PUSHED,
    "s3:DeleteObject": "osls removes the API's zip after five later ones: shown nowhere",
    "sagemaker:DeleteEndpoint": TARGET,
    "sagemaker:UpdateEndpointWeightsAndCapacities": SCALING,
}
"""What is granted and not called here, and where it is."""
INSTANCES = """[aws.instances]
type = "ml.m5.large"
least = 2
most = 4
requests_a_minute = 600
capture_share = 0.25
canary_percent = 10
canary_seconds = 300
"""


COLD = {"start_seconds": 2.0, "idle_seconds": 6.0, "answer_seconds": 1.0}
"""Staging's endpoint starts after each release and each pause, longer than a request may wait."""


class Walk(Bootstrapped):
    """A project's folder with a model store, and the emulated AWS."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        super().__init__(folder, cloud)
        self.link("serving", "vendor", PACKAGE, "uv.lock")
        self.bring("local")
        self.on_instances("prod")
        self.keep_few("staging")
        self.runs = bundles.empty(folder / "store")
        self.printed: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self.first: Any = None
        self.starting: list[str] = []  # codes of errors before the first answer
        self.starts = 0  # of staging's containers
        self.releases: Any = None
        self.collected: Any = None
        self.calls: list[dict[str, Any]] = []

    def on_instances(self, environment: str) -> None:
        """Configure an endpoint on instances."""
        file = self.folder / "config" / f"{environment}.toml"
        before, _, after = file.read_text().partition("[aws.serverless]")
        file.write_text(f"{before}{INSTANCES}\n[aws.limits]{after.partition('[aws.limits]')[2]}")

    def keep_few(self, environment: str) -> None:
        """Keep few releases."""
        self.configure(environment, "[release]\nkeep = 2\n")

    def do(self, name: str, *words: str, code: int = 0, **who: str) -> str:
        """Run a command with that exit code, and record its output and its processor time."""
        started = processor()
        done = self.run(*words, **who)
        self.seconds[name] = processor() - started
        self.printed[name] = done.stdout + done.stderr
        assert done.returncode == code, self.printed[name]
        return self.printed[name]

    def answer(self, url: str, environment: str) -> Any:
        """What the API behind the gateway predicts for the example."""
        named = {"nameQuery": f"project-{environment}-api", "includeValues": True}
        (key,) = self.client("apigateway").get_api_keys(**named)["items"]
        online = self.runs.online
        for _ in range(5):
            answer = requests.post(
                f"{url}/predict",
                json=service.example(online),
                headers={"x-api-key": key["value"]},
                timeout=60,
            )
            if answer.status_code != 503:
                break
            self.starting.append(answer.json()["error"]["code"])
            time.sleep(int(answer.headers["Retry-After"]))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def collect(self) -> Any:
        """What is collected of captured requests, twice, and the rows of the first window."""
        code = """
import json, sys
from smallboat.config import config
from smallboat.captured import archive
from toy.problem import PROBLEM
settings = config.load(PROBLEM, "staging")
found = [archive.collect(PROBLEM, settings).new for _ in range(2)]
window = next(archive.windows(settings.store.root, None, 1, 0))
print(json.dumps([*found, window.run, window.inputs.tolist(), window.outputs.tolist()]))
"""
        return json.loads(self.python(code).stdout)

    def expected(self, run: str) -> list[Any]:
        """What the bundle's own files say."""
        folder = self.folder / "store" / "runs" / run
        question, online = service.example(self.runs.online), self.runs.online
        features, _ = service.features(question, online)
        answers = bundle.predict((folder / "model.onnx").read_bytes(), features)
        evaluation = store.read_json(folder / "evaluation.json")
        return service.predictions(question, np.asarray(answers), features, evaluation)


def url(printed: str) -> str:
    """The address that a deployment names."""
    (line,) = [line for line in printed.splitlines() if line.startswith("serving http")]
    return line.removeprefix("serving ")


@pytest.fixture(scope="module")
def walk(tools: None, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Two environments with several releases, of which the last was rolled back."""
    cloud.reset()
    here = Path.cwd()
    walk = Walk(tmp_path_factory.mktemp("walk"), cloud)
    packages = walk.folder / lambda_zip.CACHE
    packages.parent.mkdir(parents=True)
    packages.symlink_to(ROOT / lambda_zip.CACHE)
    os.chdir(walk.folder)
    try:
        for environment in ("staging", "prod"):
            walk.do(f"bootstrap {environment}", "bootstrap", environment=environment)
        walk.do("too early", "deploy", code=2)
        for environment in ("staging", "prod"):
            walk.push(environment)
        cloud.forget()
        cloud.sleep(**COLD)
        walk.runs.keep("1", PLAIN)
        first = walk.do("first", "deploy", "--from", "local", "--run", "1")
        time.sleep(COLD["idle_seconds"])
        walk.first = walk.answer(url(first), "staging")
        walk.do("again", "deploy")
        walk.runs.keep("2", BETTER, as_of="2031-01-01")
        walk.do("second", "deploy", "--from", "local", "--run", "2")
        walk.runs.keep("3", WORSE, as_of="2032-01-01")
        walk.do("kept", "deploy", "--from", "local", "--run", "3")
        promote = "deploy", "--from", "staging"
        walk.do("by a person", *promote, environment="prod", code=2)
        walk.do("rolled back by a person", "rollback", environment="prod", code=2)
        walk.do("promoted", *promote, environment="prod", role="project-prod-deploy")
        walk.do("status", "status")
        walk.do("predict", "predict")
        walk.do("rollback", "rollback")
        walk.releases = requests.get(f"{url(first)}/releases", timeout=60)
        walk.collected = walk.collect()
        walk.calls, walk.starts = cloud.calls(), cloud.starts()
        walk.do("destroy", "destroy", "--confirm", "staging", "--force")
        yield walk
    finally:
        os.chdir(here)
        cloud.reset()


def test_first_of_all_the_image_is_asked_for(walk: Walk) -> None:
    assert "`make image ENV=staging`" in walk.printed["too early"]


def test_a_deployment_is_quick(walk: Walk) -> None:
    assert walk.seconds["first"] <= SECONDS
    assert walk.seconds["second"] <= SECONDS


def test_through_gateway_function_and_endpoint_comes_the_bundles_own_answer(walk: Walk) -> None:
    assert walk.first["model"]["run"] == "1"
    assert smoke_tests.distance(walk.first["predictions"], walk.expected("1")) <= 1e-6


def test_each_command_waits_for_an_endpoint_that_starts(walk: Walk) -> None:
    assert set(walk.starting) == {"model_not_ready"}
    assert walk.starts >= 4  # two releases, the newer features, the first answer
    refused = [call for call in walk.calls if call["operation"] == "InvokeEndpoint"]
    assert len(refused) > walk.starts


def test_what_was_asked_is_collected_once_from_the_functions_log(walk: Walk) -> None:
    new, again, run, inputs, outputs = walk.collected
    assert (new, again, run) == (2, 0, "1")  # this test's request, and that of `predict`
    features, _ = service.features(service.example(walk.runs.online), walk.runs.online)
    assert inputs == features.tolist()
    minutes = [each["minutes"] for each in walk.first["predictions"]]
    assert outputs == pytest.approx(minutes, abs=1e-3)


def test_an_endpoint_far_away_may_take_its_way(walk: Walk) -> None:
    before, after = walk.printed["first"].split("post-switch check")
    assert "milliseconds of all answers but the slowest: expected <= 250, " in before
    assert "milliseconds of all answers but the slowest: expected <= 1750, " in after


def test_only_what_is_new_is_released(walk: Walk) -> None:
    assert "kept: run 1 is the same" in walk.printed["again"]
    assert "nothing to deploy" in walk.printed["again"]
    assert walk.printed["second"].count("released: ") == 1
    assert "kept: run 3 is inferior" in walk.printed["kept"]
    assert "the champion now serves its newer online features" in walk.printed["kept"]


def test_prod_gets_the_very_pair_that_staging_serves(walk: Walk) -> None:
    (released,) = [
        it for it in walk.printed["promoted"].splitlines() if it.startswith("released: ")
    ]
    assert "of run 2 with features as of 2032-01-01 of run 3" in released


def test_prod_is_released_by_its_workflow_only(walk: Walk) -> None:
    for name in ("by a person", "rolled back by a person"):
        assert (
            "prod is released by its workflow only, as project-prod-deploy, and these"
            in (walk.printed[name])
        )


def test_status_and_predict_ask_aws(walk: Walk) -> None:
    status = json.loads(walk.printed["status"])
    assert (status["release"]["run"], status["release"]["features_run"]) == ("2", "3")
    assert status["server"]["url"] == url(walk.printed["first"])
    assert "model of run 2, features as of 2032-01-01" in walk.printed["predict"]
    assert "rolled back" in walk.printed["rollback"]


def test_through_the_gateway_each_release_tells_why_it_came_and_went(walk: Walk) -> None:
    assert walk.releases.status_code == 200, walk.releases.text
    first, second, newer, back = walk.releases.json()
    assert [each["run"] for each in (first, second, newer, back)] == ["1", "2", "2", "2"]
    assert [each["features_run"] for each in (second, newer, back)] == ["2", "3", "2"]
    assert first["came"] == "promoted from local; the first release"
    assert first["went"].startswith("replaced by run 2: promoted from local; run 2 is not inferior")
    assert "newer online features of run 3; run 3 is inferior" in newer["came"]
    assert (newer["went"], back["came"], back["until"]) == ("rolled back", "a rollback", None)
    assert newer["evaluation"]["value"] == sum(BETTER.values())


def test_the_deploy_role_may_do_what_is_done_and_no_more(walk: Walk) -> None:
    called = actions(walk.calls, "testing", "project-prod-deploy")
    granted = templates.granted("foundation", "DeployRole")
    assert called - granted == set()
    assert granted - called == set(NOT_SHOWN)


def test_what_costs_carries_the_tags_that_the_budget_counts(walk: Walk) -> None:
    created: dict[str, list[set[str]]] = {}
    for call in walk.calls:
        if call["operation"].startswith(("Create", "Register")):
            tags = {each["Key"] for each in call["parameters"].get("Tags", [])}
            created.setdefault(call["operation"], []).append(tags)
    tagged = {name for name, every in created.items() if all(each >= COST_TAGS for each in every)}
    assert set(created) - tagged == {"RegisterScalableTarget"}
    assert {"CreateModel", "CreateEndpointConfig", "CreateEndpoint", "CreateChangeSet"} <= tagged
    kinds = {kind.name for kind in inventory.KINDS}
    seen = {"state machine", "endpoint", "endpoint configuration", "model", "stack"}
    assert kinds == seen | set(UNTAGGED)


def policies() -> dict[str, list[dict[str, Any]]]:
    """The statements of those who call, by the principal."""
    return {
        "testing": templates.policy("foundation", "DeployRole", "staging"),
        "project-prod-deploy": templates.policy("foundation", "DeployRole", "prod"),
        "project-staging-api": templates.policy("foundation", "ApiRole", "staging"),
    }


def moved(walk: Walk) -> list[dict[str, Any]]:
    """Staging's calls, as of another environment."""
    staging = [call for call in walk.calls if call["principal"] == "testing"]
    text = json.dumps(staging).replace("project-staging", "project-other")
    return [dict(each) for each in json.loads(text)]


def test_no_call_is_outside_of_the_resources_that_its_role_is_granted(walk: Walk) -> None:
    assert {call["principal"] for call in walk.calls} == set(policies())
    assert outside(walk.calls, policies()) == []
    elsewhere = {str(need) for call in moved(walk) for need in needs(call)}
    named = {each for each in elsewhere if "project-other" in each}
    assert len(named) > 50
    assert outside(moved(walk), policies()) == sorted(f"testing: {each}" for each in named)


@pytest.mark.nightly
def test_a_second_evaluator_decides_the_same(walk: Walk) -> None:
    calls, roles = [*walk.calls, *moved(walk)], policies()
    asked = {(call["principal"], str(need)): need for call in calls for need in needs(call)}
    questions = [(roles[who], need) for (who, _), need in asked.items()]
    theirs = [each == "Allowed" for each in decisions(questions)]
    assert theirs == [allows(*each) for each in questions]
    assert min(theirs.count(True), theirs.count(False)) > 50


def test_the_function_asks_its_endpoint_and_nothing_else(walk: Walk) -> None:
    asked = {"sagemaker:InvokeEndpoint", "s3:GetObject"}
    assert actions(walk.calls, "project-staging-api") == asked
    own_log = {"logs:CreateLogStream", "logs:PutLogEvents"}  # of Lambda itself
    granted = templates.granted("foundation", "ApiRole")
    assert granted == {*asked, *own_log}


def test_nothing_is_left_of_one_environment_and_the_other_serves_on(walk: Walk) -> None:
    assert "nothing is left" in walk.printed["destroy"]
    assert "not bootstrapped yet: run `make bootstrap" in walk.do("nothing", "status", code=4)
    status = json.loads(walk.do("prod", "status", environment="prod"))
    assert status["release"]["run"] == "2"
    (life,) = status["releases"]
    assert life["came"] == "promoted from staging; the first release"
