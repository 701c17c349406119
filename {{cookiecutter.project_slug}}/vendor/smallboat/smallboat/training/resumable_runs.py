"""A run to resume, as its data store knows it: from any machine, wherever it ran."""

from dataclasses import dataclass
from typing import Any

from ..config import config
from ..errors import NoCandidateError, UserError

DATA = "data"
"""Beside the runs a data store has a folder of what they made."""


@dataclass(frozen=True)
class ResumableRun:
    """A run to go on with.

    Attributes:
        id: the run's id, also of one on Step Functions, `sfn-…`.
        settings: the configuration that it began with.
        none_left: whether it ended because no candidate could be served.
    """

    id: str
    settings: config.Settings
    none_left: bool


def known(datastore: Any, flow: str) -> list[str]:
    """The ids of all runs in a data store."""
    found = datastore._storage_impl.list_content([flow])
    names = [each.path.rstrip("/").rpartition("/")[2] for each in found if not each.is_file]
    return sorted(name for name in names if name != DATA)


def read(datastore: Any, run: str) -> ResumableRun:
    """A run of a data store.

    Raises:
        UserError: it ended well, or was killed before it began.
    """
    from metaflow.datastore import TaskDataStoreSet

    tasks = list(TaskDataStoreSet(datastore, run))  # those that ended, well or not
    given = [task for task in tasks if task.step_name == "_parameters" and "config" in task]
    if not given:
        raise UserError(f"run {run} was killed before it began: `make train` starts another")
    if any(task.step_name == "end" and task.get("_task_ok") for task in tasks):
        raise UserError(f"run {run} ended well: there is nothing to resume")
    ended = {task.get("exit_code") for task in tasks if not task.get("_task_ok")}
    settings = config.check(given[0]["config"])
    return ResumableRun(run, settings, NoCandidateError.exit_code in ended)
