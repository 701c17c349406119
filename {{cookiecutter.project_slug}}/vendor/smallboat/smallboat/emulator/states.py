"""State machines of Step Functions that run their states."""

import ast
import os
import re
import uuid
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore import xform_name
from moto.core.exceptions import AWSError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (  # noqa: E501
    StateTaskService,
)
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

Json = dict[str, Any]
SEVERAL = re.compile(r"\$\.?\[('[^']+'(?:\s*,\s*'[^']+')+)\]")


class StateMachineAlreadyExists(AWSError):  # noqa: N818 - AWS's name
    """Another state machine has the name."""

    TYPE = "StateMachineAlreadyExists"
    STATUS = 400


def install(url: str) -> None:
    """Add it to moto; `url` is where it answers."""
    os.environ["MOTO_PORT"] = url.rpartition(":")[2]  # its machines look for it at this port
    _name_executions()
    _refuse_another()
    _translate_parameters()
    _read_paths()


def _refuse_another() -> None:
    """Refuse to create a state machine that exists: moto would return the old one."""
    create = StepFunctionsParserBackend.create_state_machine

    def made(self: Any, **given: Any) -> Any:
        machine = create(self, **given)
        if (machine.definition, machine.roleArn) != (given["definition"], given["roleArn"]):
            raise StateMachineAlreadyExists(f"State Machine Already Exists: '{machine.arn}'")
        return machine

    StepFunctionsParserBackend.create_state_machine = made  # type: ignore[method-assign]


def _name_executions() -> None:
    """Give an execution without a name one, as AWS does."""
    start = StepFunctionsParserBackend.start_execution

    def named(self: Any, arn: str, name: str | None = None, *rest: Any, **more: Any) -> Any:
        return start(self, arn, name or str(uuid.uuid4()), *rest, **more)

    StepFunctionsParserBackend.start_execution = named


def _translate_parameters() -> None:
    """Spell parameters as the called service does, and results as Step Functions does."""
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


def _read_paths() -> None:
    """Let a path with several keys return an object, and one with one match its value, as on AWS.

    Moto returns the first value, and a list of one for an index.
    """
    parse = json_path.parse

    def parsed(path: str) -> Any:
        found = SEVERAL.fullmatch(path)
        if found:
            return _Keys(ast.literal_eval(f"[{found[1]}]"))
        return parse(path) if set(path) & set("*?:") else _Single(parse(path))

    json_path.parse = parsed


class _Single:
    """A path with one match."""

    def __init__(self, path: Any) -> None:
        self._path = path

    def find(self, data: Json) -> list[Any]:
        """The match, if there is one."""
        matches = self._path.find(data)
        return [SimpleNamespace(value=one.value, path=None, context=None) for one in matches]


class _Keys:
    """A path that selects several keys of an object."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = list(keys)

    def find(self, data: Json) -> list[Any]:
        """The one match: an object with the keys that exist."""
        value = {key: data[key] for key in self._keys if key in data}
        return [SimpleNamespace(value=value, path=None, context=None)]
