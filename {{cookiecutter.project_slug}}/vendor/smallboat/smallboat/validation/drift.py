"""How far the columns of one table have drifted from those of another."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import UserError

if TYPE_CHECKING:
    import pandas as pd

EMPTY = 1e-4
"""The share that counts for a bin without rows: its logarithm stays finite."""
MODERATE, LARGE = 0.1, 0.25


def psi(reference: npt.ArrayLike, current: npt.ArrayLike, bins: int = 10) -> float:
    """The population stability index: the sum over bins of (q - p) ln(q / p), p and q the shares.

    The bins are the quantiles of the reference, closed on the right; its smallest value, all below
    it, all above its largest, and NaN have a bin each, so that ties and constant columns work.
    Two samples of n and m rows of one distribution have an index of about
    (bins - 1)(1/n + 1/m): a few dozen rows always look as if they had drifted.

    See N. Siddiqi, Credit Risk Scorecards (2006), and B. Yurdakul, Statistical Properties of the
    Population Stability Index (Western Michigan University, 2018).

    Args:
        reference: shape [n], numbers.
        current: shape [m], numbers.
        bins: how many quantiles the reference is cut into.

    Returns:
        0 for equal shares, never negative; UserError if one of the two has no rows.
    """
    expected, actual = (np.asarray(v, dtype=np.float64).ravel() for v in (reference, current))
    if not expected.size or not actual.size:
        raise UserError("drift needs at least one row on each side")
    known = expected[~np.isnan(expected)]
    cuts = np.empty(0)
    if known.size:
        steps = np.linspace(0, 1, bins + 1)
        cuts = np.unique(np.quantile(known, steps, method="inverted_cdf"))
        cuts = np.concatenate([[np.nextafter(cuts[0], -np.inf)], cuts])
    p, q = _shares(expected, cuts), _shares(actual, cuts)
    return float(np.sum((q - p) * np.log(q / p)))


def level(index: float) -> str:
    """The usual reading of an index: stable below .1, moderate below .25, else large."""
    return "stable" if index < MODERATE else "moderate" if index < LARGE else "large"


def table(
    reference: "pd.DataFrame", current: "pd.DataFrame", columns: Iterable[str]
) -> list[dict[str, Any]]:
    """The drift of each column, the largest first; ready for JSON.

    Args:
        reference: the rows to compare with; the columns are numbers.
        current: the same columns, of other rows.
        columns: the names to compare.

    Returns:
        Rows of `feature`, `psi`, `level`, `reference_mean` and `current_mean` (None if all is NaN).
    """
    rows = []
    for name in columns:
        index = psi(reference[name], current[name])
        means = {"reference_mean": _mean(reference[name]), "current_mean": _mean(current[name])}
        rows.append({"feature": name, "psi": index, "level": level(index), **means})
    return sorted(rows, key=lambda row: -row["psi"])


def _shares(values: npt.NDArray[np.float64], cuts: npt.NDArray[np.float64]) -> Any:
    """The share of the values in each bin; NaN sorts behind the last."""
    places = np.where(np.isnan(values), len(cuts) + 1, np.searchsorted(cuts, values, side="left"))
    return np.maximum(np.bincount(places, minlength=len(cuts) + 2) / len(values), EMPTY)


def _mean(column: "pd.Series[Any]") -> float | None:
    values = column.to_numpy(dtype=np.float64)
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
