"""The card of the running task, and the steps of its run that the report shows."""

from typing import Any

from ..reports import cards
from . import metaflow_private

Step = dict[str, Any]


def save(title: str, *fragments: cards.Fragment) -> str:
    """Make a page of fragments the task's card at once; it stays if the step then fails.

    Returns:
        The page's HTML.
    """
    page = cards.page(title, *fragments)
    metaflow_private.save_card(page)
    return page


def steps() -> list[Any]:
    """The steps of the running flow, in order, with their times.

    Returns:
        Steps and splits. A split is a list of branches, each of them again such a list. A step has
        `name`, `doc`, `tasks` and `seconds` (first start to last end). The last two are None while
        a task runs, and where this machine doesn't know the other tasks.
    """
    from metaflow import current, namespace
    from metaflow.exception import MetaflowNotFound

    namespace(None)
    try:
        tasks = {step.id: list(step) for step in current.run}
    except MetaflowNotFound:
        tasks = {}
    docs = {name: step["doc"] or "" for name, step in current.graph["steps"].items()}

    def arrange(structure: list[Any]) -> list[Any]:
        return [
            _step(node, docs[node], tasks.get(node, []))
            if isinstance(node, str)
            else [arrange(branch) for branch in node]
            for node in structure
        ]

    return arrange(current.graph["graph_structure"])


def _step(name: str, doc: str, tasks: list[Any]) -> Step:
    ends = [task.finished_at for task in tasks]
    step: Step = {"name": name, "doc": doc.strip().split("\n")[0], "tasks": None, "seconds": None}
    if tasks and all(ends):
        seconds = (max(ends) - min(task.created_at for task in tasks)).total_seconds()
        step |= {"tasks": len(tasks), "seconds": seconds}
    return step
