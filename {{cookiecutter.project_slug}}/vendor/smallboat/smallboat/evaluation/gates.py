"""The gates that a winner must pass.

A gate on a measured error fails only if the error's whole 95 % interval lies beyond the limit: on a
few races or days, chance alone moves a mean beyond it. If only a part lies beyond it, the gate
passes with a warning.
"""

import math
from collections.abc import Callable
from typing import Any

from ..words import counted

TOLERANCE = 1e-4
"""How far a graph's answers may differ from its estimator's, in standard deviations of those."""
DEVIATIONS = " standard deviations of its answers"
FEWEST_GROUPS = 4
"""Of fewer groups, all are often worse by chance: two in a quarter of all cases."""

NO_CANDIDATE = (
    "correct each candidate by the reason that is given for it, in candidates.py, then run `make "
    "resume`"
)
EXPECTATIONS = "correct the data or expectations.py, then run `make data` and `make train`"
BASELINE = (
    "see in the report which slices are worse; take more or newer data, other features or "
    "candidates, or more test rows (training.test_periods), then run `make train`"
)
LEAKAGE = (
    "look at the most important features in the report: one of them may know the outcome; if none "
    "does, lower gates.leakage"
)
SLICES = (
    "look at the rows of this slice: wrong data, or too few to learn from; correct them, add a "
    "feature that tells them apart, or raise gates.slice_margin or gates.slice_rows"
)
NO_SLICE = "lower gates.slice_rows, or hold out more rows (training.test_periods)"
CLASS_ROWS = (
    "hold out more rows (training.test_periods), bring more rows of this class, join it with "
    "another one, or lower gates.class_rows"
)
PARITY = (
    "train without this candidate, or change its settings: its estimator can't be exported exactly"
)
SIZE = "choose smaller models in candidates.py (fewer, shallower trees), or raise gates.bundle_mib"

Result = dict[str, Any]


def decide(
    evaluated: Result, served: Result, expectations: Result, size: int, limits: Result
) -> list[Result]:
    """Each gate with its limit and the actual value; all must pass for a release.

    Args:
        evaluated: what `training.evaluate_winner` returned.
        served: what `training.refit` returned.
        expectations: how many were `checked`, and how many `errors` there were.
        size: bytes of the bundle.
        limits: the `[gates]` of the configuration.

    Returns:
        For each gate `gate` (its name), `expected`, `actual`, `passed`, `warning` (text or None)
        and `next_step` (what to do, if it failed, else None).
    """
    parity = [
        exact(f"parity of the {name} model", parity, "<=", TOLERANCE, PARITY, DEVIATIONS)
        for name, parity in (("evaluation", evaluated["parity"]), ("served", served["parity"]))
    ]
    return [
        exact("expectations", expectations["errors"], "<=", 0, EXPECTATIONS),
        _baseline(evaluated["primary"], evaluated["difference"][evaluated["primary"]]),
        _leakage(evaluated["relative_error"], limits["leakage"]),
        _slices(evaluated["slices"], limits["slice_margin"]),
        *_class_rows(evaluated.get("class_rows", {}), limits),
        *parity,
        exact("bundle size in MiB", size / 2**20, "<=", limits["bundle_mib"], SIZE),
    ]


def no_candidate(reason: str) -> Result:
    """The gate of a run that has no winner."""
    return gate("a candidate that can be served", "at least 1", reason, False, NO_CANDIDATE)


SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<=": lambda actual, limit: actual <= limit,
    ">=": lambda actual, limit: actual >= limit,
}


def exact(
    name: str, actual: float, sign: str, limit: float, next_step: str, suffix: str = ""
) -> Result:
    """A gate on a number that chance does not move."""
    passed = SIGNS[sign](actual, limit)
    return gate(name, f"{sign} {limit:.4g}", f"{actual:.4g}{suffix}", passed, next_step)


def gate(
    name: str, expected: str, actual: str, passed: bool, next_step: str, warning: str = ""
) -> Result:
    """A gate as evaluation.json lists it; see `decide`."""
    return {
        "gate": name,
        "expected": expected,
        "actual": actual,
        "passed": passed,
        "warning": warning if passed and warning else None,
        "next_step": None if passed else next_step,
    }


def _baseline(primary: str, found: Result) -> Result:
    """The gate that the winner is not worse than the baseline; it warns if it may be no better."""
    warning = (
        f"{primary} may be no better than the baseline's: the 95 % interval of the difference, "
        f"{found['low']:+.3f} to {found['high']:+.3f}, includes 0"
    )
    return gate(
        "not worse than the baseline",
        "95 % interval of the difference not wholly above 0",
        f"{primary} {_with_interval(found, '+')}",
        found["low"] <= 0,
        BASELINE,
        warning if found["high"] >= 0 else "",
    )


def _leakage(found: Result, least: float) -> Result:
    """The gate that the error is not too small to be true."""
    warning = (
        f"the error is {found['value']:.3f} of the baseline's, less than gates.leakage = "
        f"{least:g}, which may be chance"
    )
    return gate(
        "no leakage",
        f"95 % interval of the error relative to the baseline's not wholly below {least:g}",
        _with_interval(found),
        found["high"] >= least,
        LEAKAGE,
        warning if found["value"] < least else "",
    )


def _slices(slices: list[Result], margin: float) -> Result:
    """The gate that no slice is worse than the baseline by more than the margin."""
    name = "worst slice against the baseline"
    expected = f"95 % interval of the difference not wholly above {margin:g}"
    if not slices:
        return gate(name, expected, "no slice with enough rows", False, NO_SLICE)
    failed = [each for each in slices if _worse(each, margin)]
    worst = max(failed or slices, key=lambda each: each["difference"]["value"])
    difference = worst["difference"]
    size = f"{counted(worst['rows'], 'row')} in {counted(worst['groups'], 'group')}"
    told = f"{worst['by']} {worst.get('name', worst['value'])}"
    return gate(
        name,
        expected,
        f"{_with_interval(difference, '+')} ({told}, {size})",
        not failed,
        SLICES,
        f"{told} is worse than the baseline by {difference['value']:.3f}, more than "
        f"gates.slice_margin = {margin:g}; on {size} it may be chance"
        if difference["value"] > margin
        else "",
    )


def _worse(part: Result, margin: float) -> bool:
    """Whether a slice is worse for sure; what is no number passes nothing."""
    low: float = part["difference"]["low"]
    return math.isnan(low) or (low > margin and part["groups"] >= FEWEST_GROUPS)


def _class_rows(rows: dict[str, int], limits: Result) -> list[Result]:
    """The gate that a metric is not made of a few rows of a class, where there are classes."""
    if not rows:
        return []
    least = limits["class_rows"]
    name, fewest = min(rows.items(), key=lambda item: item[1])
    few = sum(count < least for count in rows.values())
    more = f", and too few of {counted(few - 1, 'other class', 'other classes')}" if few > 1 else ""
    found = f"{counted(fewest, 'row')} of class {name}{more}"
    title = "rows of each class in the test part"
    return [gate(title, f">= {least}", found, not few, CLASS_ROWS)]


def _with_interval(found: Result, sign: str = "") -> str:
    value, low, high = (format(found[end], f"{sign}.4g") for end in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def failures(evaluation: Result) -> str:
    """The gates that a run failed, each with what was found and what to do next."""
    return "; ".join(failure(each) for each in evaluation["gates"] if not each["passed"])


def failure(failed: Result) -> str:
    """A failed gate in a sentence; runs of an older library have no next step."""
    found = f" (found {failed['actual']})" if "actual" in failed else ""
    following = f": {failed['next_step']}" if failed.get("next_step") else ""
    return f"{failed['gate']}{found}{following}"
