"""The text that commands print about snapshots and runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

DIFFERENCE = (
    ("  difference", "value"),
    ("    95 % interval, from", "low"),
    ("    to", "high"),
)


def snapshot(name: str, manifest: dict[str, Any]) -> str:
    """A snapshot's source, licence, rows and newest date, in a few lines."""
    rows = ", ".join(f"{count:,} {table}" for table, count in manifest["rows"].items())
    return "\n".join(
        [
            f"snapshot {name} from {manifest['source']}",
            f"  licence  {manifest['licence']}",
            f"  rows     {rows}",
            f"  newest   {manifest['newest']}",
        ]
    )


def table(evaluation: dict[str, Any], paths: list[tuple[str, Path]]) -> str:
    """Candidates, the winner beside the baseline, gates, paths, and whether the winner passed."""
    ranked = sorted(evaluation["candidates"], key=lambda result: result["score"])
    names = list(evaluation["metrics"]["test"])
    lines = [
        "",
        f"run {evaluation['run']} on snapshot {evaluation['snapshot']}",
        "",
        _row(f"candidates on {_span(evaluation, 'validation')}", names, "fits"),
        *(_candidate(result, evaluation["winner"], names) for result in ranked),
        *(f"  {name:<34} failed: {reason}" for name, reason in evaluation["failures"].items()),
        _row("  baseline", _values(evaluation["baseline"]["validation"], names)),
        f"* {_choice(evaluation['tied'])}",
        "",
        _row(f"{evaluation['winner']} on {_span(evaluation, 'test')}", names),
        _row("  evaluation model", _values(evaluation["metrics"]["test"], names)),
        _row("  baseline", _values(evaluation["baseline"]["test"], names)),
        *(_row(title, _bounds(evaluation["difference"], names, key)) for title, key in DIFFERENCE),
        *_calibration_metrics(evaluation.get("calibration_metrics")),
        "",
        *map(gate, evaluation["gates"]),
        *_decision(evaluation.get("decision")),
        "",
        *(f"{name:<7} {path}" for name, path in paths),
        f"{'passed' if evaluation['passed'] else 'not passed'}: model {evaluation['model_hash']}",
    ]
    return "\n".join(lines)


def _calibration_metrics(calibration_metrics: dict[str, Any] | None) -> list[str]:
    if calibration_metrics is None:
        return []
    lines = []
    for name, value in calibration_metrics["metrics"].items():
        low, high = calibration_metrics["intervals"][name]
        difference = "{value:+.3f} ({low:+.3f} to {high:+.3f})"
        lines.append(
            f"  {name:<34}{value:.3f} ({low:.3f} to {high:.3f}), baseline "
            f"{calibration_metrics['baseline'][name]:.3f}, difference "
            + difference.format(**calibration_metrics["difference"][name])
        )
    return ["", "probabilities and ranges on test, with 95 % intervals", *lines]


def _decision(decision: dict[str, float] | None) -> list[str]:
    if decision is None:
        return []
    text = "act from {threshold:.3f} on: costs {expected_cost:.3f} per row on validation, "
    return ["", (text + "{without_model:.3f} without the model").format(**decision)]


def _choice(tied: list[str]) -> str:
    if len(tied) == 1:
        return "better than the others by more than one standard error"
    return f"the simplest of the {len(tied)} that are within one standard error of the best"


def runs(evaluations: list[dict[str, Any]], primary: str) -> str:
    """A line for each run; `-` where an older evaluation has no value."""
    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "run": lambda each: each["run"],
        "created (UTC)": lambda each: each["created"][:16].replace("T", " "),
        "data": lambda each: each["snapshot"],
        "winner": lambda each: each["winner"],
        f"{primary} on test": lambda each: f"{each['metrics']['test'][primary]:.3f}",
        "95 %": lambda each: "{:.3f} to {:.3f}".format(*each["intervals"]["test"][primary]),
        "baseline": lambda each: f"{each['baseline']['test'][primary]:.3f}",
        "gates": _gates,
        "commit": lambda each: _short(each["commit"]),
        "model": lambda each: each["model_hash"],
        "release": lambda each: each["release"],
    }
    rows = [list(columns), *([_cell(show, e) for show in columns.values()] for e in evaluations)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def gate(result: dict[str, Any]) -> str:
    """A gate in one line."""
    outcome = "passed" if result["passed"] else "FAILED"
    return f"{outcome}  {result['gate']}: expected {result['expected']}, found {result['actual']}"


def _cell(show: Callable[[dict[str, Any]], str], evaluation: dict[str, Any]) -> str:
    try:
        return show(evaluation) or "-"
    except (KeyError, TypeError, ValueError):
        return "-"


def _gates(evaluation: dict[str, Any]) -> str:
    failed = [gate["gate"] for gate in evaluation["gates"] if not gate["passed"]]
    if failed:
        return f"failed: {', '.join(failed)}"
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


def _bounds(difference: dict[str, dict[str, float]], names: list[str], key: str) -> list[str]:
    return [f"{difference[name][key]:+.3f}" for name in names]


def _candidate(result: dict[str, Any], winner: str, names: list[str]) -> str:
    mark = "*" if result["candidate"] == winner else " "
    row = _row(
        f"{mark} {result['candidate']}",
        _values(result["metrics"], names),
        str(len(result["trials"])),
    )
    reason = result["disqualified"]
    return row if reason is None else f"{row}  disqualified: {reason}"
