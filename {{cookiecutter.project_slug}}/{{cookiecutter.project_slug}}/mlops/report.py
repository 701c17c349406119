"""What people read at the end of a command."""

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
        "",
        _row(f"{evaluation['winner']} on {_span(evaluation, 'test')}", names),
        _row("  winner as judged", _values(evaluation["metrics"]["test"], names)),
        _row("  baseline", _values(evaluation["baseline"]["test"], names)),
        *(_row(title, _ends(evaluation["difference"], names, end)) for title, end in DIFFERENCE),
        "",
        *(_gate(gate) for gate in evaluation["gates"]),
        "",
        *(f"{name:<7} {place}" for name, place in places),
        f"{'passed' if evaluation['passed'] else 'not passed'}: model {evaluation['model_hash']}",
    ]
    return "\n".join(lines)


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


def _gate(gate: dict[str, Any]) -> str:
    word = "passed" if gate["passed"] else "FAILED"
    return f"{word}  {gate['gate']}: expected {gate['expected']}, found {gate['actual']}"
