"""The project's policy on steps, from the configuration: attempts, time, resources, and where."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from metaflow import FlowMutator, user_step_decorator
from metaflow.exception import MetaflowException
from metaflow.packaging_sys import ContentType

from .. import disk
from ..errors import CommandError, nearest

RUNS = Path(os.environ.get("METAFLOW_DATASTORE_SYSROOT_LOCAL", ""), ".metaflow")


class policy(FlowMutator):  # type: ignore[misc]  # noqa: N801 - a decorator's name
    """Decorate the steps that `[steps]` names; every step ends with a sentence, not a traceback."""

    def init(self, package: str) -> None:
        """Of which project the flow is."""
        self._package = package

    def pre_mutate(self, mutable_flow: Any) -> None:
        """Give the environment's own state machine the schedule; a preview gets none."""
        _tell_full_disks()
        configured = _configured(mutable_flow)["schedule"]
        if configured and configured["by"] == "stepfunctions" and "--production" in sys.argv:
            from ..config import schedule

            cron = schedule.for_aws(configured["cron"])
            mutable_flow.add_decorator("schedule", deco_kwargs={"cron": cron, "daily": False})

    def mutate(self, mutable_flow: Any) -> None:
        """Add the decorators; a step that the flow does not have is an error."""
        configured = _configured(mutable_flow)
        steps = dict(mutable_flow.steps)
        for step in steps.values():
            step.add_decorator(one_sentence)
        for name, options in configured["steps"].items():
            if name not in steps:
                raise MetaflowException(
                    f"unknown step {name!r} in [steps]: {nearest(name, list(steps))}"
                )
            for decorator, values in decorators(options, _gpu_queue(configured, options)):
                steps[name].add_decorator(decorator, deco_kwargs=values)

    def add_to_package(self) -> Iterator[tuple[str, str, ContentType]]:
        """Take the project along: remote steps find its files beside the flow."""
        from . import package

        for path in package.files(self._package):
            yield str(path.resolve()), path.as_posix(), ContentType.USER_CONTENT


def _tell_full_disks() -> None:
    """Let Metaflow say in a sentence, too, that it could not write, and not by a traceback."""
    from metaflow import cli  # it must not be imported before the flow's configuration is known

    unknown = cli.print_unknown_exception

    def tell(error: Exception) -> None:
        message = disk.sentence(error, RUNS, RUNS.name)
        if message is None:
            unknown(error)
            return
        cli.echo_always(message)
        if note := os.environ.get(disk.NOTE):
            with suppress(OSError):
                Path(note).write_text(message)  # though it may stay empty

    cli.print_unknown_exception = tell


@user_step_decorator  # type: ignore[untyped-decorator]
def one_sentence(step_name: str, flow: Any, inputs: Any) -> Iterator[None]:
    """End a step that met a CommandError without a traceback, and keep the error's exit code."""
    runner = os.getppid()
    threading.Thread(target=_watch, args=[runner], daemon=True).start()
    try:
        with disk.full_disk_errors(RUNS, RUNS.name):
            yield
    except CommandError as error:
        flow.exit_code = error.exit_code
        _tell(step_name, flow, str(error))
        raise MetaflowException(str(error)) from None
    except Exception as error:
        _tell(step_name, flow, f"{type(error).__name__}: {error}")
        raise
    finally:
        _end_without(runner)


def _tell(step_name: str, flow: Any, message: str) -> None:
    """Tell those who wait for a release why an execution fails; nobody watches it."""
    from metaflow import current

    attributes = {each.name: each.attributes for each in getattr(flow, step_name).decorators}
    attempts = int(attributes.get("retry", {}).get("times", 0))
    if not current.is_production or "catch" in attributes or current.retry_count < attempts:
        return
    from ..config import config
    from ..workflows import notices

    settings = config.check(flow.config.to_dict())
    notices.tell(settings, "failed", f"run {current.run_id} failed in {step_name}: {message}")


def _watch(runner: int) -> None:
    while True:
        _end_without(runner)
        time.sleep(0.2)


def _end_without(runner: int) -> None:
    """End a task whose runner was killed: its output has no reader any more.

    Else its next print breaks, and @catch keeps that as the candidate's failure in a run to resume.
    """
    if os.getppid() != runner:
        os.kill(os.getpid(), signal.SIGKILL)


def decorators(options: dict[str, Any], gpu_queue: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The Metaflow decorators, each with its arguments, that one step's options ask for.

    A retry of a remote step is another job.
    """
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


def _configured(mutable_flow: Any) -> dict[str, Any]:
    configured: dict[str, Any] = dict(mutable_flow.configs)["config"]
    return configured


def _gpu_queue(configured: Any, options: dict[str, Any]) -> str:
    if not options["gpu"]:
        return ""
    from ..aws import remote
    from ..config import config

    return remote.gpu_queue(config.check(configured.to_dict()))
