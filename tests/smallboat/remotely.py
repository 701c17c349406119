"""A small project whose flow runs on the emulated AWS."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import copies
from bootstrapped import ACCOUNT, BUCKET, NAME_PREFIX, PACKAGE, REGION, Bootstrapped
from clouds import ROOT, Cloud
from smallboat.aws import image

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MACHINE, MONITOR = (f"project.prod.staging.{flow}Flow" for flow in ("Train", "Monitor"))
MARKER = "marker-7d1c52e9-of-a-secret"
SCHEDULE = '[schedule]\nby = "stepfunctions"\ncron = "17 4 * * 1"\n'
QUICK = """

from dataclasses import replace
simplest = min(CANDIDATES, key=lambda each: each.complexity)
first = replace(simplest, grid=simplest.grid[:1])
second = replace(simplest, name='second', grid=simplest.grid[1:2])
CANDIDATES = (first, second)
"""
TRUSTING = "\n\ndef run(checks, views): return Report([])\n"
SECONDS = 480.0
"""What an execution of the training flow may take beside other tests."""
ENDED = {"SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"}


class Remote(Bootstrapped):
    """A project with two quick candidates, bootstrapped, with its images."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        super().__init__(folder, cloud)
        self.link("serving")
        shutil.copy(ROOT / "uv.lock", folder)
        self.bring("local")
        for name in (PACKAGE, "flows", "vendor"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        self.append(f"{PACKAGE}/candidates.py", QUICK)
        self.append("vendor/smallboat/smallboat/validation/validation.py", TRUSTING)
        file = folder / "config" / "staging.toml"
        file.write_text(re.sub(r"\n\[schedule\]\n(?:.*\S.*\n)*", "\n", file.read_text()))
        self.configure("staging", SCHEDULE)

    def append(self, name: str, text: str) -> None:
        """Add to a file."""
        with (self.folder / name).open("a") as file:
            file.write(text)

    def do(self, *words: str, code: int = 0, **variables: str) -> str:
        """Run a command with that exit code; returns its output."""
        found = os.pathsep.join([self.cloud.environ["PYTHONPATH"], *copies.paths(self.folder)])
        done = subprocess.run(
            [sys.executable, "-m", "smallboat", *words, "--env", "staging"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **self.cloud.environ, "PYTHONPATH": found} | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def elsewhere(self, folder: Path) -> "Remote":
        """The same project on another machine, without the runs of this one."""
        known = shutil.ignore_patterns(".cache", ".metaflow", "__pycache__")
        shutil.copytree(self.folder, folder, symlinks=True, ignore=known)
        there = copy.copy(self)
        there.folder = folder
        return there

    @contextmanager
    def changed(self, name: str, right: str, wrong: str) -> Iterator[None]:
        """A file with something else in it."""
        file = self.folder / name
        before = file.read_text()
        assert right in before
        file.write_text(before.replace(right, wrong))
        try:
            yield
        finally:
            file.write_text(before)

    def bootstrap(self) -> None:
        """Bootstrap it, and put images into ECR and a value into the secret."""
        self.do("bootstrap")
        here = Path.cwd()
        os.chdir(self.folder)
        try:
            tags = {each: image.content_hash(each) for each in (image.MODEL, image.TRAIN)}
        finally:
            os.chdir(here)
        for kind, made in (
            ("model", image.MODEL), ("train", image.TRAIN), ("preview", image.TRAIN),
        ):  # fmt: skip
            self.client("ecr").put_image(
                repositoryName=f"{NAME_PREFIX}-{kind}",
                imageManifest=json.dumps({"schemaVersion": 2, "mediaType": MANIFEST}),
                imageManifestMediaType=MANIFEST,
                imageTag=tags[made],
            )
        secret = {"COMET_API_KEY": MARKER, "COMET_URL_OVERRIDE": "http://127.0.0.1:9/"}
        self.client("secretsmanager").put_secret_value(
            SecretId=f"{NAME_PREFIX}/comet", SecretString=json.dumps(secret)
        )

    def machine(self, name: str = MACHINE) -> Any:
        """The definition of a state machine."""
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
        found = self.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
        return json.loads(found["definition"])

    def machines(self) -> set[str]:
        """The names of all state machines."""
        listed = self.client("stepfunctions").list_state_machines()["stateMachines"]
        return {each["name"] for each in listed}

    def fire(self, machine: str = MACHINE) -> dict[str, Any]:
        """Start a state machine as its EventBridge rule does; wait for the end.

        moto does not run schedules.
        """
        (target,) = self.client("events").list_targets_by_rule(Rule=machine)["Targets"]
        states = self.client("stepfunctions")
        arn = states.start_execution(stateMachineArn=target["Arn"], input=target["Input"])
        return self.ended(arn["executionArn"])

    def ended(self, arn: str) -> dict[str, Any]:
        """An execution, once it has ended."""
        states, execution = self.client("stepfunctions"), {"status": "RUNNING"}
        end = time.monotonic() + SECONDS
        while execution["status"] not in ENDED and time.monotonic() < end:
            time.sleep(0.2)
            execution = states.describe_execution(executionArn=arn)
        return execution

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """All objects of the bucket by key."""
        s3 = self.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def evaluations(self) -> dict[str, Any]:
        """The evaluation of each run in the model store."""
        found = self.objects("store/runs/")
        return {
            key.split("/")[2]: json.loads(body)
            for key, body in found.items()
            if key.endswith("/evaluation.json")
        }
