"""What the monitor found, for people: a text for the terminal, and a report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation import probabilities
from ..problem import Problem
from ..words import counted, listed, primary_first
from . import cards, monitor_plots, plots

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

Json = dict[str, Any]
TEMPLATE = "monitor.html"
SHOWN = 12
"""Windows that the terminal shows: the newest ones."""
COLORS = {"healthy": "good", "unhealthy": "warn"}


def text(problem: Problem, found: Json) -> str:
    """Verdict, windows and notes in some lines."""
    windows = found["windows"][-SHOWN:]
    lines = [f"{found['environment']}: {found['verdict']}: {found['sentence']}", ""]
    if windows:
        rows = [["from", "to", "rows", "error", "promised", "expected", "drifted"]]
        primary = problem.metrics.PRIMARY
        rows += [_row(each, primary, found["promise"][each["model"]]) for each in windows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines += [f"error: {primary}, lower is better; - is not known", ""]
    lines += [f"{_collected(found)}", *(f"note: {note}" for note in found["notes"])]
    return "\n".join([*lines, *(f"next: {step}" for step in found["next"])])


def _row(window: Json, metric: str, promise: Json | None) -> list[str]:
    live = window["live"]
    expected = (window["expected"] or {}).get(metric)
    moved = [each["name"] for each in window["drift"] if each["drifted"]]
    return [
        window["first"][:16].replace("T", " "),
        window["last"][:16].replace("T", " "),
        f"{window['rows']:,}" + ("" if window["complete"] else " (not full)"),
        f"{live['metrics'][metric]:.3f}" if live else "-",
        f"{promise['value']:.3f}" if promise else "-",
        f"{expected['value']:.3f}" if expected else "-",
        listed(moved) or "-",
    ]


def _collected(found: Json) -> str:
    new, source = found["collected"]["new"], found["collected"]["source"]
    return f"{counted(new, 'new record')} from {source}; requests since {found['since']}"


def html(problem: Problem, found: Json, frame: "pd.DataFrame", predicted: Any) -> str:
    """The report: one file that loads nothing and runs no script.

    Args:
        problem: the project's.
        found: what verdict.json holds.
        frame: the newest rows of the served model whose outcome is known.
        predicted: its answers to them.
    """
    served, primary = found["release"]["model_hash"], problem.metrics.PRIMARY
    windows = [each for each in found["windows"] if each["complete"] or each["live"]]
    live, promise = (found[part].get(served) for part in ("live", "promise"))
    fragments = [
        _fragment("verdict", "Verdict", found, COLORS.get(found["verdict"], "bad")),
        _fragment(
            "quality",
            "Live quality",
            windows,
            monitor_plots.errors(windows, primary, found["promise"]) if windows else "",
            primary_first(live["metrics"], primary) if live else [],
            live,
            promise,
            _reliability(problem, frame, predicted),
        ),
        _fragment(
            "drift",
            "Drift",
            found["causes"],
            _moved(windows, served),
            monitor_plots.effects(windows),
        ),
        _fragment("releases", "Releases", found["releases"][::-1], primary),
        _fragment("traffic", "Requests", found["traffic"], windows[::-1][:SHOWN]),
    ]
    return cards.page(f"Monitor of {found['environment']}, {found['at'][:10]}", *fragments)


def _fragment(key: str, title: str, *values: Any) -> cards.Fragment:
    return cards.Fragment(key, title, cards.render(TEMPLATE, key, *values))


def _reliability(problem: Problem, frame: "pd.DataFrame", predicted: Any) -> "Markup | str":
    """The reliability curve of live probabilities; empty for other outputs and without outcomes."""
    if problem.candidates.OUTPUT.kind != "probability" or not len(frame):
        return ""
    target = frame["target"].to_numpy(dtype=np.float64)
    group = frame["group"].factorize()[0]
    return plots.reliability(probabilities.reliability(target, predicted, group))


def _moved(windows: Sequence[Json], served: str) -> list[Json]:
    """What the newest window of the served model shows of each input, the largest effect first."""
    own = [each for each in windows if each["model"] == served and each["drift"]]
    return list(own[-1]["drift"]) if own else []
