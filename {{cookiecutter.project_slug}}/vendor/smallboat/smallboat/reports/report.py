"""The text that commands print about snapshots and runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..evaluation import selection
from ..words import counted, primary_first

TITLE = 38
"""Width of the first column; a longer title has a line of its own."""
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
            *([f"  newest   {manifest['data_until']}"] if "data_until" in manifest else []),
        ]
    )


def table(evaluation: dict[str, Any], paths: list[tuple[str, Path]]) -> str:
    """Candidates, the winner beside the baseline, gates, paths, and whether the winner passed."""
    model = "no model" if evaluation["winner"] is None else f"model {evaluation['model_hash']}"
    return "\n".join(
        [
            "",
            f"run {evaluation['run']} on snapshot {evaluation['snapshot']}",
            "",
            *_candidates(evaluation),
            *([] if evaluation["winner"] is None else _winner(evaluation)),
            "",
            *map(gate, evaluation["gates"]),
            *_decision(evaluation.get("decision")),
            "",
            *(f"{name:<7} {path}" for name, path in paths),
            f"{_outcome(evaluation)}: {model}",
        ]
    )


def _outcome(evaluation: dict[str, Any]) -> str:
    if not evaluation["passed"]:
        return "not passed"
    warnings = len(evaluation["warnings"])
    return f"passed with {counted(warnings, 'warning')}" if warnings else "passed"


def _candidates(evaluation: dict[str, Any]) -> list[str]:
    """The validation metrics of each candidate, the best first, and why the winner was chosen."""
    ranked = sorted(evaluation["candidates"], key=lambda result: result["score"])
    failed = [f"  {name:<34} failed: {why}" for name, why in evaluation["failures"].items()]
    if not ranked:
        return ["candidates", *failed]
    primary = evaluation["primary"]
    names = primary_first(ranked[0]["metrics"], primary)
    lines = [
        _row(f"candidates on {span(evaluation, 'validation')}", names, _heads(names), "fits"),
        *(_candidate(result, evaluation["winner"], names) for result in ranked),
        *failed,
        _row("  baseline", names, _values(ranked[0]["baseline"], names)),
    ]
    if evaluation["winner"] is not None:
        lines.append(f"* {selection.reason(ranked, evaluation['tied'])}")
    return [*lines, f"{primary} decides; lower is better"]


def _winner(evaluation: dict[str, Any]) -> list[str]:
    """The winner's test metrics beside the baseline's, and the difference with its interval."""
    scores, difference = evaluation["metrics"]["test"], evaluation["difference"]
    names = primary_first(scores, evaluation["primary"])
    return [
        "",
        _row(f"{evaluation['winner']} on {span(evaluation, 'test')}", names, _heads(names)),
        _row("  evaluation model", names, _values(scores, names)),
        _row("  baseline", names, _values(evaluation["baseline"]["test"], names)),
        *(_row(title, names, _bounds(difference, names, key)) for title, key in DIFFERENCE),
        *_calibration_metrics(evaluation.get("calibration_metrics")),
    ]


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


def runs(evaluations: list[dict[str, Any]], primary: str) -> str:
    """A line for each run; `-` where an older evaluation has no value."""
    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "run": lambda each: each["run"],
        "created (UTC)": lambda each: each["created"][:16].replace("T", " "),
        "data": lambda each: each["snapshot"],
        "winner": lambda each: each["winner"] or "",
        f"{primary} on test": lambda each: f"{each['metrics']['test'][primary]:.3f}",
        "95 %": lambda each: "{:.3f} to {:.3f}".format(*each["intervals"]["test"][primary]),
        "baseline": lambda each: f"{each['baseline']['test'][primary]:.3f}",
        "gates": _gates,
        "commit": lambda each: _short(each["commit"]),
        "model": lambda each: each["model_hash"] or "",
        "release": lambda each: each["release"],
    }
    rows = [list(columns), *([_cell(show, e) for show in columns.values()] for e in evaluations)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def gate(result: dict[str, Any]) -> str:
    """A gate in one line; a second one has its warning, or what to do next if it failed."""
    outcome = "passed" if result["passed"] else "FAILED"
    line = f"{outcome}  {result['gate']}: expected {result['expected']}, found {result['actual']}"
    if result.get("warning"):
        return f"{line}\n        warning: {result['warning']}"
    return f"{line}\n        next: {result['next_step']}" if result.get("next_step") else line


def _cell(show: Callable[[dict[str, Any]], str], evaluation: dict[str, Any]) -> str:
    try:
        return show(evaluation) or "-"
    except (KeyError, TypeError, ValueError):
        return "-"


def _gates(evaluation: dict[str, Any]) -> str:
    failed = [gate["gate"] for gate in evaluation["gates"] if not gate["passed"]]
    if failed:
        return f"failed: {', '.join(failed)}"
    warnings = len(evaluation.get("warnings", []))
    passed = f"passed, {counted(warnings, 'warning')}" if warnings else "passed"
    return passed if evaluation["gates"] else ""


def _short(commit: str) -> str:
    return commit[:7] + commit[40:]


def span(evaluation: Mapping[str, Any], part: str) -> str:
    """A part of the split with its periods or folds: "test August 2024", "test folds 8 to 9"."""
    if name := evaluation.get("period_names", {}).get(part):
        return f"{part} {name}"
    first, last = evaluation["periods"][part]
    fold = "fold " if evaluation.get("split_by") == "folds" else ""
    if first == last:
        return f"{part} {fold}{first}"
    return f"{part} {fold.replace('fold', 'folds')}{first} to {last}"


def _row(title: str, names: list[str], values: list[str], last: str = "") -> str:
    """A line of a table whose columns are as wide as the heads of the metrics need."""
    if len(title) > TITLE:
        return f"{title}\n{_row('', names, values, last)}"
    widths = (max(10, len(head) + 2) for head in _heads(names))
    cells = (f"{value:>{width}}" for value, width in zip(values, widths, strict=True))
    return f"{title:<{TITLE}}{''.join(cells)}{last:>8}".rstrip()


def _heads(names: list[str]) -> list[str]:
    """The heads of the metrics' columns; the first metric decides."""
    return [f"{names[0]} (decides)", *names[1:]]


def _values(scores: Mapping[str, float], names: list[str]) -> list[str]:
    return [f"{scores[name]:.3f}" for name in names]


def _bounds(difference: dict[str, dict[str, float]], names: list[str], key: str) -> list[str]:
    return [f"{difference[name][key]:+.3f}" for name in names]


def _candidate(result: dict[str, Any], winner: str | None, names: list[str]) -> str:
    mark = "*" if result["candidate"] == winner else " "
    row = _row(
        f"{mark} {result['candidate']}",
        names,
        _values(result["metrics"], names),
        str(len(result["trials"])),
    )
    reason = result["disqualified"]
    return row if reason is None else f"{row}  disqualified: {reason}"
