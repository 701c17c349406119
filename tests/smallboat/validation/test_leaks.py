"""A column that decides the target alone is found, whatever its type; a good one is none."""

from typing import Any

import numpy as np
import pytest
from smallboat.table import encoding
from smallboat.validation import leaks

RNG = np.random.default_rng(0)
ROWS = 3000
NOISE = RNG.normal(size=ROWS)
LABELS = np.where(NOISE > 1.5, "yes", "no")
CLASSES = np.array([f"class {n}" for n in RNG.integers(0, 40, ROWS)])
PRICES = RNG.lognormal(10, 1, ROWS)
GAPS = np.where(LABELS == "yes", 5.0, np.nan)


@pytest.mark.parametrize(
    ("values", "target", "kind", "decides"),
    [
        ((LABELS == "yes").astype(float), LABELS, "binary", True),
        (NOISE, LABELS, "binary", True),
        (GAPS, LABELS, "binary", True),
        (encoding.codes(CLASSES), CLASSES, "multiclass", True),
        (np.column_stack([RNG.normal(size=ROWS), NOISE]), LABELS, "binary", True),
        (PRICES * 1.25, PRICES, "regression", True),
        (-np.log(PRICES)[:100], PRICES[:100], "regression", True),
        (np.where(RNG.random(ROWS) < 0.1, np.nan, PRICES), PRICES, "regression", True),
        (np.abs(NOISE), NOISE**2, "regression", True),
        (NOISE + RNG.normal(0, 0.1, ROWS), LABELS, "binary", False),
        (RNG.normal(size=ROWS), LABELS, "binary", False),
        (np.zeros(ROWS), LABELS, "binary", False),
        (np.full(ROWS, np.nan), LABELS, "binary", False),
        (np.arange(ROWS), LABELS, "binary", False),
        (np.zeros(ROWS), np.where(np.arange(ROWS) == 7, "yes", "no"), "binary", False),
        (np.zeros(ROWS), np.repeat("no", ROWS), "binary", False),
        (encoding.codes(CLASSES), np.roll(CLASSES, 1), "multiclass", False),
        (PRICES * RNG.normal(1, 0.1, ROWS), PRICES, "regression", False),
        (np.zeros(ROWS), PRICES, "regression", False),
        (PRICES, np.zeros(ROWS), "regression", False),
        (np.arange(12.0), np.repeat(["no", "yes"], 6), "binary", False),
    ],
)
def test_what_decides_alone(values: Any, target: Any, kind: Any, decides: bool) -> None:
    assert leaks.decides(values, target, kind) is decides


def test_of_a_million_rows_a_part_is_judged() -> None:
    labels = np.tile(LABELS, 334)
    assert leaks.decides(np.tile(NOISE, 334), labels, "binary")
    assert not leaks.decides(np.arange(len(labels)), labels, "binary")
