"""Probabilities and ranges of places, from scores whose order within a group is predicted.

For problems of kind "rank": `metrics.calibration` fits them on held-out rows, and
`service.predictions` applies them. It needs numpy alone, because the model server runs it. Lower
scores are better.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

STEPS = 60
"""Halvings of the range in which a temperature is looked for: it ends below 1e-15 of it."""
WIDEST = 1e3
"""Temperatures lie within this factor of the scores' standard deviation."""


def fit_temperatures(scores: Array, places: Array, groups: Array, stages: int) -> list[float]:
    """The temperatures of a staged Plackett-Luce model, each the most likely one.

    At stage k, one of the rows that have no place yet takes place k; its probability is a softmax
    of -score / temperature k. One temperature for all stages is Plackett's model (The Analysis of
    Permutations, Applied Statistics 24, 1975); stages with a parameter each are those of Fligner
    and Verducci (Multistage Ranking Models, JASA 83, 1988).

    Args:
        scores: shape [n], of rows that the model has not seen.
        places: shape [n], 1 to the size of the group.
        groups: shape [n], which rows belong together.
        stages: how many places from the first on.

    Returns:
        A temperature for each stage, in the unit of the scores.
    """
    _, code = np.unique(groups, return_inverse=True)
    scale = float(np.std(scores)) or 1.0
    temperatures = []
    for stage in range(1, stages + 1):
        left = places >= stage
        low, high = np.log(scale / WIDEST), np.log(scale * WIDEST)
        for _ in range(STEPS):
            middle = (low + high) / 2
            expected = _expected(np.where(left, scores, np.inf), code, np.exp(middle))
            taken = left & (places == stage)
            # The slope of the log-likelihood, which is concave in 1 / temperature.
            if np.sum(scores[taken] - expected[code[taken]]) < 0:
                high = middle
            else:
                low = middle
        temperatures.append(float(f"{np.exp(middle):.7g}"))
    return temperatures


def _expected(scores: Array, code: Array, temperature: float) -> Array:
    """The mean score of who is drawn from each group, shape [groups]; infinity is not drawn."""
    best = np.full(code.max() + 1, np.inf)
    np.minimum.at(best, code, scores)
    drawn = np.isfinite(scores)
    weight = np.exp((best[code[drawn]] - scores[drawn]) / temperature)
    total = np.bincount(code[drawn], weight, len(best))
    mean = np.bincount(code[drawn], weight * scores[drawn], len(best))
    return mean / np.maximum(total, 1.0)  # who is best weighs 1


def among_first(scores: Array, temperatures: Sequence[float]) -> Array:
    """The probability of each row of a group to be among the first 1, 2, ...

    Args:
        scores: shape [n], of one group.
        temperatures: what `fit_temperatures` returned.

    Returns:
        Shape [stages, n]; row k - 1 is the probability of a place up to k, and adds up to k.
    """
    size, order = len(scores), np.argsort(scores)
    probability, shares = np.zeros(size), []
    ordered = weight = np.ones(())  # the probability of each order of those who have a place
    taken = np.zeros(size, dtype=bool)  # for each such order, who has a place
    for stage, temperature in enumerate(temperatures[:size]):
        if stage:
            ordered = ordered[..., None] * weight
            taken = taken[..., None, :] | np.eye(size, dtype=bool)
        logits = -scores[order] / temperature
        # Relative to the best that has no place yet; those before it have one.
        likely = np.exp(np.minimum(logits - logits[: stage + 1, None], 0.0))
        weight = np.where(taken, 0.0, likely[taken.argmin(axis=-1)])
        ordered = ordered / weight.sum(axis=-1)
        probability = probability + ordered.ravel() @ weight.reshape(-1, size)
        shares.append(np.minimum(probability, 1.0))
    shares += [np.ones(size)] * (len(temperatures) - len(shares))
    return np.array(shares)[:, np.argsort(order)]


def fit_bands(
    predicted: Array, ended: Array, size: int, coverage: float = 0.8, bandwidth: float = 1.0
) -> dict[str, list[float]]:
    """For each predicted place, the shortest range of places in which such rows ended.

    What ended where is counted with Gaussian weights over the neighbouring predicted places, a
    kernel estimate of the conditional distribution (Hall, Wolff and Yao, JASA 94, 1999). A better
    predicted place never gets a worse end of its range.

    Args:
        predicted: shape [n], places as shares of the group: 0 = first, 1 = last.
        ended: shape [n], in the same unit.
        size: places of a typical group.
        coverage: the share of rows that a range holds.
        bandwidth: standard deviation of the weights, in places.

    Returns:
        `share` (ascending predicted places), `low` and `high`, all as shares of the group.
    """
    last = max(size - 1, 1)
    share = np.arange(last + 1) / last
    weight = np.exp(-0.5 * ((predicted[None] - share[:, None]) * last / bandwidth) ** 2)
    place = np.rint(ended * last).astype(int)
    ranges = np.array(
        [_shortest(np.bincount(place, row, last + 1) / row.sum(), coverage) for row in weight]
    )
    low, high = (_rising(ends) / last for ends in ranges.T)
    return {
        name: np.round(values, 6).tolist()
        for name, values in (("share", share), ("low", low), ("high", high))
    }


def _shortest(probability: Array, coverage: float) -> tuple[int, int]:
    """First and last place of the shortest range with the coverage; of two, the likelier one."""
    total = np.concatenate([[0.0], np.cumsum(probability)])
    held = total[None, 1:] - total[:-1, None]  # from row to column
    length = np.arange(len(probability))[None] - np.arange(len(probability))[:, None]
    enough = (held >= coverage - 1e-9) & (length >= 0)
    best = np.argmin(np.where(enough, length - 0.5 * held, np.inf))
    first, last = np.unravel_index(best, held.shape)
    return int(first), int(last)


def _rising(values: Array) -> Array:
    """The nearest rising values: halfway between those that were raised and those lowered."""
    raised = np.maximum.accumulate(values)
    lowered = np.minimum.accumulate(values[::-1])[::-1]
    rising: Array = (raised + lowered) / 2
    return rising
