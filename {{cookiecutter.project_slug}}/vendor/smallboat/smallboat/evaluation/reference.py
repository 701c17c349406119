"""What held-out rows looked like, as a bundle keeps it, and how far other rows differ from it.

`reference.json` has for each input, and for the model's answers, counts in a few bins
(`sketches`), but no row. The rows are those of validation and test, the newest that there were;
the answers are of models that had not seen them.
"""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError, nearest
from ..problem import Feature, Problem
from ..store import release_bundle, store
from . import drift_tests, expected, sketches
from .sketches import Array, Json

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
BLOCKS, BLOCK_ROWS = 20, 25
MODERATE = 0.1
"""The population stability index from which on a column has drifted; see `validation.drift`."""


def sketch(problem: Problem, frame: "pd.DataFrame", predicted: Array) -> Json:
    """The content of reference.json.

    Args:
        problem: names the inputs and the output.
        frame: a feature table of held-out rows.
        predicted: a model's answers to it, shape [n] or [n, classes].

    Returns:
        `schema`, `rows`, `groups`, `blocks`, `block_rows`, and `inputs` and `output`: sketches by
        name, the inputs in the order of the model's. Each sketch has the design `effects` of the
        blocks by bin, see `drift_tests`. Of probabilities there is a `calibration`, see `expected`.
    """
    features, output = problem.features.FEATURES, problem.candidates.OUTPUT
    inputs = frame[[feature.name for feature in features]].to_numpy(dtype=np.float32).T
    answers, blocks = _answers(predicted), _blocks(frame)
    columns = _columns(features, inputs, answers)
    _count(columns, np.concatenate([inputs, answers]), blocks)
    names = [*(feature.name for feature in features), *(output.classes or (output.name,))]
    calibration = {}
    if output.kind in expected.KINDS:
        target, group = frame["target"].to_numpy(), frame["group"].factorize()[0]
        calibration = {"calibration": expected.calibration(target, predicted, group)}
    return {
        "schema": SCHEMA,
        "rows": len(frame),
        "groups": frame["group"].nunique(),
        "blocks": int(blocks.max()) + 1,
        "block_rows": round(drift_tests.mates(blocks), 3),
        "inputs": dict(zip(names[: len(features)], columns, strict=False)),
        "output": dict(zip(names[len(features) :], columns[len(features) :], strict=True)),
        **calibration,
    }


def _columns(features: Sequence[Feature], inputs: Array, answers: Array) -> list[Json]:
    """The sketches of inputs and answers, both of shape [k, n]."""
    categories = [sketches.is_category(feature) for feature in features]
    most = min(sketches.KNOWN_CODES, sketches.CODES_IN_ALL // max(sum(categories), 1))
    return [
        *(sketches.sketch(own, kind, most) for own, kind in zip(inputs, categories, strict=True)),
        *(sketches.sketch(own, category=False) for own in answers),
    ]


def _count(columns: list[Json], values: Array, blocks: Array) -> None:
    """Add the counts of values, shape [k, n], and the design effects of blocks to the sketches."""
    places = sketches.places(columns, values)
    rows = drift_tests.counts(places, max(map(sketches.size, columns)))
    effects, _ = drift_tests.design_effects(places, rows, blocks)
    for at, column in enumerate(columns):
        size = sketches.size(column)
        column["counts"] = rows[at, :size].astype(int).tolist()
        column["effects"] = effects[at, :size].round(2).tolist()


def _blocks(frame: "pd.DataFrame") -> Array:
    """The block of each row, from 0 on: BLOCKS of equal size, or fewer of small tables.

    Rows that have dates are cut by time: how far a block differs from the others then tells how far
    a window does of which nobody would say that it has drifted. Without dates, groups are dealt.
    """
    blocks = max(1, min(BLOCKS, len(frame) // BLOCK_ROWS))
    if "date" in frame:
        return np.arange(len(frame)) * blocks // len(frame)
    dealt: Array = frame["group"].factorize()[0] % blocks
    return dealt


def check_ignored(problem: Problem, ignored: Collection[str]) -> None:
    """UserError if the configuration ignores an input that no model has."""
    names = [feature.name for feature in problem.features.FEATURES]
    for name in (each for each in ignored if each not in names):
        advice = nearest(name, names)
        raise UserError(f"monitor.ignored has {name!r}, which is no input of the model: {advice}")


def to_json(reference: Json) -> bytes:
    """Compact JSON; the inputs keep their order."""
    return (json.dumps(reference, separators=(",", ":"), allow_nan=False) + "\n").encode()


def read(folder: Path) -> Json | None:
    """The reference of a bundle; None if a library made it that knew of none.

    Raises:
        UserError: it is of another schema.
    """
    path = folder / release_bundle.REFERENCE
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
        clusters: names or numbers, shape [n]; rows of one cluster depend on each other.
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
    clusters = np.unique(clusters, return_inverse=True)[1]
    columns = [column for _, _, column in chosen]
    places = sketches.places(columns, values)
    bins = max(map(sketches.size, columns))
    was = drift_tests.Counts(
        *(sketches.padded(columns, each, bins) for each in ("counts", "effects"))
    )
    now, freedom = _window(reference, was, places, clusters)
    p_values = drift_tests.holm(drift_tests.p_values(was, now, freedom))
    index = drift_tests.psi(was.rows, now.rows)
    effect = np.maximum(index - drift_tests.chance(was, now), 0)
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
            "missing": _shares(was.rows[at], now.rows[at], sketches.size(column) - 1),
            "unknown": _shares(was.rows[at], now.rows[at], sketches.unknown(column)),
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


def _window(
    reference: Json, was: drift_tests.Counts, places: Array, clusters: Array
) -> tuple[drift_tests.Counts, Array]:
    """The counts of a window, and the degrees of freedom of its design effects, shape [k].

    A design effect is that of the window's clusters, or their size where too few of them tell. A
    window is also one more block: without drift it differs as much from the reference as the blocks
    do from each other, less a standard error, because chance makes blocks differ, too. Kish,
    Survey Sampling (1965): a design effect grows with the size of the clusters, less one.
    """
    rows = drift_tests.counts(places, was.rows.shape[1])
    own, held = drift_tests.design_effects(places, rows, clusters)
    own = np.where(held < drift_tests.FEWEST, drift_tests.mates(clusters), own)
    blocks, block_rows = reference["blocks"], reference["block_rows"]
    sure = np.maximum(was.effects - 1 - np.sqrt(2 / max(blocks - 1, 1)), 0) / max(block_rows - 1, 1)
    one_more = np.where(was.rows > drift_tests.RARE, 1 + sure * (len(clusters) - 1), 1)
    few = (one_more > own).any(axis=1)
    freedom = np.where(few, blocks, clusters.max() + 1) - 1
    return drift_tests.Counts(rows, np.maximum(own, one_more)), np.maximum(freedom, 1)


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
