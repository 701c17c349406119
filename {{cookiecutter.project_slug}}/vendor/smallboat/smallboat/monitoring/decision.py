"""Whether a model needs to be retrained: what shows in enough of the newest windows."""

from collections.abc import Iterator, Sequence
from typing import Any

from ..config import sections
from ..words import counted, listed

Json = dict[str, Any]
MOVED = ("input", "output")
QUALITY = "quality"
KINDS = (QUALITY, *MOVED)


def causes(windows: Sequence[Json], rules: sections.Monitor) -> list[Json]:
    """What shows in `needed` of the last `windows` windows, the newest among them.

    Args:
        windows: of the served model, the oldest first. Each has `last` (its time), `drift` (what
            `reference.compare` returned) and `worse` (of `quality.worse`).
        rules: the table [monitor].

    Returns:
        For each cause `kind` (input, output, quality), `name`, `since` (the time at which the first
        of these windows began), `windows` (in how many of the last ones) and `effect` (PSI, of an
        input or output). Quality first, then the largest effect.
    """
    found = [_moved(name, kind, windows, rules) for kind, name in sorted(_signals(windows))]
    measured = [window for window in windows if window["worse"] is not None]
    flags = [bool(window["worse"]) for window in measured]
    if times := _shown(flags, rules):
        since = measured[-len(flags) :][_first(flags)]["first"]
        found.append({"kind": QUALITY, "name": QUALITY, "since": since, "windows": times})
    shown = [each for each in found if each]
    return sorted(shown, key=lambda each: (each["kind"] != QUALITY, -each.get("effect", 0)))


def _signals(windows: Sequence[Json]) -> set[tuple[str, str]]:
    """What has moved in the newest window: kind and name."""
    newest = windows[-1]["drift"] if windows else []
    return {(each["of"], each["name"]) for each in newest if each["drifted"]}


def _moved(name: str, kind: str, windows: Sequence[Json], rules: sections.Monitor) -> Json | None:
    flags = [any(_is(each, kind, name) for each in window["drift"]) for window in windows]
    times = _shown(flags, rules)
    if not times:
        return None
    newest = next(each for each in windows[-1]["drift"] if _is(each, kind, name))
    since = windows[_first(flags)]["first"]
    return {**newest, "kind": kind, "name": name, "since": since, "windows": times}


def _is(each: Json, kind: str, name: str) -> bool:
    return bool(each["drifted"] and each["of"] == kind and each["name"] == name)


def _shown(flags: Sequence[bool], rules: sections.Monitor) -> int:
    """In how many of the last windows something shows; 0 if that is too few."""
    newest = flags[-rules.windows :]
    times = sum(newest)
    return times if newest and newest[-1] and times >= rules.needed else 0


def _first(flags: Sequence[bool]) -> int:
    """Where the unbroken row of windows begins in which something shows."""
    start = len(flags)
    while start and flags[start - 1]:
        start -= 1
    return start


def sentence(found: Sequence[Json], windows: int) -> str:
    """Why a model should be retrained; of many inputs it names those that moved most."""
    by_kind = {kind: [each for each in found if each["kind"] == kind] for kind in KINDS}
    return "; ".join(_told(kind, own, windows) for kind, own in by_kind.items() if own)


def _told(kind: str, causes: Sequence[Json], windows: int) -> str:
    times, since = max(each["windows"] for each in causes), min(each["since"] for each in causes)
    where = f"in {times} of the last {counted(windows, 'window')}, since {since[:10]}"
    if kind == QUALITY:
        return f"predictions are worse than promised, {where}"
    names = listed([each["name"] for each in causes]) if kind == "input" else "the predictions"
    has = "has" if kind == "input" and len(causes) == 1 else "have"
    effect = max(each["effect"] for each in causes)
    upto = "up to " if len(causes) > 1 else ""
    return f"{names} {has} drifted (PSI {upto}{effect:.2f}), {where}"


def parts(found: Sequence[Json], model_hash: str) -> Iterator[str]:
    """A name for each cause, by which two verdicts are compared."""
    for cause in found:
        name = model_hash if cause["kind"] == QUALITY else cause["name"]
        yield f"{cause['kind']}:{name}"
