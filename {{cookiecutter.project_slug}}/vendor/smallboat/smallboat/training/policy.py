"""How steps run, from the configuration: attempts, time, resources, place; and how they fail."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from metaflow import FlowMutator, user_step_decorator
from metaflow.exception import MetaflowException
from metaflow.packaging_sys import ContentType

from .. import disk
from ..errors import CommandError, nearest
from . import fork_server, metaflow_private

RUNS = Path(os.environ.get("METAFLOW_DATASTORE_SYSROOT_LOCAL", ""), ".metaflow")


class policy(FlowMutator):  # type: ignore[misc]  # noqa: N801 - a decorator's name
    """Decorate the steps that `[steps]` names; every step ends with a message, not a traceback."""

    def init(self, package: str, cron: str = "schedule") -> None:
        """Of which project the flow is, and which table of the configuration has its cron."""
        self._package, self._cron = package, cron

    def pre_mutate(self, mutable_flow: Any) -> None:
        """Give the environment's own state machine the schedule; a preview gets none."""
        metaflow_private.handle_errors(_full_disk)
        schedule = _config(mutable_flow)["schedule"]
        if schedule and schedule["by"] == "stepfunctions" and "--production" in sys.argv:
            from ..config import schedule as schedules

            cron = schedules.for_aws(_config(mutable_flow)[self._cron]["cron"])
            mutable_flow.add_decorator("schedule", deco_kwargs={"cron": cron, "daily": False})

    def mutate(self, mutable_flow: Any) -> None:
        """Add the decorators; a step that the flow does not have is an error."""
        config = _config(mutable_flow)
        if config["aws"]:
            _change_job_definitions(config)
        steps = dict(mutable_flow.steps)
        for step in steps.values():
            step.add_decorator(report_errors)
        for name, options in config["steps"].items():
            if name not in steps and self._cron != "schedule":
                continue  # of the training flow
            if name not in steps:
                raise MetaflowException(
                    f"unknown step {name!r} in [steps]: {nearest(name, list(steps))}"
                )
            for decorator, values in decorators(options, _gpu_queue(config, options)):
                steps[name].add_decorator(decorator, deco_kwargs=values)
        if server := os.environ.get(fork_server.VARIABLE):
            for step in steps.values():
                step.add_decorator(metaflow_private.forked(server))

    def add_to_package(self) -> Iterator[tuple[str, str, ContentType]]:
        """Add the project's files to the flow's code: remote steps find them beside the flow."""
        from . import package

        for path in package.files(self._package):
            yield str(path.resolve()), path.as_posix(), ContentType.USER_CONTENT


def _full_disk(error: Exception) -> str | None:
    """The message about a full disk, also written to the command's MESSAGE_FILE."""
    message = disk.message(error, RUNS, RUNS.name)
    if message and (file := os.environ.get(disk.MESSAGE_FILE)):
        with suppress(OSError):  # an empty file is enough
            Path(file).write_text(message)
    return message


@user_step_decorator  # type: ignore[untyped-decorator]
def report_errors(step_name: str, flow: Any, inputs: Any) -> Iterator[None]:
    """End a step that raises a CommandError without a traceback, and keep the exit code."""
    ended = fork_server.runner_ended()
    threading.Thread(target=_watch, args=[ended], daemon=True).start()
    try:
        with disk.full_disk_errors(RUNS, RUNS.name):
            yield
    except CommandError as error:
        flow.exit_code = error.exit_code
        _notify(step_name, flow, str(error))
        raise MetaflowException(str(error)) from None
    except Exception as error:
        _notify(step_name, flow, f"{type(error).__name__}: {error}")
        raise
    finally:
        _end_if(ended)


def _notify(step_name: str, flow: Any, message: str) -> None:
    """Send a notice when the last attempt of a production run fails: nobody watches it."""
    from metaflow import current

    attributes = {each.name: each.attributes for each in getattr(flow, step_name).decorators}
    retries = int(attributes.get("retry", {}).get("times", 0))
    if not current.is_production or "catch" in attributes or current.retry_count < retries:
        return
    from ..config import config
    from ..workflows import notices

    settings = config.check(flow.config.to_dict())
    notices.tell(settings, "failed", f"run {current.run_id} failed in {step_name}: {message}")


def _watch(ended: Callable[[], bool]) -> None:
    while True:
        _end_if(ended)
        time.sleep(0.2)


def _end_if(ended: Callable[[], bool]) -> None:
    """Kill this task if the process that runs the flow was killed.

    Its next print would fail, and @catch would record that as the candidate's failure in a run that
    is to be resumed.
    """
    if ended():
        os.kill(os.getpid(), signal.SIGKILL)


def decorators(options: dict[str, Any], gpu_queue: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The Metaflow decorators, each with its arguments, for one step's options."""
    resources = {key: options[key] for key in ("cpu", "memory", "gpu") if options[key]}
    wanted: list[tuple[str, dict[str, Any]]] = []
    if options["retries"]:
        wanted.append(("retry", {"times": options["retries"], "minutes_between_retries": 0}))
    if options["timeout_seconds"]:
        wanted.append(("timeout", {"seconds": options["timeout_seconds"]}))
    if options["secrets"]:
        sources = [{"type": "aws-secrets-manager", "id": name} for name in options["secrets"]]
        wanted.append(("secrets", {"sources": sources, "allow_override": True}))
    if resources or options["remote"]:
        queue = {"queue": gpu_queue} if options["gpu"] and gpu_queue else {}
        wanted.append(("batch" if options["remote"] else "resources", resources | queue))
    return wanted


def _config(mutable_flow: Any) -> dict[str, Any]:
    config: dict[str, Any] = dict(mutable_flow.configs)["config"]
    return config


def _change_job_definitions(values: Any) -> None:
    from ..aws import remote
    from ..config import config

    settings = config.check(values.to_dict())
    assert settings.aws is not None
    public = settings.aws.batch.public_addresses
    metaflow_private.change_job_definitions(remote.definitions(settings), public)


def _gpu_queue(values: Any, options: dict[str, Any]) -> str:
    if not options["gpu"]:
        return ""
    from ..aws import remote
    from ..config import config

    return remote.gpu_queue(config.check(values.to_dict()))
