"""A column as counts of rows in a few bins: what a bundle keeps of it, without any of its rows.

A sketch is plain JSON. Its `kind` is one of

* `number`: `cuts` are the inner edges of bins that are closed on the right. They are
  quantiles, and the ends of what was seen, each from the rounded mean of LEAST values.
* `values`: `values` are the different ones, where there are few; another bin takes all others.
* `category`: `levels` are the codes of the most frequent texts, as the bits of a float32; a bin
  takes all other `known` ones, another those that are not known.

`counts` has the rows of each bin in that order; the last bin is for missing values. No code, value
or bin of numbers is told that fewer than LEAST rows have. `mean` is that of the known numbers.
"""

from typing import Any

import numpy as np

from ..problem import Feature, Output

Array = np.ndarray[Any, np.dtype[Any]]
Json = dict[str, Any]

BINS, MARGIN = 10, 0.1
FEW = 20
"""So many different values, or levels of a category, have a bin each."""
LEAST = 10
KNOWN_CODES = 1_000
"""Codes of categories that are known beside the levels, at most."""
CODES_IN_ALL = 3_000
"""The same for all categories together: a code takes 11 bytes of reference.json."""
NO_TEXT = 0.0
"""The code of a missing category, `table.encoding.MISSING`."""


def is_category(described: Feature | Output) -> bool:
    """Whether the numbers of an input stand for texts."""
    return described.unit == "category"


def sketch(values: Array, category: bool, most_known: int = KNOWN_CODES) -> Json:
    """A column's sketch, without the counts.

    Args:
        values: float32, shape [n]; NaN is missing.
        category: whether they are codes of texts.
        most_known: codes that it may know beside the levels.
    """
    known = values[~np.isnan(values)]
    different, rows = np.unique(known, return_counts=True)
    if category:
        return _category(different, rows, most_known)
    mean = _short(known.mean(dtype=np.float64)) if known.size else None
    if len(different) <= FEW:
        kept = different[rows >= LEAST]
        return {"kind": "values", "values": [_exact(value) for value in kept], "mean": mean}
    return {"kind": "number", "cuts": _quantiles(known), "mean": mean}


def _category(different: Array, rows: Array, most_known: int) -> Json:
    order = np.argsort(-rows, kind="stable")
    order = order[(rows[order] >= LEAST) & (different[order] != NO_TEXT)]
    kept = different[order].view(np.uint32).tolist()
    return {"kind": "category", "levels": kept[:FEW], "known": kept[FEW : FEW + most_known]}


def _quantiles(known: Array) -> list[float]:
    """The inner edges of bins of equal size; a bin has at least twice LEAST rows, but for ties.

    Two more bins are for values beyond all that was seen, by MARGIN standard deviations. An edge is
    made of the mean of the LEAST values around it, so that it is nobody's value.
    """
    ordered = np.sort(known).astype(np.float64)
    bins = max(1, min(BINS, len(ordered) // (2 * LEAST)))
    at = np.arange(1, bins) * len(ordered) // bins
    around = ordered[at[:, None] + np.arange(-(LEAST // 2), LEAST - LEAST // 2)]
    beyond = MARGIN * ordered.std()
    ends = [ordered[:LEAST].mean() - beyond, ordered[-LEAST:].mean() + beyond]
    cuts = [*around.mean(axis=1), *(ends if len(ordered) >= LEAST else ())]
    return [_exact(cut) for cut in np.unique([np.float32(_short(cut)) for cut in cuts])]


def bins(sketch: Json) -> tuple[Array, Array]:
    """Where the bins begin and end.

    Returns:
        Ascending cuts, float32 of shape [c], and the bin of each interval between them, shape
        [c + 1]; an interval is closed on the right.
    """
    if sketch["kind"] == "number":
        cuts = np.array(sketch["cuts"], dtype=np.float32)
        return cuts, np.arange(len(cuts) + 1)
    if sketch["kind"] == "values":
        own, other = np.array(sketch["values"], dtype=np.float32), len(sketch["values"])
        place = np.arange(other)
    else:
        codes = np.array([*sketch["levels"], *sketch["known"]], dtype=np.uint32)
        own = np.append(codes.view(np.float32), np.float32(NO_TEXT))
        at = len(sketch["levels"])
        place, other = np.append(np.minimum(np.arange(len(codes)), at), at + 2), at + 1
    order = np.argsort(own)
    edges = np.empty(2 * len(own), dtype=np.float32)
    edges[0::2], edges[1::2] = np.nextafter(own[order], np.float32(-np.inf)), own[order]
    inside = np.full(2 * len(own) + 1, other)
    inside[1::2] = place[order]
    return edges, inside


def size(sketch: Json) -> int:
    """How many bins it has, with that of missing values."""
    if sketch["kind"] == "number":
        return len(sketch["cuts"]) + 2
    return len(sketch["values"]) + 2 if sketch["kind"] == "values" else len(sketch["levels"]) + 3


def unknown(sketch: Json) -> int | None:
    """The bin of categories that are not known; None for numbers."""
    return len(sketch["levels"]) + 1 if sketch["kind"] == "category" else None


def padded(columns: list[Json], name: str, bins: int) -> Array:
    """What k sketches have for each bin, shape [k, bins]; 0 for bins that they lack."""
    found = np.zeros((len(columns), bins))
    for at, column in enumerate(columns):
        found[at, : len(column[name])] = column[name]
    return found


def places(columns: list[Json], values: Array) -> Array:
    """The bin of each value.

    Args:
        columns: k sketches.
        values: float32, shape [k, n].

    Returns:
        int64 of shape [k, n].
    """
    found = np.empty(values.shape, dtype=np.int64)
    missing = np.isnan(values)
    for at, (column, own) in enumerate(zip(columns, values, strict=True)):
        cuts, inside = bins(column)
        found[at] = inside[np.searchsorted(cuts, own)]
        found[at][missing[at]] = size(column) - 1
    return found


def _short(value: float) -> float:
    """Six digits of a number."""
    return float(f"{value:.6g}")


def _exact(value: Any) -> float:
    """The shortest number that is the same float32."""
    return float(str(np.float32(value)))
