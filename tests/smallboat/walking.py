"""A project with two environments on the emulator, for walks through all of its commands."""

import json
import time
from pathlib import Path
from typing import Any

import bundles
import numpy as np
import requests
from bootstrapped import PACKAGE, Bootstrapped
from clouds import Cloud, processor
from smallboat.store import bundle, store
from toy import service

INSTANCES = """[aws.instances]
type = "ml.m5.large"
least = 2
most = 4
requests_a_minute = 600
capture_share = 0.25
canary_percent = 10
canary_seconds = 300
"""


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
        stack = f"project-{environment}-api"
        resources = self.client("cloudformation").describe_stack_resources(StackName=stack)
        (name,) = [
            each["PhysicalResourceId"]
            for each in resources["StackResources"]
            if each.get("ResourceType") == "AWS::ApiGateway::ApiKey"
        ]
        key = self.client("apigateway").get_api_key(apiKey=name, includeValue=True)
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
