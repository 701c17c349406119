"""A run to resume, read from Metaflow's data store: it may have run on another machine."""

from dataclasses import dataclass
from typing import Any

from ..config import config
from ..errors import UserError
from . import metaflow_private


@dataclass(frozen=True)
class ResumableRun:
    """A run that can be resumed.

    Attributes:
        id: the run's id; one of Step Functions begins with `sfn-`.
        settings: the configuration that it started with.
        none_left: whether no candidate could be served.
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
    none_left = any(task.step_name == "select_winner" and task.get("no_winner") for task in tasks)
    ended_well = any(task.step_name == "end" and task.get("_task_ok") for task in tasks)
    if ended_well and not none_left:
        raise UserError(f"run {run} ended well: there is nothing to resume")
    settings = config.check(parameters[0]["config"])
    return ResumableRun(run, settings, none_left)
