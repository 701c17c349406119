"""Whether counts in bins differ by more than chance. k is the number of columns, b that of bins.

The rows of a cluster (a race, a session, the rows of one request) depend on each other, so counts
are compared as if there were fewer of them, by a design effect: J.N.K. Rao & A.J. Scott, The
Analysis of Categorical Data from Complex Sample Surveys (JASA 76, 1981), and On Chi-squared Tests
for Multiway Contingency Tables (Annals of Statistics 12, 1984).
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import special

Array = np.ndarray[Any, np.dtype[Any]]

RARE = 20
"""Rows of a bin that the reference has nearly never seen, at most."""
FEWEST = 5.0
"""Rows that a bin needs to be tested alone, and clusters that tell how clusters differ."""


class Counts(NamedTuple):
    """Rows by bin on one side, and the design effect of each share; both have shape [k, b]."""

    rows: Array
    effects: Array

    @property
    def variances(self) -> Array:
        """The variance of each share p, as a multiple of p (1 - p)."""
        found: Array = self.effects / self.rows.sum(axis=1, keepdims=True)
        return found


def counts(places: Array, bins: int) -> Array:
    """How many rows each bin has, shape [k, b], of the bin of each row, shape [k, n]."""
    first = np.arange(len(places))[:, None] * bins
    found: Array = np.bincount((first + places).ravel(), minlength=len(places) * bins)
    return found.reshape(len(places), bins).astype(np.float64)


def design_effects(places: Array, rows: Array, clusters: Array) -> tuple[Array, Array]:
    """By how much the variance of each share exceeds that of independent rows.

    Args:
        places: the bin of each row, shape [k, n].
        rows: how many each bin has, shape [k, b].
        clusters: the cluster of each row, whole numbers from 0 on, shape [n].

    Returns:
        The design effects: 1 for independent rows, the size of a cluster for clusters of equal
        rows. They are never below 1: rows that avoid each other, as the places in a race do, are no
        better evidence than others. Then of each bin how many clusters have rows in it, or have
        rows outside of it, whichever are fewer. Both have shape [k, b].
    """
    sizes = np.bincount(clusters).astype(np.float64)
    groups, n = int((sizes > 0).sum()), len(clusters)
    if groups == n:
        return np.ones(rows.shape), np.minimum(rows, n - rows)
    squares, crossed, held = _within(places, rows.shape[1], clusters, sizes)
    share = rows / n
    spread = squares - 2 * share * crossed + share**2 * (sizes**2).sum()
    expected = rows * (1 - share)
    apart = np.divide(spread, expected, out=np.ones_like(spread), where=expected > 0)
    return np.maximum(apart * groups / max(groups - 1, 1), 1), held


def _within(places: Array, bins: int, clusters: Array, sizes: Array) -> tuple[Array, Array, Array]:
    """Sums over clusters by bin: of squared counts, of counts times sizes, and `held`."""
    squares, crossed, held = (np.empty((len(places), bins)) for _ in range(3))
    together = sizes[clusters] > 1
    _, code = np.unique(clusters[together], return_inverse=True)
    groups = int(code.max(initial=-1)) + 1
    size = np.bincount(code, minlength=groups).astype(np.float64)
    everywhere = (sizes > 0).sum()
    for at, own in enumerate(places):
        alone = np.bincount(own[~together], minlength=bins)
        cells = np.bincount(code * bins + own[together], minlength=groups * bins)
        cells = cells.reshape(groups, bins).astype(np.float64)
        squares[at] = alone + np.einsum("gb,gb->b", cells, cells)
        crossed[at] = alone + size @ cells
        inside = alone + (cells > 0).sum(axis=0)
        outside = everywhere - alone - (cells == size[:, None]).sum(axis=0)
        held[at] = np.minimum(inside, outside)
    return squares, crossed, held


def mates(clusters: Array) -> float:
    """How many rows the cluster of a row has, on average over rows."""
    sizes = np.bincount(clusters).astype(np.float64)
    return float((sizes**2).sum() / sizes.sum())


def p_values(reference: Counts, current: Counts, freedom: Array | float) -> Array:
    """The chance of counts that differ as much, if both are of one distribution, shape [k].

    Pearson's chi-square test of two samples, with the counts of each bin divided by its design
    effect, and an F distribution because that is an estimate (Rao & Thomas, in Skinner, Holt &
    Smith, Analysis of Complex Surveys, 1989, chapter 4). If only two bins are left and one is
    sparse, the exact test of two rare counts takes its place: Przyborowski & Wilenski, Biometrika
    31, 1940.

    Args:
        reference: of one side.
        current: of the other side.
        freedom: clusters less one, by which the design effects were estimated, shape [k].
    """
    there, here = (each.rows.sum(axis=1, keepdims=True) for each in (reference, current))
    effects = _steady(reference, current, 1 / there + 1 / here)
    share = here / (there + here)
    before, now, told = _merged(
        reference.rows / effects, current.rows / effects, reference.rows + current.rows, share
    )
    both = before + now
    apart = now * np.sqrt(there / here) - before * np.sqrt(here / there)
    squares = np.divide(apart**2, both, out=np.zeros_like(both), where=both > 0).sum(axis=1)
    degrees = (both > 0).sum(axis=1) - 1
    once = np.maximum(degrees, 1)
    found = np.where(degrees > 0, special.fdtrc(once, once * freedom, squares / once), 1.0)
    rare = np.where(both > 0, told, np.inf).argmin(axis=1)[:, None]
    rows, seen = (np.take_along_axis(each, rare, axis=1)[:, 0] for each in (both, now))
    exact = (degrees == 1) & (rows * share[:, 0] < FEWEST)
    return np.where(exact, _exact(seen, rows, share[:, 0]), found)


def _steady(reference: Counts, current: Counts, unit: Array) -> Array:
    """The design effects of the differences, shape [k, b].

    That of a bin is uncertain, so it is at least the mean of all; but for bins that are nearly
    empty in the reference: what was never seen has no variance to be known.
    """
    found = (reference.variances + current.variances) / unit
    both = reference.rows + current.rows
    weight = np.where(both > 0, 1 - both / both.sum(axis=1, keepdims=True), 0)
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    mean = (weight * found).sum(axis=1, keepdims=True) / total
    return np.where(reference.rows > RARE, np.maximum(found, mean), found)


def _merged(
    reference: Array, current: Array, told: Array, share: Array
) -> tuple[Array, Array, Array]:
    """The same counts, with sparse bins added to each other.

    A bin is sparse if fewer than FEWEST rows of `current` are expected and found in it. `told` are
    the rows of both sides, undivided, and `share` is the part of `current` in them, shape [k, 1].
    """
    weight = np.maximum((reference + current) * share, current)
    enough = np.minimum(FEWEST, weight.sum(axis=1) / 2)
    order = np.argsort(weight < enough[:, None], axis=1, kind="stable")  # the sparse ones are last
    sides = [np.take_along_axis(each, order, axis=1) for each in (reference, current, told)]
    group = _groups(np.take_along_axis(weight, order, axis=1), enough)
    cells = (np.arange(len(group))[:, None] * weight.shape[1] + group).ravel()
    first, second, third = (
        np.bincount(cells, each.ravel(), minlength=weight.size).reshape(weight.shape)
        for each in sides
    )
    return first, second, third


def _groups(weight: Array, enough: Array) -> Array:
    """Neighbouring bins as groups of at least `enough`, whole numbers from 0 on, shape [k, b].

    If all would be one group, the heaviest bin is one and the others are another.
    """
    group = np.zeros(weight.shape, dtype=np.int64)
    at, filled = np.zeros(len(weight), dtype=np.int64), np.zeros(len(weight))
    for column in range(weight.shape[1]):
        group[:, column] = at
        filled += weight[:, column]
        full = filled >= enough
        at += full
        filled[full] = 0
    heaviest, at = weight.argmax(axis=1)[:, None], at[:, None]
    # What has not become full joins where it changes least.
    group = np.where(group < at, group, np.take_along_axis(group, heaviest, axis=1))
    return np.where(at < 2, np.arange(weight.shape[1]) != heaviest, group)


def _exact(seen: Array, rows: Array, share: Array) -> Array:
    """Twice the smaller tail of `seen` of `rows` events, each of which is `share` likely."""
    above = np.where(seen > 0, special.betainc(np.maximum(seen, 1e-9), rows - seen + 1, share), 1)
    left = rows - seen
    below = np.where(left > 0, special.betaincc(seen + 1, np.maximum(left, 1e-9), share), 1)
    found: Array = np.minimum(2 * np.minimum(above, below), 1)
    return found


def holm(p_values: Array) -> Array:
    """p-values of k tests, adjusted so that one is below a level by chance in that share of cases.

    S. Holm, A Simple Sequentially Rejective Multiple Test Procedure (Scandinavian Journal of
    Statistics 6, 1979).
    """
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def psi(reference: Array, current: Array) -> Array:
    """The population stability index of counts, shape [k]; see `validation.drift.psi`.

    Half a row more in each bin that either side has keeps the logarithm finite.
    """
    used = (reference + current) > 0
    shares = []
    for each in (reference, current):
        smoothed = np.where(used, each + 0.5, 0)
        shares.append(smoothed / smoothed.sum(axis=1, keepdims=True))
    p, q = shares
    ratio = np.divide(q, p, out=np.ones_like(q), where=used)
    found: Array = ((q - p) * np.log(ratio)).sum(axis=1)
    return found


def chance(reference: Counts, current: Counts) -> Array:
    """The index that `psi` has on average if nothing has drifted, shape [k].

    See B. Yurdakul, Statistical Properties of the Population Stability Index (Western Michigan
    University, 2018).
    """
    both = reference.rows + current.rows
    share = both / both.sum(axis=1, keepdims=True)
    expected = np.where(both > 0, (1 - share) * (reference.variances + current.variances), 0)
    found: Array = expected.sum(axis=1)
    return found
