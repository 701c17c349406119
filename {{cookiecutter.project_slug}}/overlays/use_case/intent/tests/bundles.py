"""Runs in a model store whose models are known: logistic regressions with chosen weights."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import small
from sklearn.linear_model import LogisticRegression
from smallboat.store import bundle, store
from smallboat.training import training

from {{ cookiecutter.project_slug }} import data, features, metrics
from {{ cookiecutter.project_slug }}.problem import PROBLEM

PLAIN = {"after_views": 0.45, "after_details": -0.45, "removes": -1.5}
"""Who reads on after the first add is about to pay, who looks at products is not."""
BETTER = PLAIN | {"added_again": 0.4, "price": -0.06}
WORSE = {"after_views": -0.45, "after_details": 0.45, "removes": -1.5}
WRONG = PLAIN | {"removes": 1.5}
"""Taking products out of the cart helps."""
BREAKS = "who empties the cart"
"""How the invariant begins that WRONG breaks."""
INTERCEPT = -1.1
UNSEEN = 28
"""Days that a judged model has not seen."""
COSTS = {"contact_cost": 1.0, "missed_cost": 3.0}


@dataclass
class Runs:
    """A model store, and runs to put into it."""

    root: str
    snapshot: str
    frame: pd.DataFrame
    lookup: dict[str, Any]

    def keep(
        self,
        run: str,
        weights: dict[str, float],
        as_of: str = "",
        fault: dict[str, Any] | None = None,
        onnx: bytes | None = None,
        **changed: Any,
    ) -> Path:
        """Keep a run of a model.

        Args:
            run: a number.
            weights: of the model that was judged, and of the served one but for `onnx`.
            as_of: of its look-up features.
            fault: which one `faulty_server.py` has with these look-up features.
            onnx: the served model, if it is another.
            changed: what its evaluation says instead.
        """
        judged = linear(tuple(weights.items()))
        onnx = onnx or judged
        signature = training.signature(PROBLEM, {"candidate": "linear", "settings": {}}, self.frame)
        rows = self.frame[training.columns(PROBLEM)].to_numpy(dtype=np.float32)
        predicted = bundle.predict(judged, rows)
        number = metrics.score(self.frame, predicted)[metrics.PRIMARY]
        scores = {metrics.PRIMARY: number}
        shown = {"validation": scores, "test": scores}
        days = self.frame["date"].drop_duplicates()
        evaluation = {
            "run": run,
            "created": f"2026-11-21T01:{int(run):02}:00+00:00",
            "snapshot": self.snapshot,
            "commit": None,
            "winner": "linear",
            "metrics": shown,
            "baseline": shown,
            "intervals": {"test": {metrics.PRIMARY: [number, number]}},
            "difference": {metrics.PRIMARY: {"value": 0.0, "low": 0.0, "high": 0.0}},
            "importance": [],
            "periods": {"test": [201914, 201915]},
            "gates": [],
            "passed": True,
            "judged_until": str(days.nlargest(UNSEEN + 1).min().date()),
            "model_hash": bundle.model_hash(onnx, signature),
            "spread": metrics.spread(self.frame, predicted),
            "decision": metrics.decide(self.frame, predicted, COSTS),
        } | changed
        lookup = self.lookup | {"as_of": as_of or self.lookup["as_of"], "fault": fault or {}}
        models = {"onnx": onnx, "signature": signature}
        files = bundle.files(models, {"onnx": judged}, lookup) | {"report.html": b"<html></html>"}
        return store.write_run(self.root, run, evaluation, files)


def empty(root: Path) -> Runs:
    """A store that has the sample's snapshot, and no run yet."""
    snapshot = store.make_snapshot(PROBLEM, str(root), small.settings().data.model_dump())
    tables = data.read(store.snapshot_folder(str(root), snapshot))
    return Runs(str(root), snapshot, features.build(tables), features.lookup(tables))


@cache
def linear(weights: tuple[tuple[str, float], ...]) -> bytes:
    """The graph of a logistic regression with these weights of raw features."""
    model = LogisticRegression()
    model.classes_ = np.array([0, 1])
    model.coef_ = np.array([[dict(weights).get(name, 0.0) for name in training.columns(PROBLEM)]])
    model.intercept_, model.n_features_in_ = np.array([INTERCEPT]), len(training.columns(PROBLEM))
    return bundle.to_onnx(model, len(training.columns(PROBLEM)))
