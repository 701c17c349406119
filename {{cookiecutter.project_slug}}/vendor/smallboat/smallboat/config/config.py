"""The settings of an environment: `config/base.toml`, and what its own file changes."""

import re
import tomllib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError, create_model, model_validator

from ..errors import UserError, nearest
from ..problem import Problem
from . import batch, files
from .sections import (
    Api,
    Aws,
    Decision,
    Gates,
    Monitor,
    Preview,
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
NO_CAPTURE = (
    "nothing is captured in this environment, so nothing can be monitored: set api.capture in "
    "config/{}.toml to {}, name in api.capture_redact what must not be kept, then run {}"
)


class Settings(Section):
    """All tables of a configuration; `data` is defined by the problem."""

    project: Project
    data: Any
    store: Store
    training: Training
    decision: Decision | None = None
    gates: Gates
    tracking: Tracking
    release: Release
    monitor: Monitor = Monitor()
    serve: Serve | None = None
    api: Api
    aws: Aws | None = None
    schedule: Schedule | None = None
    steps: dict[str, StepPolicy] = Field(default_factory=dict)
    preview: Preview | None = None

    # The message of each check begins with the key that is wrong.
    @model_validator(mode="after")
    def _check_region(self) -> "Settings":
        region = self.project.aws_region
        if self.aws and not region:
            raise ValueError("project.aws_region is missing: name one as in eu-west-1")
        if self.aws and region.startswith(("cn-", "us-gov-")):
            refused = "AWS China and GovCloud are not supported"
            raise ValueError(f"project.aws_region = {region!r}: {refused}")
        return self

    @model_validator(mode="after")
    def _check_web_acl(self) -> "Settings":
        region, acl = self.project.aws_region, self.aws.access.web_acl if self.aws else ""
        if acl and acl.split(":")[3] != region:
            raise ValueError(
                f"aws.access.web_acl = {acl!r} is of another region: choose one of {region}"
            )
        return self

    @model_validator(mode="after")
    def _check_steps(self) -> "Settings":
        for name, step in self.steps.items():
            if reason := batch.refusal(step, self.aws, self.on_step_functions):
                raise ValueError(f"steps.{name}.{reason}")
        return self

    @model_validator(mode="after")
    def _check_schedule(self) -> "Settings":
        if self.schedule and self.aws and self.aws.released_by == "workflow":
            raise ValueError(
                'schedule: an environment with released_by = "workflow" has none: schedule staging'
            )
        return self

    @property
    def name_prefix(self) -> str:
        """`<project>-<environment>`: all names on AWS begin with it. UserError without `[aws]`."""
        if self.aws is None:
            raise UserError("this environment is not on AWS: choose another, as ENV=staging")
        return f"{self.project.name.replace('_', '-')}-{self.aws.environment}"

    @property
    def bucket(self) -> str:
        """The environment's S3 bucket."""
        return f"{self.name_prefix}-{self.aws.account}" if self.aws else self.name_prefix

    @property
    def preview_root(self) -> str:
        """Where a preview keeps all that it writes; "" if this is none."""
        return f"s3://{self.bucket}/preview/{self.preview.branch}" if self.preview else ""

    @property
    def no_capture(self) -> str:
        """Why `make monitor` has nothing captured, and what to set; empty if it has."""
        if self.aws is None:
            where = ("local", "a file such as store/captured.jsonl", "`make serve`")
            return NO_CAPTURE.format(*where) if self.api.capture in {"off", "stdout"} else ""
        by_endpoint = self.aws.instances and self.aws.instances.capture_share
        name = self.aws.environment
        none = self.api.capture == "off" and not by_endpoint
        return NO_CAPTURE.format(name, "stdout", f"`make deploy ENV={name}`") if none else ""

    @property
    def remote(self) -> bool:
        """Whether any step runs on AWS Batch; with Step Functions all do."""
        return self.on_step_functions or any(step.remote for step in self.steps.values())

    @property
    def on_step_functions(self) -> bool:
        """Whether Step Functions, not GitHub, retrains on schedule."""
        return self.schedule is not None and self.schedule.by == "stepfunctions"


def parse(problem: Problem, text: str) -> dict[str, Any]:
    """The text of an environment's file as plain values: base.toml and defaults filled in.

    Metaflow reads the flow's configuration with it, in the project's folder. UserError names a
    wrong key.
    """
    return _settings(problem, files.parse(text)).model_dump(mode="json")


def load(problem: Problem, environment: str, branch: str | None = None) -> Settings:
    """The settings of an environment, or of the preview of a branch in it.

    Raises:
        UserError: a key is wrong; the message names it and the file that has it.
    """
    path = files.path(environment)
    if branch and not re.fullmatch("[a-z0-9_]+", branch):
        raise UserError(f"BRANCH={branch}: use lower-case letters, digits and _ only, as in pr12")
    text = path.read_text() + (preview(branch) if branch else "")
    settings = _settings(problem, files.parse(text, str(path), path.parent))
    if settings.aws is not None and settings.aws.environment != environment:
        name = settings.aws.environment
        raise UserError(f"{path}: aws.environment is {name!r}, it must be {environment!r}")
    return settings


def preview(branch: str) -> str:
    """The table that turns the text of an environment's file into that of a branch's preview."""
    return f'\n[preview]\nbranch = "{branch}"\n'


def check(values: dict[str, Any]) -> Settings:
    """The settings in values that `parse` returned, in this version of the project or an older one.

    The table `data` is not checked.
    """
    return _checked(Settings, values)


def assignments(lines: Iterable[str]) -> dict[str, Any]:
    """The values of lines `key=value`; a value is TOML, or else text."""
    values = {}
    for line in lines:
        key, _, value = line.partition("=")
        try:
            values[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[key] = value
    return values


def override(problem: Problem, settings: Settings, **chosen: Any) -> Any:
    """The table `data` with values from the command line; None changes nothing."""
    values = settings.data.model_dump() | {k: v for k, v in chosen.items() if v is not None}
    return _checked(problem.data.Config, values)


def _settings(problem: Problem, source: files.Files) -> Settings:
    """The settings in files, with the names on AWS filled in."""
    model = create_model("Settings", __base__=Settings, data=(problem.data.Config, ...))
    settings = _checked(model, source.tables, source.holding)
    if settings.aws is None:
        return settings
    root = settings.store.root.replace("{bucket}", settings.bucket)
    if settings.preview:
        root = f"{settings.preview_root}/store"
    steps = {
        name: step.model_copy(update={"secrets": _secrets(settings, step)})
        for name, step in settings.steps.items()
    }
    return settings.model_copy(update={"store": Store(root=root), "steps": steps})


def _secrets(settings: Settings, step: StepPolicy) -> list[str]:
    """The full names of a step's secrets; a preview gets none."""
    names = [] if settings.preview else step.secrets
    return [name.replace("{name_prefix}", settings.name_prefix) for name in names]


def _checked(
    model: type[Model],
    values: dict[str, Any],
    file_of: Callable[[tuple[Any, ...]], str] = lambda _: "",
) -> Model:
    """The values as a model; UserError with a sentence for each wrong key, after its file."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        sentences = [(_sentence(model, item), item["loc"]) for item in error.errors()]
    located = [(file_of(key or _first_key(sentence)), sentence) for sentence, key in sentences]
    raise UserError("; ".join(f"{file}: {each}" if file else each for file, each in located))


def _first_key(sentence: str) -> tuple[str, ...]:
    """The key with which a sentence begins."""
    return tuple(re.split(r"[ :]", sentence)[0].split("."))


def _sentence(model: type[BaseModel], error: Any) -> str:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        *tables, key = error["loc"]
        return f"unknown key {path}: {nearest(str(key), _keys(model, tables))}"
    if error["type"] == "missing":
        return f"the key {path} is missing"
    if error["type"] != "value_error":
        return f"{path} = {error['input']!r} is wrong: {error['msg'].lower()}"
    reason = str(error["ctx"]["error"])
    if isinstance(error["input"], str):
        return f"{path} = {error['input']!r} is wrong: {reason}"
    return f"{path}: {reason}" if path else reason


def _keys(model: type[BaseModel], tables: list[Any]) -> list[str]:
    section: Any = StepPolicy if tables[:1] == ["steps"] else model
    if section is model:
        for table in tables:
            annotation = section.model_fields[table].annotation
            section = next(iter(get_args(annotation)), annotation)
    return list(section.model_fields)
