"""A made-up table: subscriptions that come up for renewal, and whether they are cancelled.

It has what tables have: an id, categories of few and of many levels, numbers with gaps, a flag,
dates and free text. Since the chance of each row is known, so is the best score that a model can
reach.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    Array = np.ndarray[Any, np.dtype[Any]]

ROWS, SEED = 2_900, 11
FIRST = np.datetime64("2023-01-01")
DAYS = 730
FEES = {"basic": 6.99, "standard": 10.99, "family": 15.99}
COUNTRIES = {"DE": 0.0, "FR": 0.2, "ES": 0.5, "IT": 0.3, "NL": -0.3, "PL": 0.6, "SE": -0.5}
DEVICES = {"tv": -0.4, "phone": 0.4, "laptop": 0.1, "console": 0.0}
COMMENTS = ("", "", "", "asked for an invoice", "called about the picture", "moved house")
CITIES = 60
"""Each with an effect of its own."""


def made_up(rows: int = ROWS, seed: int = SEED) -> tuple["pd.DataFrame", "Array"]:
    """The table in the order of renewal, and each row's chance to be cancelled, shape [rows]."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    renewal = np.sort(rng.integers(0, DAYS, rows))
    tenure = rng.gamma(1.5, 320, rows).astype(int) + 30  # days
    plan = rng.choice(list(FEES), rows, p=[0.45, 0.35, 0.2])
    country = rng.choice(list(COUNTRIES), rows, p=[0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05])
    device = rng.choice(list(DEVICES), rows, p=[0.4, 0.3, 0.2, 0.1])
    city = rng.zipf(1.4, rows) % CITIES
    age = np.clip(rng.normal(42, 14, rows), 18, 90).round()
    hours = rng.gamma(1.3, 9, rows).round(1)  # a month
    calls = rng.poisson(0.4, rows)
    newsletter = rng.random(rows) < 0.4
    discount = rng.choice([0, 10, 25, 50], rows, p=[0.6, 0.2, 0.15, 0.05])
    cities = np.random.default_rng(0).normal(0, 0.6, CITIES)
    odds = (
        -2.0
        + 1.3 * np.exp(-hours / 5)
        + np.where(tenure < 200, 0.9, 0.0)
        + 0.5 * np.minimum(calls, 3)
        + np.where((discount > 0) & (hours < 6), 0.9, 0.0)
        + np.where(plan == "family", -0.6, 0.0)
        - np.where(newsletter, 0.5, 0.0)
        + 0.02 * np.abs(age - 45)
        + np.vectorize(COUNTRIES.get)(country)
        + np.vectorize(DEVICES.get)(device)
        + cities[city]
    )
    chance = 1 / (1 + np.exp(-odds))
    fee = np.vectorize(FEES.get)(plan) * (1 - discount / 100)
    table = pd.DataFrame(
        {
            "subscription": 100_000 + np.arange(rows),
            "renewal": FIRST + renewal,
            "joined": FIRST + renewal - tenure,
            "plan": plan,
            "country": country,
            "city": [f"city {each:02}" for each in city],
            "device": _gaps(rng, device, 0.05),
            "age": _gaps(rng, age.astype(int), 0.12),
            "fee": fee.round(2),
            "discount": discount,
            "hours": _gaps(rng, hours, 0.06),
            "support calls": calls,
            "newsletter": _gaps(rng, np.where(newsletter, "yes", "no"), 0.08),
            "comment": rng.choice(COMMENTS, rows),
            "cancelled": np.where(rng.random(rows) < chance, "yes", "no"),
        }
    )
    return table, chance


def best_log_loss(chance: "Array") -> float:
    """The log loss of who knows each row's chance, in the long run: the mean entropy."""
    entropy = -(chance * np.log(chance) + (1 - chance) * np.log(1 - chance))
    return float(entropy.mean())


def text(rows: int = ROWS, seed: int = SEED) -> str:
    """The table as CSV, the same bytes each time."""
    return made_up(rows, seed)[0].to_csv(index=False, lineterminator="\n")


def _gaps(rng: np.random.Generator, values: "Array", share: float) -> "Array":
    """The values as objects, some of which are missing."""
    held = values.astype(object)
    held[rng.random(len(values)) < share] = None
    return held
