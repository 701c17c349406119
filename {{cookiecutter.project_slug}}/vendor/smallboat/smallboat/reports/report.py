"""What people read at the end of a command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

DIFFERENCE = (
    ("  difference", "value"),
    ("    95 % interval, from", "low"),
    ("    to", "high"),
)


def snapshot(name: str, about: dict[str, Any]) -> str:
    """A few lines on a snapshot: where it came from, its licence, how many rows, how new."""
    rows = ", ".join(f"{count:,} {table}" for table, count in about["rows"].items())
    return "\n".join(
        [
            f"snapshot {name} from {about['source']}",
            f"  licence  {about['licence']}",
            f"  rows     {rows}",
            f"  newest   {about['newest']}",
        ]
    )


def table(evaluation: dict[str, Any], places: list[tuple[str, Path]]) -> str:
    """Candidates, winner beside the baseline, gates, where to look, and whether it passed."""
    ranked = sorted(evaluation["candidates"], key=lambda result: result["score"])
    names = list(evaluation["metrics"]["test"])
    lines = [
        "",
        f"run {evaluation['run']} on snapshot {evaluation['snapshot']}",
        "",
        _row(f"candidates on {_span(evaluation, 'validation')}", names, "fits"),
        *(_candidate(result, evaluation["winner"], names) for result in ranked),
        *(f"  {name:<34} failed: {why}" for name, why in evaluation["failures"].items()),
        _row("  baseline", _values(evaluation["baseline"]["validation"], names)),
        f"* {_why(evaluation['tied'])}",
        "",
        _row(f"{evaluation['winner']} on {_span(evaluation, 'test')}", names),
        _row("  evaluation model", _values(evaluation["metrics"]["test"], names)),
        _row("  baseline", _values(evaluation["baseline"]["test"], names)),
        *(_row(title, _ends(evaluation["difference"], names, end)) for title, end in DIFFERENCE),
        "",
        *map(gate, evaluation["gates"]),
        *_decision(evaluation.get("decision")),
        "",
        *(f"{name:<7} {place}" for name, place in places),
        f"{'passed' if evaluation['passed'] else 'not passed'}: model {evaluation['model_hash']}",
    ]
    return "\n".join(lines)


def _decision(decision: dict[str, float] | None) -> list[str]:
    if decision is None:
        return []
    costs = "{expected_cost:.3f} a row on validation, {without_model:.3f} without the model"
    return ["", f"act from {decision['threshold']:.3f} on: costs {costs.format(**decision)}"]


def _why(tied: list[str]) -> str:
    if len(tied) == 1:
        return "better than the others by more than one standard error"
    return f"the simplest of the {len(tied)} that are within one standard error of the best"


def runs(evaluations: list[dict[str, Any]], primary: str) -> str:
    """A line for each run; `-` stands for what an older evaluation does not hold."""
    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "run": lambda each: each["run"],
        "created (UTC)": lambda each: each["created"][:16].replace("T", " "),
        "data": lambda each: each["snapshot"],
        "winner": lambda each: each["winner"],
        f"{primary} on test": lambda each: f"{each['metrics']['test'][primary]:.3f}",
        "95 %": lambda each: "{:.3f} to {:.3f}".format(*each["intervals"]["test"][primary]),
        "baseline": lambda each: f"{each['baseline']['test'][primary]:.3f}",
        "gates": _verdict,
        "commit": lambda each: _short(each["commit"]),
        "model": lambda each: each["model_hash"],
        "release": lambda each: each["release"],
    }
    rows = [list(columns), *([_cell(show, e) for show in columns.values()] for e in evaluations)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def gate(shown: dict[str, Any]) -> str:
    """A gate in one line."""
    word = "passed" if shown["passed"] else "FAILED"
    return f"{word}  {shown['gate']}: expected {shown['expected']}, found {shown['actual']}"


def _cell(show: Callable[[dict[str, Any]], str], evaluation: dict[str, Any]) -> str:
    try:
        return show(evaluation) or "-"
    except (KeyError, TypeError, ValueError):
        return "-"


def _verdict(evaluation: dict[str, Any]) -> str:
    broken = [gate["gate"] for gate in evaluation["gates"] if not gate["passed"]]
    if broken:
        return f"failed: {', '.join(broken)}"
    return "passed" if evaluation["gates"] else ""


def _short(commit: str) -> str:
    return commit[:7] + commit[40:]


def _span(evaluation: dict[str, Any], part: str) -> str:
    first, last = evaluation["periods"][part]
    return f"{part} {first}" if first == last else f"{part} {first}-{last}"


def _row(title: str, values: list[str], last: str = "") -> str:
    return f"{title:<36}" + "".join(f"{value:>10}" for value in values) + f"{last:>8}"


def _values(scores: dict[str, float], names: list[str]) -> list[str]:
    return [f"{scores[name]:.3f}" for name in names]


def _ends(difference: dict[str, dict[str, float]], names: list[str], end: str) -> list[str]:
    return [f"{difference[name][end]:+.3f}" for name in names]


def _candidate(result: dict[str, Any], winner: str, names: list[str]) -> str:
    mark = "*" if result["candidate"] == winner else " "
    row = _row(
        f"{mark} {result['candidate']}",
        _values(result["metrics"], names),
        str(len(result["trials"])),
    )
    why = result["disqualified"]
    return row if why is None else f"{row}  disqualified: {why}"
