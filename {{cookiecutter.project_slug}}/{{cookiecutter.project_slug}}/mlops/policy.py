"""The project's policy on steps, from the configuration: attempts, time, resources, and where."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from metaflow import FlowMutator, user_step_decorator
from metaflow.exception import MetaflowException

from ..errors import CommandError, nearest


class policy(FlowMutator):  # type: ignore[misc]  # noqa: N801 - a decorator's name
    """Decorate the steps that `[steps]` names; every step ends with a sentence, not a traceback."""

    def mutate(self, mutable_flow: Any) -> None:
        """Add the decorators; a step that the flow does not have is an error."""
        configured = dict(mutable_flow.configs)["config"]["steps"]
        steps = dict(mutable_flow.steps)
        for step in steps.values():
            step.add_decorator(one_sentence)
        for name, options in configured.items():
            if name not in steps:
                raise MetaflowException(
                    f"unknown step {name!r} in [steps]: {nearest(name, list(steps))}"
                )
            for decorator, values in decorators(options):
                steps[name].add_decorator(decorator, deco_kwargs=values)


@user_step_decorator  # type: ignore[untyped-decorator]
def one_sentence(step_name: str, flow: Any, inputs: Any) -> Iterator[None]:
    """End a step that met a CommandError without a traceback, and keep the error's exit code."""
    runner = os.getppid()
    threading.Thread(target=_watch, args=[runner], daemon=True).start()
    try:
        yield
    except CommandError as error:
        flow.exit_code = error.exit_code
        raise MetaflowException(str(error)) from None
    finally:
        _end_without(runner)


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


def decorators(options: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The Metaflow decorators, each with its arguments, that one step's options ask for."""
    resources = {key: options[key] for key in ("cpu", "memory", "gpu") if options[key]}
    wanted: list[tuple[str, dict[str, Any]]] = []
    if options["retries"]:
        wanted.append(("retry", {"times": options["retries"], "minutes_between_retries": 0}))
    if options["timeout_seconds"]:
        wanted.append(("timeout", {"seconds": options["timeout_seconds"]}))
    if resources or options["remote"]:
        wanted.append(("batch" if options["remote"] else "resources", resources))
    return wanted
