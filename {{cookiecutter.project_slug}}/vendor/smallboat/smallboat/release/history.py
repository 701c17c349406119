"""The releases with their lives: when each was served, why it came and went, how good it was.

`<root>/monitoring/releases.json` is this list, for the API and for people. `kept.json` beside it
lists the challengers that were not released. `live.json` is the monitor's: live metrics by model.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise, zip_longest
from typing import Any

from ..errors import CommandError
from ..store import runs, store
from ..words import without_folders
from .targets.target import Event

KEPT = "monitoring/kept.json"
LIVE = "monitoring/live.json"
UNKNOWN = "not recorded"
SHOWN = ("rows", "groups", "since", "until", "metrics", "intervals", "baseline")
"""Of the live metrics: anyone may read the list, so it has no slices, and names no folders."""

Json = dict[str, Any]


def write(root: str, events: Sequence[Event]) -> list[Json]:
    """Write the list of releases into the store, whole or not at all; returns it."""
    found = releases(root, events)
    store.replace(root, store.RELEASES, store.to_json(found))
    return found


def releases(
    root: str, events: Sequence[Event], measured: Mapping[str, Json] | None = None
) -> list[Json]:
    """The releases with their lives, the oldest first; UserError if a file can't be read.

    Args:
        root: the model store.
        events: the release log.
        measured: live metrics by model hash that are not in the store yet.
    """
    complete = all("run" in event for event in events)
    return lives(events, {} if complete else runs.evaluations(root), live(root, measured or {}))


def live(root: str, measured: Mapping[str, Json]) -> dict[str, Json]:
    """The live metrics by model hash: those in the store, renewed by newer ones."""
    return {**store.read_changing(root, LIVE, {}), **measured}


def lives(
    events: Sequence[Event], evaluations: Mapping[str, Json], measured: Mapping[str, Json]
) -> list[Json]:
    """A life for each time that a release was served; serving it again at once goes on with it.

    Args:
        events: the release log, the oldest first.
        evaluations: of the runs in the store, the newest first; for events of an older library.
        measured: live metrics by model hash.

    Returns:
        For each life `release`, `run`, `model_hash`, `features_run`, `at`, `until`, `came`, `went`,
        `evaluation` (of the deciding metric) and `live`; None for what is not known or not yet.
    """
    known = [_completed(event, evaluations) for event in events]
    served = [
        event
        for before, event in pairwise([{}, *known])
        if before.get("release") != event["release"]
    ]
    return [
        {
            **{name: each[name] for name in ("release", "run", "model_hash", "features_run", "at")},
            "until": after["at"] if after else None,
            "came": without_folders(each["reason"]),
            "went": without_folders(_went(each, after)) if after else None,
            "evaluation": each["evaluation"],
            "live": _shown(measured.get(each["model_hash"])),
        }
        for each, after in zip_longest(served, served[1:])
    ]


def _shown(measured: Json | None) -> Json | None:
    return measured and {name: measured[name] for name in SHOWN if name in measured}


def keep_out(root: str, run: str, outcome: str, reason: str) -> None:
    """Record that a challenger was not released, if the list can be written.

    Args:
        root: the model store.
        run: the challenger's.
        outcome: kept or failed.
        reason: why.
    """
    own = {"run": run, "at": store.now(), "outcome": outcome, "reason": reason}
    with errors_printed("the list of challengers"):
        others = [each for each in kept_out(root) if each["run"] != run]
        store.replace(root, KEPT, store.to_json([*others, own]))


def kept_out(root: str) -> list[Json]:
    """The challengers that were not released: `run`, `at`, `outcome`, `reason`, the newest last."""
    found: list[Json] = store.read_changing(root, KEPT, [])
    return found


@contextmanager
def errors_printed(name: str) -> Iterator[None]:
    """Print why a list was not written: what is for people must not fail a deployment."""
    try:
        yield
    except CommandError as error:
        print(f"{name} was not written: {error}", flush=True)


def _completed(event: Event, evaluations: Mapping[str, Json]) -> Event:
    """The event; one of an older library gets what its release's id and the store tell."""
    model_hash = event["release"].partition("-")[0]
    made = [run for run, each in evaluations.items() if each.get("model_hash") == model_hash]
    run = made[-1] if made else None
    return {
        "run": run,
        "features_run": None,
        "model_hash": model_hash,
        "at": None,
        "reason": UNKNOWN,
        "evaluation": runs.summary(evaluations[run]) if run else None,
        **event,
    }


def _went(event: Event, after: Event) -> str:
    if after["event"] == "rolled back":
        return "rolled back"
    if after["model_hash"] == event["model_hash"]:
        return f"its model went on with other online features: {after['reason']}"
    by = f"run {after['run']}" if after["run"] else f"release {after['release']}"
    return f"replaced by {by}: {after['reason']}"
