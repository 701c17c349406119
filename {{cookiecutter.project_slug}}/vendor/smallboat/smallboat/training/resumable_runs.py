"""A run to resume, read from Metaflow's data store: it may have run on another machine."""

from dataclasses import dataclass
from typing import Any

from ..config import config
from ..errors import NoCandidateError, UserError
from . import metaflow_private


@dataclass(frozen=True)
class ResumableRun:
    """A run that can be resumed.

    Attributes:
        id: the run's id; one of Step Functions begins with `sfn-`.
        settings: the configuration that it started with.
        none_left: whether it ended because no candidate could be served.
    """

    id: str
    settings: config.Settings
    none_left: bool


def read_run(datastore: Any, run: str) -> ResumableRun:
    """A run of a data store.

    Raises:
        UserError: the run succeeded, or it was killed before it began.
    """
    tasks = metaflow_private.finished_tasks(datastore, run)
    parameters = [task for task in tasks if task.step_name == "_parameters" and "config" in task]
    if not parameters:
        raise UserError(f"run {run} was killed before it began: `make train` starts another")
    if any(task.step_name == "end" and task.get("_task_ok") for task in tasks):
        raise UserError(f"run {run} ended well: there is nothing to resume")
    exit_codes = {task.get("exit_code") for task in tasks if not task.get("_task_ok")}
    settings = config.check(parameters[0]["config"])
    return ResumableRun(run, settings, NoCandidateError.exit_code in exit_codes)
