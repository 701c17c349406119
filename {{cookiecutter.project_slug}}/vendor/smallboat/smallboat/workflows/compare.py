"""Compares the newest run of this checkout with that of another, as a table in Markdown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config import config
from ..errors import UserError
from ..problem import Problem
from ..store import runs
from ..words import primary_first
from . import notices

Evaluation = dict[str, Any]


def compare(problem: Problem, environment: str, other: str) -> int:
    """Print the newest runs of this checkout and of main's side by side."""
    settings = config.load(problem, environment)
    if settings.aws is not None:
        raise UserError(f"{environment} has one store: `make compare` compares two on this machine")
    if not Path(other).is_dir():
        raise UserError(f"there is no folder {other}: check out main there, and run make train")
    change, main = (_newest(folder / settings.store.root) for folder in (Path(), Path(other)))
    if change is None:
        raise UserError(runs.NONE)
    comparison = table(change, main)
    print(comparison)
    notices.summary(comparison)
    return 0


def table(change: Evaluation, main: Evaluation | None) -> str:
    """Both winners as a table in Markdown, with `-` for what main does not have."""
    head = ["### Challenger and main", "", "| | this change | main |", "|---|---|---|"]
    return "\n".join([*head, *rows(change, main), "", _conclusion(change, main)])


def rows(first: Evaluation | None, second: Evaluation | None) -> list[str]:
    """What two runs have in common as rows of a table, with `-` for what one does not have."""
    tested = next((each for each in (first, second) if each and each.get("winner")), {})
    primary = tested.get("primary", "")
    names = primary_first(tested.get("metrics", {}).get("test", ()), primary)
    shown: list[tuple[str, Callable[[Evaluation], str]]] = [
        ("candidate", lambda evaluation: evaluation["winner"] or "none"),
        *((f"{name} (decides)" if name == primary else name, _metric(name)) for name in names),
        ("gates", _gates),
        ("model", lambda evaluation: f"`{evaluation['model_hash']}`"),
        ("data", lambda evaluation: f"`{evaluation['snapshot']}`"),
    ]
    return [f"| {name} | {_shown(first, show)} | {_shown(second, show)} |" for name, show in shown]


def _newest(root: Path) -> Evaluation | None:
    return next(iter(runs.evaluations(str(root)).values()), None)


def _metric(name: str) -> Callable[[Evaluation], str]:
    def show(evaluation: Evaluation) -> str:
        low, high = evaluation["intervals"]["test"][name]
        return f"{evaluation['metrics']['test'][name]:.3f} ({low:.3f} to {high:.3f})"

    return show


def _gates(evaluation: Evaluation) -> str:
    failed = [gate["gate"] for gate in evaluation["gates"] if not gate["passed"]]
    warnings = "".join(f"; warning: {text}" for text in evaluation.get("warnings", []))
    return f"failed: {', '.join(failed)}" if failed else f"passed{warnings}"


def _shown(evaluation: Evaluation | None, show: Callable[[Evaluation], str]) -> str:
    """A value of an evaluation, which may have no winner, be missing or of an older version."""
    try:
        return show(evaluation or {})
    except (KeyError, TypeError, ValueError):
        return "-"


def _conclusion(change: Evaluation, main: Evaluation | None) -> str:
    if main is None:
        return "Training failed on main, so there is nothing to compare with."
    if change["winner"] is None:
        return "No candidate of this change can be served: the report says why."
    if change["model_hash"] == main["model_hash"]:
        return "Both are the same model."
    return (
        "Each model was evaluated on its own test rows (95 % intervals). `make deploy` compares "
        "them on rows that neither evaluation model has seen."
    )
