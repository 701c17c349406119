"""One file per environment: everything that differs between them, checked before anything runs."""

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError, create_model, model_validator

from ..errors import UserError, nearest
from ..problem import Problem
from . import batch
from .sections import (
    Api,
    Aws,
    Decision,
    Gates,
    Project,
    Release,
    Schedule,
    Section,
    Serve,
    StepPolicy,
    Store,
    Tracking,
    Training,
)

Model = TypeVar("Model", bound=BaseModel)


class Settings(Section):
    """A whole configuration file; what `data` holds is the problem's own."""

    project: Project
    data: Any
    store: Store
    training: Training
    decision: Decision | None = None
    gates: Gates
    tracking: Tracking
    release: Release
    serve: Serve | None = None
    api: Api
    aws: Aws | None = None
    schedule: Schedule | None = None
    steps: dict[str, StepPolicy] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_partition(self) -> "Settings":
        if self.aws is not None and self.project.aws_region.startswith(("cn-", "us-gov-")):
            raise ValueError("project.aws_region is of another partition of AWS than this is for")
        return self

    @model_validator(mode="after")
    def _steps_can_run(self) -> "Settings":
        for name, step in self.steps.items():
            if why := batch.refusal(step, self.aws, self.on_step_functions):
                raise ValueError(f"steps.{name}.{why}")
        return self

    @model_validator(mode="after")
    def _approved(self) -> "Settings":
        if self.schedule and self.aws and self.aws.released_by == "workflow":
            raise ValueError(
                "schedule: what is released by its workflow only has none: retrain staging"
            )
        return self

    @property
    def name_prefix(self) -> str:
        """What every name on AWS begins with; UserError if the environment is not there."""
        if self.aws is None:
            raise UserError("this environment is not on AWS: choose another, as ENV=staging")
        return f"{self.project.name.replace('_', '-')}-{self.aws.environment}"

    @property
    def bucket(self) -> str:
        """The environment's S3 bucket."""
        return f"{self.name_prefix}-{self.aws.account}" if self.aws else self.name_prefix

    @property
    def remote(self) -> bool:
        """Whether steps run in the training image: some by `[steps]`, all on Step Functions."""
        return self.on_step_functions or any(step.remote for step in self.steps.values())

    @property
    def on_step_functions(self) -> bool:
        """Whether Step Functions retrains on schedule, and releases."""
        return self.schedule is not None and self.schedule.by == "stepfunctions"


def parse(problem: Problem, text: str) -> dict[str, Any]:
    """The configuration as plain values, defaults filled in; UserError names a wrong key."""
    return read(problem, text).model_dump(mode="json")


def read(problem: Problem, text: str) -> Settings:
    """The settings in a configuration's text; UserError names a wrong key."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"the configuration is not valid TOML: {error}") from None
    settings = _checked(_model(problem), values)
    if settings.aws is None:
        return settings
    root = settings.store.root.replace("{bucket}", settings.bucket)
    steps = {
        name: _with_secrets(step, settings.name_prefix) for name, step in settings.steps.items()
    }
    return settings.model_copy(update={"store": Store(root=root), "steps": steps})


def load(problem: Problem, environment: str) -> Settings:
    """The settings of an environment, from `config/<environment>.toml`."""
    path = file(environment)
    try:
        settings = read(problem, path.read_text())
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if settings.aws is not None and settings.aws.environment != environment:
        named = settings.aws.environment
        raise UserError(f"{path}: aws.environment is {named!r}, it must be {environment!r}")
    return settings


def check(values: dict[str, Any]) -> Settings:
    """The settings in values that `parse` made, by this version of the project or an older one.

    The problem's table `data` is taken as it is.
    """
    return _checked(Settings, values)


def assignments(lines: Iterable[str]) -> dict[str, Any]:
    """The values of lines `key=value`; a value is TOML, or else text."""
    found = {}
    for line in lines:
        key, _, value = line.partition("=")
        try:
            found[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[key] = value
    return found


def override(problem: Problem, settings: Settings, **chosen: Any) -> Any:
    """The data section with what the command line chose instead."""
    values = settings.data.model_dump() | {k: v for k, v in chosen.items() if v is not None}
    return _checked(problem.data.Config, values)


def file(environment: str) -> Path:
    """The configuration file of an environment; UserError lists those there are."""
    path = Path("config", f"{environment}.toml")
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.toml")))
        raise UserError(f"there is no environment {environment!r}: choose one of {known}")
    return path


@cache
def _model(problem: Problem) -> type[Settings]:
    return create_model("Settings", __base__=Settings, data=(problem.data.Config, ...))


def _with_secrets(step: StepPolicy, name_prefix: str) -> StepPolicy:
    names = [secret.replace("{name_prefix}", name_prefix) for secret in step.secrets]
    return step.model_copy(update={"secrets": names})


def _checked(model: type[Model], values: dict[str, Any]) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError("; ".join(_sentence(model, item) for item in error.errors())) from None


def _sentence(model: type[BaseModel], error: Any) -> str:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        *tables, key = error["loc"]
        return f"unknown key {path}: {nearest(str(key), _keys(model, tables))}"
    if error["type"] == "missing":
        return f"the key {path} is missing"
    if error["type"] == "value_error":
        return f"{path}: {error['ctx']['error']}".removeprefix(": ")
    return f"{path} = {error['input']!r} is wrong: {error['msg'].lower()}"


def _keys(model: type[BaseModel], tables: list[Any]) -> list[str]:
    section: Any = StepPolicy if tables[:1] == ["steps"] else model
    if section is model:
        for table in tables:
            annotation = section.model_fields[table].annotation
            section = next(iter(get_args(annotation)), annotation)
    return list(section.model_fields)
