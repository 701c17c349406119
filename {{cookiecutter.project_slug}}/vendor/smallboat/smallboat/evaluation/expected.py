"""Metrics before outcomes are known: what calibrated probabilities promise.

If probabilities come true, they tell how often an answer is right: outcomes are drawn from them and
scored. NannyML describes it as confidence-based performance estimation (CBPE), in its documentation
under "How it works", 2022. It sees that requests become harder; it can't see that the same
request now ends differently (concept drift): only outcomes show that.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem import Problem

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]
Json = dict[str, Any]

BINS, BIN_ROWS = 20, 50
DRAWS, NEWTON_STEPS = 30, 25
KINDS = ("probability", "probabilities")
SMALLEST = 1e-6
"""Probabilities nearer to 0 or 1 than this count as that near."""


def calibration(target: Array, predicted: Array, group: Array) -> list[Json]:
    """How probabilities came true on held-out rows: for class 1, or for each class.

    Args:
        target: 0 or 1, or the index of the class, shape [n].
        predicted: of class 1, shape [n], or of each class, shape [n, classes].
        group: rows of one group depend on each other; whole numbers from 0 on, shape [n].

    Returns:
        By class `predicted` and `observed`: the mean probability and the share of the class, in
        bins of equal size, ascending; `rows` of each bin; and by how much more than that of
        independent rows their variance is (`effect`).
    """
    found = []
    for at, own in enumerate(_columns(predicted)):
        hit = (target == (at if predicted.ndim == 2 else 1)).astype(np.float64)
        place = np.argsort(np.argsort(own, kind="stable"), kind="stable")
        bins = max(1, min(BINS, len(own) // BIN_ROWS))
        bin_ = place * bins // len(own)
        rows = np.bincount(bin_, minlength=bins)
        curve = {
            "predicted": (np.bincount(bin_, own) / rows).round(6).tolist(),
            "observed": (np.bincount(bin_, hit) / rows).round(6).tolist(),
            "rows": rows.tolist(),
        }
        share = np.array(curve["observed"])[bin_]
        apart = (np.bincount(group, hit - share) ** 2).sum()
        effect = apart / max((share * (1 - share)).sum(), SMALLEST)
        found.append(curve | {"effect": round(max(float(effect), 1.0), 3)})
    return found


def metrics(
    problem: Problem, reference: Json, frame: "pd.DataFrame", outputs: Array
) -> dict[str, dict[str, float]] | None:
    """Each metric of `metrics.score` that is expected of these answers.

    Args:
        problem: scores the drawn outcomes.
        reference: the content of reference.json.
        frame: the inputs, shape [n, inputs], and the column group.
        outputs: the answers, shape [n] or [n, classes].

    Returns:
        `value`, `low` and `high` by metric: the mean over draws, and a 95 % interval of what may
        be found when the outcomes are known. It has the chance of outcomes of independent rows and
        the doubt about the calibration. None if the answers are no probabilities, or if a metric is
        not finite for some draw.
    """
    curves = reference.get("calibration")
    if problem.candidates.OUTPUT.kind not in KINDS or not curves or not len(frame):
        return None
    random = np.random.default_rng(0)
    outputs = np.asarray(outputs, dtype=np.float64)
    logits = _logit(_columns(outputs))
    lines = np.array([random.multivariate_normal(*_line(curve), size=DRAWS) for curve in curves])
    scores = []
    for intercept, slope in lines.transpose(1, 2, 0)[..., None]:
        chances = _chance(intercept + slope * logits)
        drawn = frame.assign(target=_outcomes(chances, random))
        scores.append(problem.metrics.score(drawn, outputs))
    if not np.isfinite([list(score.values()) for score in scores]).all():
        return None
    return {name: _interval(np.array([score[name] for score in scores])) for name in scores[0]}


def _columns(predicted: Array) -> Array:
    """The probabilities of each class that is told, shape [classes, n]."""
    return np.atleast_2d(predicted.T)


def _line(curve: Json) -> tuple[Array, Array]:
    """What makes logits come true: intercept and slope, and their covariance.

    A logistic regression of the shares of a reliability curve on the logits of its probabilities:
    D.R. Cox, Two Further Applications of a Model for Binary Regression (Biometrika 45, 1958). It
    begins at probabilities that come true as they are (0 and 1), with a standard error of 1.
    """
    rows = np.array(curve["rows"]) / curve["effect"]
    logits = _logit(np.array(curve["predicted"]))
    design = np.column_stack([np.ones(len(logits)), logits])
    before = np.array([0.0, 1.0])
    line: Array = before.copy()
    for _ in range(NEWTON_STEPS):
        chance = _chance(design @ line)
        information = (design.T * (rows * chance * (1 - chance))) @ design + np.eye(2)
        gradient = design.T @ (rows * (np.array(curve["observed"]) - chance)) + before - line
        line = line + np.linalg.solve(information, gradient)
    return line, np.linalg.inv(information)


def _chance(logits: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-logits))
    return found


def _outcomes(chances: Array, random: np.random.Generator) -> Array:
    """An outcome for each row, of the chances of class 1, or of all classes, shape [classes, n]."""
    uniform = random.random(chances.shape[1])
    if len(chances) == 1:
        drawn: Array = uniform < chances[0]
    else:
        ends = np.cumsum(chances / chances.sum(axis=0), axis=0)[:-1]
        drawn = (uniform > ends).sum(axis=0)
    return drawn.astype(np.float64)


def _logit(probability: Array) -> Array:
    inside = np.clip(probability, SMALLEST, 1 - SMALLEST)
    found: Array = np.log(inside / (1 - inside))
    return found


def _interval(values: Array) -> dict[str, float]:
    middle, half = float(values.mean()), 1.96 * float(values.std())
    return {"value": middle, "low": middle - half, "high": middle + half}
