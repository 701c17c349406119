"""What a step can do and know about the run that it is part of."""

from datetime import datetime
from typing import Any

Step = dict[str, Any]
Structure = list[Any]


def attach(page: str) -> None:
    """Make an HTML page the card of the running task, at once: it stays if the step then fails.

    `@card` would render it in processes of its own, after the step, and never after a failure.
    """
    from metaflow import current
    from metaflow.datastore import FlowDataStore
    from metaflow.plugins.cards.card_datastore import CardDatastore
    from metaflow.system_context import system_context

    storage = type(system_context.flow_datastore._storage_impl)
    root = CardDatastore.get_storage_root(storage.TYPE)
    cards = FlowDataStore(current.flow_name, None, storage_impl=storage, ds_root=root)
    CardDatastore(cards, pathspec=current.pathspec).save_card("report", "html", page)


def steps() -> Structure:
    """The running flow as it is drawn: what follows stands behind, branches stand in a list.

    Returns:
        Steps and lists of branches, each of these such a list again. A step has `name`, `doc`,
        `tasks` and `seconds` (first start to last end). Those are None where
        nothing has ended or where this machine can't see the tasks of others.
    """
    from metaflow import current, namespace
    from metaflow.exception import MetaflowNotFound

    namespace(None)
    try:
        times = {step.id: _times(step) for step in current.run}
    except MetaflowNotFound:
        times = {}
    return _laid_out(current.graph["graph_structure"], current.graph["steps"], times)


def _times(step: Any) -> list[tuple[datetime, datetime | None]]:
    return [(task.created_at, task.finished_at) for task in step]


def _laid_out(structure: Structure, told: dict[str, Any], times: dict[str, Any]) -> Structure:
    return [
        _step(part, told[part], times.get(part, []))
        if isinstance(part, str)
        else [_laid_out(branch, told, times) for branch in part]
        for part in structure
    ]


def _step(name: str, told: Step, times: list[tuple[datetime, datetime | None]]) -> Step:
    """One step; unless all its tasks have ended, how many there are is not known."""
    ends = [end for _, end in times if end]
    ended = bool(times) and len(ends) == len(times)
    seconds = (max(ends) - min(start for start, _ in times)).total_seconds() if ended else None
    doc = (told["doc"] or "").strip().split("\n")[0]
    tasks = len(times) if ended else None
    return {"name": name, "doc": doc, "tasks": tasks, "seconds": seconds}
