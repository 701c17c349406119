"""Whether counts in bins differ by more than chance. k is the number of columns, b that of bins.

The rows of a cluster (a race, a session, the rows of one request) depend on each other, so counts
are divided by a design effect before they are tested: J.N.K. Rao & A.J. Scott, The Analysis of
Categorical Data from Complex Sample Surveys (JASA 76, 1981), and On Chi-squared Tests for Multiway
Contingency Tables (Annals of Statistics 12, 1984).
"""

from typing import Any

import numpy as np
from scipy import special

Array = np.ndarray[Any, np.dtype[Any]]

FEWEST = 5.0
"""Rows that a bin needs to be tested alone; sparser ones are merged with their neighbours."""


def counts(places: Array, bins: int) -> Array:
    """How many rows each bin has, shape [k, b], of the bin of each row, shape [k, n]."""
    first = np.arange(len(places))[:, None] * bins
    found: Array = np.bincount((first + places).ravel(), minlength=len(places) * bins)
    return found.reshape(len(places), bins).astype(np.float64)


def design_effects(places: Array, counts: Array, clusters: Array) -> Array:
    """By how much the variance of shares exceeds that of independent rows, shape [k].

    The mean over bins of the generalised design effects of Rao & Scott: 1 for independent rows,
    the size of a cluster for clusters of equal rows. It is never taken to be below 1. Where fewer
    than FEWEST clusters hold anything but the commonest bin, it can't be estimated, and the rows of
    a cluster count as equal.

    Args:
        places: the bin of each row, shape [k, n].
        counts: the rows of each bin, shape [k, b].
        clusters: the cluster of each row, whole numbers from 0 on, shape [n].
    """
    sizes = np.bincount(clusters)
    if sizes.max() == 1:
        return np.ones(len(places))
    rows, bins, groups = len(clusters), counts.shape[1], int((sizes > 0).sum())
    weight = sizes[clusters].astype(np.float64)
    squares, crossed, varied = np.empty_like(counts), np.empty_like(counts), np.empty(len(places))
    for at, own in enumerate(places):
        together = np.bincount(clusters * bins + own, minlength=len(sizes) * bins)
        squares[at] = np.bincount(own, together[clusters * bins + own], minlength=bins)
        crossed[at] = np.bincount(own, weight, minlength=bins)
        commonest = together.reshape(-1, bins)[:, counts[at].argmax()]
        varied[at] = (sizes > commonest).sum()
    share = counts / rows
    spread = squares - 2 * share * crossed + share**2 * weight.sum()
    apart = np.divide(spread, counts, out=np.zeros_like(spread), where=counts > 0).sum(axis=1)
    used = np.maximum((counts > 0).sum(axis=1) - 1, 1)
    found = np.maximum(apart / used * groups / max(groups - 1, 1), 1)
    return np.where(varied < FEWEST, mates(clusters), found)


def mates(clusters: Array) -> float:
    """How many rows the cluster of a row has, on average over rows."""
    sizes = np.bincount(clusters).astype(np.float64)
    return float((sizes**2).sum() / sizes.sum())


def p_values(reference: Array, current: Array, freedom: float) -> Array:
    """The chance of counts that differ as much, if both are of one distribution, shape [k].

    Pearson's chi-square test of two samples, with an F distribution because the design effects are
    estimates (Rao & Thomas, in Skinner, Holt & Smith, Analysis of Complex Surveys, 1989, chapter
    4). If only two bins are left and one is sparse, the exact test of two rare counts takes its
    place: Przyborowski & Wilenski, Biometrika 31, 1940.

    Args:
        reference: counts divided by their design effect, shape [k, b].
        current: the same of the other side.
        freedom: clusters less one, by which the design effects were estimated.
    """
    reference, current = _merged(reference, current)
    both = reference + current
    there, here = (each.sum(axis=1, keepdims=True) for each in (reference, current))
    apart = current * np.sqrt(there / here) - reference * np.sqrt(here / there)
    squares = np.divide(apart**2, both, out=np.zeros_like(both), where=both > 0).sum(axis=1)
    degrees = (both > 0).sum(axis=1) - 1
    once = np.maximum(degrees, 1)
    found = np.where(degrees > 0, special.fdtrc(once, once * freedom, squares / once), 1.0)
    rare = np.where(both > 0, both, np.inf).argmin(axis=1)[:, None]
    rows, seen = (np.take_along_axis(each, rare, axis=1)[:, 0] for each in (both, current))
    share = (here / (there + here))[:, 0]
    exact = (degrees == 1) & (rows * share < FEWEST)
    return np.where(exact, _exact(seen, rows, share), found)


def _merged(reference: Array, current: Array) -> tuple[Array, Array]:
    """The same counts, with sparse bins added to each other.

    A bin is sparse if fewer than FEWEST rows of `current` are expected and found in it.
    """
    total = current.sum(axis=1)
    share = total / (total + reference.sum(axis=1))
    weight = np.maximum((reference + current) * share[:, None], current)
    enough = np.minimum(FEWEST, weight.sum(axis=1) / 2)
    order = np.argsort(weight < enough[:, None], axis=1, kind="stable")  # the sparse ones are last
    reference, current, weight = (
        np.take_along_axis(each, order, axis=1) for each in (reference, current, weight)
    )
    group = _groups(weight, enough)
    cells = (np.arange(len(group))[:, None] * weight.shape[1] + group).ravel()
    summed = (
        np.bincount(cells, each.ravel(), minlength=weight.size).reshape(weight.shape)
        for each in (reference, current)
    )
    return next(summed), next(summed)


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


def chance(reference: Array, current: Array, was: Array, now: Array) -> Array:
    """The index that `psi` has on average if nothing has drifted, shape [k].

    See B. Yurdakul, Statistical Properties of the Population Stability Index (Western Michigan
    University, 2018); `was` and `now` are the design effects of both sides, shape [k].
    """
    degrees = ((reference + current) > 0).sum(axis=1) - 1
    found: Array = degrees * (was / reference.sum(axis=1) + now / current.sum(axis=1))
    return found
