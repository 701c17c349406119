"""What the monitor found, for people: a text for the terminal, and a report."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..evaluation import probabilities
from ..problem import Problem
from ..words import counted, primary_first
from . import cards, monitor_plots, plots

if TYPE_CHECKING:
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
        ", ".join(moved) or "-",
    ]


def _collected(found: Json) -> str:
    new, source = found["collected"]["new"], found["collected"]["source"]
    return f"{counted(new, 'new record')} from {source}; requests since {found['since']}"


def html(problem: Problem, found: Json, pooled: Any = None) -> str:
    """The report: one file that loads nothing and runs no script.

    Args:
        problem: the project's.
        found: what verdict.json holds.
        pooled: targets and probabilities of the served model, shape [n] each, if its output is a
            probability and outcomes are known.
    """
    served = found["release"]["model_hash"]
    windows = [each for each in found["windows"] if each["complete"] or each["live"]]
    promise = found["promise"].get(served)
    live = found["live"].get(served)
    primary = problem.metrics.PRIMARY
    fragments = [
        _fragment("verdict", "Verdict", found, COLORS.get(found["verdict"], "bad")),
        _fragment(
            "quality",
            "Live quality",
            windows,
            found["promise"],
            monitor_plots.errors(windows, primary, found["promise"]) if windows else "",
            primary_first(live["metrics"], primary) if live else [],
            live,
            promise,
            _reliability(pooled),
        ),
        _fragment(
            "drift",
            "Drift",
            found["causes"],
            _moved(windows, served),
            monitor_plots.effects(_effects(windows, served)),
        ),
        _fragment("traffic", "Requests", found["traffic"], windows[::-1][:SHOWN]),
    ]
    return cards.page(f"Monitor of {found['environment']}, {found['at'][:10]}", *fragments)


def _fragment(key: str, title: str, *values: Any) -> cards.Fragment:
    return cards.Fragment(key, title, cards.render(TEMPLATE, key, *values))


def _reliability(pooled: Any) -> "Markup | str":
    if pooled is None:
        return ""
    target, probability, group = pooled
    return plots.reliability(probabilities.reliability(target, probability, group))


def _moved(windows: Sequence[Json], served: str) -> list[Json]:
    """What the newest window of the served model shows of each input, the largest effect first."""
    own = [each for each in windows if each["model"] == served and each["drift"]]
    return list(own[-1]["drift"]) if own else []


def _effects(windows: Sequence[Json], served: str) -> Mapping[str, list[tuple[str, float]]]:
    """By input that drifted somewhere: when each window ended, and how far the input had moved."""
    own = [each for each in windows if each["model"] == served]
    names = {drift["name"] for each in own for drift in each["drift"] if drift["drifted"]}
    return {
        name: [
            (each["last"], drift["effect"])
            for each in own
            for drift in each["drift"]
            if drift["name"] == name
        ]
        for name in sorted(names)
    }
