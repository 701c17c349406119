"""What held-out rows looked like, as a bundle keeps it, and how far other rows differ from it.

`reference.json` has for each input, and for the model's answers, counts in a few bins
(`sketches`), but no row. The rows are those of validation and test, the newest that there were;
the answers are of models that had not seen them.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError
from ..problem import Problem
from ..store import store
from . import drift_tests, sketches
from .sketches import Array, Json

if TYPE_CHECKING:
    import pandas as pd

FILE = "reference.json"
SCHEMA = 1
MODERATE = 0.1
"""The population stability index from which on a column has drifted; see `validation.drift`."""


def sketch(problem: Problem, frame: "pd.DataFrame", predicted: Array) -> Json:
    """The content of reference.json.

    Args:
        problem: names the inputs and the output.
        frame: a feature table of held-out rows.
        predicted: a model's answers to it, shape [n] or [n, classes].

    Returns:
        `schema`, `rows`, `groups`, `mates` (rows of a row's group, on average), and `inputs` and
        `output`: sketches by name, the inputs in the order of the model's. Each sketch has the
        `design` effect of the groups.
    """
    features, output = problem.features.FEATURES, problem.candidates.OUTPUT
    categories = [sketches.is_category(feature) for feature in features]
    most = min(sketches.KNOWN_CODES, sketches.CODES_IN_ALL // max(sum(categories), 1))
    inputs = frame[[feature.name for feature in features]].to_numpy(dtype=np.float32).T
    answers = _answers(predicted)
    clusters = frame["group"].factorize()[0]
    columns = [
        *(sketches.sketch(own, kind, most) for own, kind in zip(inputs, categories, strict=True)),
        *(sketches.sketch(own, category=False) for own in answers),
    ]
    values = np.concatenate([inputs, answers])
    places = sketches.places(columns, values)
    bins = max(map(sketches.size, columns))
    counts = drift_tests.counts(places, bins)
    design = drift_tests.design_effects(places, counts, clusters)
    for column, rows, effect in zip(columns, counts.astype(int).tolist(), design, strict=True):
        column["counts"] = rows[: sketches.size(column)]
        column["design"] = round(float(effect), 3)
    names = [*(feature.name for feature in features), *(output.classes or (output.name,))]
    return {
        "schema": SCHEMA,
        "rows": len(frame),
        "groups": len(set(clusters.tolist())),
        "mates": round(drift_tests.mates(clusters), 3),
        "inputs": dict(zip(names[: len(features)], columns, strict=False)),
        "output": dict(zip(names[len(features) :], columns[len(features) :], strict=True)),
    }


def to_json(reference: Json) -> bytes:
    """Compact JSON; the inputs keep their order."""
    return (json.dumps(reference, separators=(",", ":"), allow_nan=False) + "\n").encode()


def read(folder: Path) -> Json | None:
    """The reference of a bundle; None if a library made it that knew of none.

    Raises:
        UserError: it is of another schema.
    """
    path = folder / FILE
    if not path.exists():
        return None
    found: Json = store.read_json(path)
    if found.get("schema") != SCHEMA:
        raise UserError(
            f"{path} has schema {found.get('schema')}, this version of smallboat reads {SCHEMA}: "
            "run `make train` and `make deploy` to monitor with a reference of this version"
        )
    return found


def compare(
    reference: Json,
    inputs: Array,
    outputs: Array,
    clusters: Array,
    ignored: Collection[str] = (),
    false_alarms: float = 0.01,
) -> list[Json]:
    """How far the inputs and the answers of a window differ from the reference.

    A column has drifted if its p-value, adjusted for all columns (Holm), is below `false_alarms`
    and its effect is at least MODERATE. The effect is the population stability index less what it
    is on average if nothing has drifted, which is large in small windows.

    Args:
        reference: the content of reference.json.
        inputs: float32, shape [n, inputs], in the order of the model's.
        outputs: the answers, shape [n] or [n, classes].
        clusters: rows of one cluster depend on each other; whole numbers from 0 on, shape [n].
        ignored: names of inputs that are left out.
        false_alarms: in how many windows without drift any column may seem to have drifted.

    Returns:
        For each input that is not ignored, then for each output: `name`, `of` (input or output),
        `effect`, `p_value` (adjusted), `drifted`, `reference_mean` and `current_mean` (None for
        categories), and shares of rows, each {"reference", "current"}: `missing`, and for
        categories `unknown` (else None).

    Raises:
        UserError: the window has no rows, or is of a model with other inputs.
    """
    chosen, values = _chosen(reference, inputs, outputs, ignored)
    columns = [column for _, _, column in chosen]
    places = sketches.places(columns, values)
    bins = max(map(sketches.size, columns))
    before = np.zeros((len(columns), bins))
    for at, column in enumerate(columns):
        before[at, : len(column["counts"])] = column["counts"]
    now = drift_tests.counts(places, bins)
    was = np.array([column["design"] for column in columns])
    design = _design(reference, was, places, now, clusters)
    groups = reference["groups"] + len(np.unique(clusters)) - 2
    p_values = drift_tests.holm(
        drift_tests.p_values(before / was[:, None], now / design[:, None], max(groups, 1))
    )
    chance = drift_tests.chance(before, now, was, design)
    effect = np.maximum(drift_tests.psi(before, now) - chance, 0)
    drifted = (p_values < false_alarms) & (effect >= MODERATE)
    return [
        {
            "name": name,
            "of": of,
            "effect": round(float(effect[at]), 4),
            "p_value": float(p_values[at]),
            "drifted": bool(drifted[at]),
            "reference_mean": column.get("mean"),
            "current_mean": _mean(column, values[at]),
            "missing": _shares(before[at], now[at], sketches.size(column) - 1),
            "unknown": _shares(before[at], now[at], sketches.unknown(column)),
        }
        for at, (name, of, column) in enumerate(chosen)
    ]


def _chosen(
    reference: Json, inputs: Array, outputs: Array, ignored: Collection[str]
) -> tuple[list[tuple[str, str, Json]], Array]:
    """Name, "input" or "output", and sketch of what is compared, and the values, shape [k, n]."""
    if not len(inputs):
        raise UserError("a window without rows can't be compared with the reference")
    answers = _answers(outputs)
    for what, values in (("inputs", inputs.T), ("output", answers)):
        if len(values) != len(reference[what]):
            raise UserError(
                f"the window has {len(values)} columns of the {what}, the model's reference has "
                f"{len(reference[what])}: they are of two models"
            )
    chosen = [(name, "input", column) for name, column in reference["inputs"].items()]
    kept = [at for at, (name, _, _) in enumerate(chosen) if name not in ignored]
    answered = [(name, "output", column) for name, column in reference["output"].items()]
    values = np.concatenate([inputs.T[kept], answers])
    return [*(chosen[at] for at in kept), *answered], values


def _answers(answers: Array) -> Array:
    """A model's answers as float32 of shape [outputs, n]."""
    return np.atleast_2d(np.asarray(answers, dtype=np.float32).T)


def _design(reference: Json, was: Array, places: Array, now: Array, clusters: Array) -> Array:
    """The design effects of a window, shape [k].

    Of a few clusters the window alone tells little, so they are at least what the reference makes
    of clusters of that size: by Kish, Survey Sampling (1965), a design effect grows with the size
    of the clusters, less one.
    """
    own = drift_tests.design_effects(places, now, clusters)
    grown = (drift_tests.mates(clusters) - 1) / max(reference["mates"] - 1, 1e-9)
    expected: Array = 1 + (was - 1) * grown
    return np.maximum(own, expected)


def _mean(column: Json, values: Array) -> float | None:
    known = values[np.isfinite(values)]
    if sketches.unknown(column) is not None or not known.size:
        return None
    return float(f"{known.mean(dtype=np.float64):.6g}")


def _shares(before: Array, now: Array, place: int | None) -> dict[str, float] | None:
    """The share of a bin's rows on both sides; None if there is no such bin."""
    if place is None:
        return None
    sides = {"reference": before, "current": now}
    return {side: round(float(each[place] / each.sum()), 6) for side, each in sides.items()}
