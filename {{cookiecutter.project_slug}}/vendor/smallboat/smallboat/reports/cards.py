"""The reports that people look at: HTML that asks no other host for anything and runs no script.

Each part of a report is a fragment, `page` makes a whole document of some; the words and the looks
are in card.html.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from . import plots
from .markup import number, render

if TYPE_CHECKING:
    import numpy.typing as npt
    from markupsafe import Markup

MOST_FEATURES = 15


class Fragment(NamedTuple):
    """A part of a report: its anchor, its heading, and its HTML, in which all is escaped."""

    key: str
    title: str
    html: "Markup"


def page(title: str, *fragments: Fragment) -> str:
    """A whole HTML document of the fragments in their order, with a table of contents."""
    return str(render("page", title, fragments))


def data(
    about: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    rows_before: Mapping[str, int] | None,
    drift: Mapping[str, Any] | None,
) -> Fragment:
    """What a snapshot holds, which expectations it breaks, and how far it has drifted.

    Args:
        about: the snapshot's snapshot.json.
        results: of all checks, as `validation.Report` keeps them.
        rows_before: rows per table of the snapshot before, None if there is none of this source.
        drift: what `preparation.drifted` returned.
    """
    failed = [result for result in results if not result["passed"]]
    failed.sort(key=lambda result: result["severity"] == "warning")
    errors = sum(result["severity"] != "warning" for result in failed)
    held = [result for result in results if result["passed"]]
    tables = [_table(name, now, rows_before or {}) for name, now in about["rows"].items()]
    moved = [row for row in drift["features"] if row["level"] != "stable"] if drift else []
    earlier = rows_before is not None
    html = render("data", about, failed, held, errors, tables, earlier, drift, moved)
    return Fragment("data", "Data", html)


def candidates(evaluation: Mapping[str, Any], primary: str) -> Fragment:
    """How all candidates did, trial by trial, and why some are out.

    Args:
        evaluation: the keys candidates, failures, tied, winner (None if there is none) and periods
            of evaluation.json.
        primary: the metric that decides, lower is better.
    """
    ranked = sorted(evaluation["candidates"], key=lambda result: result["score"])
    rows = [_trials(result, primary, evaluation["winner"]) for result in ranked]
    lines = {result["candidate"]: result["curve"] for result in ranked if result["curve"]}
    baseline = ranked[0]["baseline"] if ranked else {}
    html = render(
        "candidates",
        ranked,
        evaluation["failures"],
        evaluation["winner"],
        evaluation["tied"],
        _names(baseline, primary),
        baseline,
        plots.candidates(rows, baseline[primary], primary) if rows else "",
        plots.curves(lines, primary) if lines else "",
        _spans(evaluation),
    )
    return Fragment("candidates", "Candidates", html)


def winner(
    evaluation: Mapping[str, Any],
    primary: str,
    actual: "npt.ArrayLike",
    predicted: "npt.ArrayLike",
) -> Fragment:
    """Whether the winner passed, how good it is beside the baseline, and where it is weak.

    Predicted against actual is a heat map, or the reliability curve if the spread is one (it has
    what was `observed`).

    Args:
        evaluation: what evaluation.json holds.
        primary: the metric that decides, lower is better.
        actual: shape [n], of the test rows.
        predicted: shape [n], in the same unit.
    """
    curve = evaluation["spread"] if "observed" in evaluation["spread"] else None
    top = evaluation["importance"][:MOST_FEATURES]
    most = max([0, *(row["rise"] for row in top)]) or 1
    names = _names(evaluation["metrics"]["test"], primary)
    html = render(
        "winner",
        evaluation,
        primary,
        *_verdict(evaluation, primary),
        names,
        plots.differences({name: evaluation["difference"][name] for name in names}),
        plots.reliability(curve) if curve else plots.agreement(actual, predicted),
        bool(curve),
        [{**row, "width": round(100 * max(row["rise"], 0) / most, 1)} for row in top],
        _slices(evaluation["slices"]),
        _spans(evaluation),
    )
    return Fragment("winner", "Winner", html)


def run(steps: Sequence[Any]) -> Fragment:
    """The flow as a picture, with what `running.steps` knows of each step."""
    return Fragment("run", "Run", render("run", steps))


def _table(name: str, now: int, rows_before: Mapping[str, int]) -> dict[str, Any]:
    before = rows_before.get(name)
    return {
        "name": name,
        "now": now,
        "before": before,
        "change": "new" if before is None else f"{now - before:+,}" if now != before else "same",
    }


def _names(scores: Mapping[str, float], primary: str) -> list[str]:
    """The metrics, the one that decides first."""
    return sorted(scores, key=lambda name: (name != primary, name))


def _trials(result: Mapping[str, Any], primary: str, winner: str | None) -> dict[str, Any]:
    low, high = result["intervals"][primary]
    return {
        "name": result["candidate"] + (" (out)" if result["disqualified"] else ""),
        "won": result["candidate"] == winner,
        "scores": [trial["score"] for trial in result["trials"]],
        "best": result["score"],
        "low": low,
        "high": high,
    }


def _spans(evaluation: Mapping[str, Any]) -> dict[str, str]:
    """Each part of the split with its periods, such as "test 2024"."""
    return {
        part: f"{part} {first}" if first == last else f"{part} {first} to {last}"
        for part, (first, last) in sorted(evaluation["periods"].items(), key=lambda item: item[1])
    }


def _verdict(evaluation: Mapping[str, Any], primary: str) -> tuple[str, str]:
    """The outcome in a few words, and the reason in a sentence or two."""
    ours, theirs = (evaluation[k]["test"][primary] for k in ("metrics", "baseline"))
    scores = f"{primary} {number(ours)} on the test rows, the baseline has {number(theirs)}."
    difference = evaluation["difference"][primary]
    if difference["low"] <= 0 <= difference["high"]:
        scores += " The 95 % interval of the difference includes zero: it may be chance."
    if evaluation["passed"]:
        return f"Passed: {evaluation['winner']} may be released", scores
    failed = [gate for gate in evaluation["gates"] if not gate["passed"]]
    reasons = (f"{g['gate']} (expected {g['expected']}, found {g['actual']})" for g in failed)
    why = f"Failed: {'; '.join(reasons)}. {scores}"
    return f"Not passed: {evaluation['winner']} stays out", why


def _slices(slices: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By kind, in the given order; within a kind the worst against the baseline first."""
    kinds = []
    for by, group in groupby(slices, key=lambda row: row["by"]):
        rows = sorted(group, key=lambda row: row["baseline"] - row["error"])
        worse = sum(row["error"] > row["baseline"] for row in rows)
        kinds.append({"by": by, "rows": rows, "worse": worse})
    return kinds
