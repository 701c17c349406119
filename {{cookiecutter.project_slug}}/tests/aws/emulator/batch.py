"""Step Functions that really run, and Batch jobs as processes of this machine.

A job runs once: retries and timeouts of a job are not emulated.
"""

import ast
import datetime
import os
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore import xform_name
from moto.batch_simple.models import BatchSimpleBackend
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (  # noqa: E501
    StateTaskService,
)
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

Json = dict[str, Any]
TETHER = "{{ cookiecutter.project_slug }}.mlops.tether"
SEVERAL = re.compile(r"\$\.?\[('[^']+'(?:\s*,\s*'[^']+')+)\]")


RUNNING: set["subprocess.Popen[bytes]"] = set()


def install(folder: Path, url: str) -> None:
    """Add it to moto.

    Args:
        folder: for the jobs' folders and logs.
        url: where the jobs find AWS.
    """
    # Moto's state machines look for moto at this port.
    os.environ["MOTO_PORT"] = url.rpartition(":")[2]
    _run_jobs(folder, url)
    _name_executions()
    _translate_parameters()
    _select_several_keys()


def end() -> None:
    """End the jobs that run."""
    for process in list(RUNNING):
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def _run_jobs(folder: Path, url: str) -> None:
    """Run a job's command: moto calls a job done without running it."""

    def started(self: Any, include_start_attempt: bool, job: Any) -> None:
        self.backend._jobs[job.job_id] = job
        job.log_stream_name = job._stream_name
        if include_start_attempt:
            job._start_attempt()
        threading.Thread(target=_run, args=(job, folder / job.job_id, url), daemon=True).start()

    BatchSimpleBackend._mark_job_as_finished = started


def _run(job: Any, folder: Path, url: str) -> None:
    overrides = _lowered(job.container_overrides or {})
    properties = _lowered(job.job_definition.container_properties or {})
    role = str(properties.get("jobRoleArn", "job")).rsplit("/")[-1]
    variables = _variables(properties) | _variables(overrides)
    here = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HOME": str(folder),
        "AWS_BATCH_JOB_ID": job.job_id,
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JQ_NAME": job.job_queue.name,
        "AWS_BATCH_CE_NAME": "emulated",
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": role,  # who calls: the job's role
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": job.backend.region_name,
        "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",  # they are those of this machine
    }
    command = overrides.get("command") or properties.get("command") or []
    folder.mkdir(parents=True)
    job.job_started_at, job.status = datetime.datetime.now(), "RUNNING"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", TETHER, *command],
            cwd=folder,
            env=variables | here,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        RUNNING.add(process)
        job.exit_code = process.wait()
        RUNNING.discard(process)
    job._mark_stopped(success=job.exit_code == 0)


def _name_executions() -> None:
    """Give an execution a name, as AWS does for one that has none."""
    start = StepFunctionsParserBackend.start_execution

    def named(self: Any, arn: str, name: str | None = None, *rest: Any, **more: Any) -> Any:
        return start(self, arn, name or str(uuid.uuid4()), *rest, **more)

    StepFunctionsParserBackend.start_execution = named


def _translate_parameters() -> None:
    """Spell parameters as the called service does, and answers as state machines do."""
    session = botocore.session.get_session()

    def operation(self: Any, service: str | None, action: str | None) -> Any:
        model = session.get_service_model(self._get_boto_service_name(service))
        wanted = self._get_boto_service_action(action)
        (name,) = [each for each in model.operation_names if xform_name(each) == wanted]
        return model.operation_model(name)

    def asked(
        self: Any, parameters: Json, boto_service_name: Any = None, service_action_name: Any = None
    ) -> None:
        shape = operation(self, boto_service_name, service_action_name).input_shape
        if shape is not None:
            self._to_boto_request(parameters, shape)

    def answered(
        self: Any, response: Any, boto_service_name: Any = None, service_action_name: Any = None
    ) -> None:
        shape = operation(self, boto_service_name, service_action_name).output_shape
        if shape is not None:
            self._from_boto_response(response, shape)

    StateTaskService._normalise_parameters = asked
    StateTaskService._normalise_response = answered


def _select_several_keys() -> None:
    """Let a path of several keys give an object, as on AWS; moto's gives the first value."""
    parse = json_path.parse

    def parsed(path: str) -> Any:
        found = SEVERAL.fullmatch(path)
        return _Keys(ast.literal_eval(f"[{found[1]}]")) if found else parse(path)

    json_path.parse = parsed


class _Keys:
    """A path that selects several keys of an object."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = list(keys)

    def find(self, data: Json) -> list[Any]:
        """The one match: an object with those of the keys that are there."""
        value = {key: data[key] for key in self._keys if key in data}
        return [SimpleNamespace(value=value, path=None, context=None)]


def _variables(said: Json) -> dict[str, str]:
    pairs = [_lowered(each) for each in said.get("environment") or []]
    return {each["name"]: each.get("value", "") for each in pairs}


def _lowered(said: Json) -> Json:
    return {name[0].lower() + name[1:]: value for name, value in said.items()}
