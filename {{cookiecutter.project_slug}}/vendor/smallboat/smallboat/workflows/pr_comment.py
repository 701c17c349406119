"""A pull request's model beside that of main, both trained on the sample."""

import os
import re
from pathlib import Path
from typing import Any

from ..config import config
from ..errors import CloudError, UserError
from ..problem import Problem
from ..store import runs
from . import notices
from .github import Repository

Evaluation = dict[str, Any]
TITLE = "Challenger and main"
PULL = re.compile(r"refs/pull/(\d+)/")


def compare(problem: Problem, environment: str, other: str) -> int:
    """Print this folder's newest run beside that of another checkout, and comment so on GitHub."""
    settings = config.load(problem, environment)
    if settings.aws is not None:
        raise UserError(f"{environment} has one store for all: `make compare` is of two folders")
    if not Path(other).is_dir():
        raise UserError(f"there is no folder {other}: check main out there, then make train in it")
    ours, theirs = (_newest(folder / settings.store.root) for folder in (Path(), Path(other)))
    if ours is None:
        raise UserError(runs.NONE)
    told = table(ours, theirs)
    print(told)
    notices.summary(told)
    pull = PULL.match(os.environ.get("GITHUB_REF", ""))
    if pull:
        _comment(int(pull[1]), told)
    return 0


def table(ours: Evaluation, theirs: Evaluation | None) -> str:
    """Both winners as a table in Markdown; of what main does not have, `-`."""
    names = list(ours["metrics"]["test"])
    rows = [
        ("winner", *(_cell(each, lambda e: e["winner"]) for each in (ours, theirs))),
        *((name, *(_cell(each, _metric(name)) for each in (ours, theirs))) for name in names),
        ("gates", *(_cell(each, _gates) for each in (ours, theirs))),
        ("model", *(_cell(each, lambda e: f"`{e['model_hash']}`") for each in (ours, theirs))),
        ("data", *(_cell(each, lambda e: f"`{e['snapshot']}`") for each in (ours, theirs))),
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    head = [f"### {TITLE}", "", "| | this change | main |", "|---|---|---|"]
    return "\n".join([*head, *lines, "", _says(ours, theirs)])


def _newest(root: Path) -> Evaluation | None:
    """The evaluation of a store's newest run."""
    return next(iter(runs.evaluations(str(root)).values()), None)


def _metric(name: str) -> Any:
    def shown(evaluation: Evaluation) -> str:
        low, high = evaluation["intervals"]["test"][name]
        return f"{evaluation['metrics']['test'][name]:.3f} ({low:.3f} to {high:.3f})"

    return shown


def _gates(evaluation: Evaluation) -> str:
    broken = [gate["gate"] for gate in evaluation["gates"] if not gate["passed"]]
    return f"failed: {', '.join(broken)}" if broken else "passed"


def _cell(evaluation: Evaluation | None, show: Any) -> str:
    """What is shown of an evaluation; an older one may hold less."""
    try:
        return str(show(evaluation))
    except (KeyError, TypeError, ValueError):
        return "-"


def _says(ours: Evaluation, theirs: Evaluation | None) -> str:
    if theirs is None:
        return "main's code made no run here, so there is nothing to compare with."
    if ours["model_hash"] == theirs["model_hash"]:
        return "Both are the very same model."
    return (
        "Each on its own test periods, with the 95 % interval. `make deploy` decides by rows that "
        "neither has seen."
    )


def _comment(pull: int, told: str) -> None:
    """Put it on the pull request, or say why not: that is no failure."""
    repository = Repository.here()
    try:
        if repository is None:
            raise CloudError("the job sets no GITHUB_TOKEN")
        repository.comment(pull, TITLE, told)
        print(f"commented on pull request {pull}")
    except CloudError as error:
        print(f"not commented, so it stands in the job's summary only: {error}")
