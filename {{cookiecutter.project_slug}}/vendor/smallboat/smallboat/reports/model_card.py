"""The model card: what a model is for, its data, how good it is, and what it does not know.

After Mitchell et al., Model Cards for Model Reporting, FAT* 2019. One HTML file in the style of the
run's report; its text is in model_card.html.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..problem import Problem
from ..words import counted, primary_first, without_folders
from . import cards

if TYPE_CHECKING:
    import pandas as pd

MOST_INPUTS = 60
MOST_SLICES = 10
MOST_NAMES = 10
SHARES = (0.05, 0.95)
"""The usual range of an input holds nine of ten training rows: the card shows no extremes."""
FEWEST = 21
"""Values that a usual range needs: with fewer, its ends would lie next to the extremes."""
CATEGORY = "category"
"""The unit of an input whose numbers stand for categories; its default is a missing one."""

Json = dict[str, Any]


def page(
    project: str,
    problem: Problem,
    evaluation: Json,
    signature: Json,
    manifest: Mapping[str, Any],
    frame: "pd.DataFrame",
) -> str:
    """The card of a run's winner, as a whole HTML document of at most 60 kB.

    Args:
        project: its name.
        problem: the project's.
        evaluation: the content of evaluation.json.
        signature: of the served model.
        manifest: the snapshot's snapshot.json.
        frame: the feature table that the served model was fitted on.
    """
    spans = cards.spans(evaluation)
    names = primary_first(evaluation["metrics"]["test"], evaluation["primary"])
    slices = cards.slices_by_kind(evaluation["slices"])
    worst = [{**each, "rows": each["rows"][:MOST_SLICES]} for each in slices]
    importance = [_shortened(each) for each in evaluation["importance"][: cards.MOST_GROUPS]]
    known = {**manifest, "source": without_folders(str(manifest["source"]))}  # a card is public
    told, shown = limits(evaluation, signature, slices), inputs(evaluation, signature, frame)
    parts = [
        ("purpose", "What it is for", (evaluation, signature)),
        ("data", "Data", (known, evaluation["snapshot"], signature, dates(frame))),
        ("judged", "How it was judged", (evaluation, spans, _rule(problem))),
        ("quality", "How good it is", (evaluation, names, spans, importance, worst)),
        ("limits", "What it does not know", (told, shown, len(signature["inputs"]) - len(shown))),
        ("provenance", "Provenance", (evaluation, spans)),
    ]
    fragments = (
        cards.Fragment(key, title, cards.render("model_card.html", key, *values))
        for key, title, values in parts
    )
    return cards.page(f"{project}: model card", *fragments)


def dates(frame: "pd.DataFrame") -> tuple[str, str] | None:
    """The first and the last date of the rows; None without dates."""
    if "date" not in frame:
        return None
    return str(frame["date"].min().date()), str(frame["date"].max().date())


def inputs(evaluation: Json, signature: Json, frame: "pd.DataFrame") -> list[Json]:
    """The most important inputs, the most important first.

    Returns:
        For each `name`, `unit`, `description`, `missing` (the share of rows), and either the usual
        range `low` to `high`, or of a category how many `levels` there were.
    """
    ranked = [name for group in evaluation["importance"] for name in group["features"]]
    described = {each["name"]: each for each in signature["inputs"]}
    ordered = list(dict.fromkeys([*ranked, *described]))
    return [_input(described[name], frame[name]) for name in ordered[:MOST_INPUTS]]


def _input(described: Json, values: "pd.Series[Any]") -> Json:
    category = described["unit"] == CATEGORY
    there = values[values != described["default"]] if category else values.dropna()
    found = {name: described[name] for name in ("name", "unit", "description")}
    found["missing"] = 1 - len(there) / len(values)
    if category:
        return {**found, "levels": int(there.nunique())}
    low, high = there.quantile(list(SHARES)) if len(there) >= FEWEST else (None, None)
    return {**found, "low": low, "high": high}


def limits(evaluation: Json, signature: Json, slices: Sequence[Json]) -> list[str]:
    """What the model does not know, as sentences."""
    told = []
    if "trained_until" in signature:
        told.append(f"It has learned from no row after {signature['trained_until']}.")
    if any(each["unit"] == CATEGORY for each in signature["inputs"]):
        told.append("A category that it has not seen is answered as any other unknown one.")
    told.append(_calibrated(evaluation, signature["output"]))
    for each in slices:
        if each["worse"]:
            told.append(
                f"By {each['by']}, it is worse than the baseline in "
                f"{counted(each['worse'], 'slice')}: do not rely on it there."
            )
    told += [f"The run passed with a warning: {warning}." for warning in evaluation["warnings"]]
    if not evaluation["passed"]:
        told.append("The run did not pass its gates: it may not be released.")
    return told


def _calibrated(evaluation: Json, output: Json) -> str:
    """How far its probabilities can be trusted."""
    curve = evaluation["calibration"]
    if "observed" in curve:
        rows = sum(curve["rows"])
        pairs = zip(curve["observed"], curve["predicted"], curve["rows"], strict=True)
        apart = sum(abs(seen - said) * count for seen, said, count in pairs) / rows
        return (
            f"Its probabilities differ from the observed shares by {apart:.3f} on average, over "
            f"{counted(len(curve['rows']), 'group')} of {rows:,} held-out rows."
        )
    if "calibration_metrics" in evaluation:
        return (
            "The probabilities and ranges that people are shown are fitted on held-out rows; how "
            "good they are on test rows stands above."
        )
    if output.get("kind") == "probabilities":
        return "Whether its probabilities come true was not measured."
    return "It answers no probabilities, and how uncertain an answer is was not measured."


def _shortened(group: Json) -> Json:
    """A group of features that names few of them."""
    names = group["features"]
    others = len(names) - MOST_NAMES
    more = [f"and {others} others"] if others > 0 else []
    return {**group, "features": names[:MOST_NAMES] + more}


def _rule(problem: Problem) -> str:
    """What the baseline is: the first line of its docstring."""
    return (problem.metrics.baseline.__doc__ or "").strip().partition("\n")[0]
