"""Runs in a model store whose models are known: sums of weighted features."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from smallboat.config import config
from smallboat.evaluation import reference, selection
from smallboat.store import bundle, store
from smallboat.training import training
from toy import candidates, data, features, metrics
from toy.problem import PROBLEM

PLAIN = {"depot_minutes": 1.0}
"""Each parcel takes as long as its depot's did on average."""
BETTER = {"distance": 2.0, "floor": 1.0, "depot_minutes": 0.5}
WORSE = {"depot_minutes": 1.5}
WRONG = {"distance": -2.0, "depot_minutes": 1.0}
"""Parcels further away arrive earlier."""
BREAKS = "a parcel further away"
"""How the invariant begins that WRONG breaks."""


@dataclass
class Runs:
    """A model store, and runs to put into it."""

    root: str
    snapshot: str
    frame: pd.DataFrame
    online: dict[str, Any]

    def keep(
        self,
        run: str,
        weights: dict[str, float],
        as_of: str = "",
        fault: dict[str, Any] | None = None,
        onnx: bytes | None = None,
        old: bool = False,
        **changed: Any,
    ) -> Path:
        """Keep a run of a model.

        Args:
            run: a number.
            weights: of the model that was evaluated, and of the served one but for `onnx`.
            as_of: of its online features.
            fault: which one `faulty_server.py` has with these online features.
            onnx: the served model, if it is another.
            old: whether a library made it that knew of no reference.
            changed: what its evaluation says instead.
        """
        evaluated = linear(tuple(weights.items()))
        onnx = onnx or evaluated
        signature = training.signature(PROBLEM, {"candidate": "linear", "settings": {}}, self.frame)
        rows = self.frame[training.columns(PROBLEM)].to_numpy(dtype=np.float32)
        number = sum(weights.values())
        scores = {metrics.PRIMARY: number}
        shown = {"validation": scores, "test": scores}
        evaluation = {
            "run": run,
            "created": f"2026-11-21T01:{int(run):02}:00+00:00",
            "snapshot": self.snapshot,
            "commit": None,
            "primary": metrics.PRIMARY,
            "winner": "linear",
            "metrics": shown,
            "baseline": shown,
            "intervals": {"test": {metrics.PRIMARY: [number, number]}},
            "difference": {},
            "importance": [],
            "periods": {"test": [2025, 2025]},
            "gates": [],
            "passed": True,
            "model_hash": bundle.model_hash(onnx, signature),
            "calibration": metrics.calibration(self.frame, bundle.predict(evaluated, rows)),
        }
        online = self.online | {"fault": fault or {}}
        if "date" in self.frame:
            evaluation["evaluation_trained_until"] = "2023-12-31"
            online["as_of"] = as_of or self.online["as_of"]
        evaluation |= changed
        models = {"onnx": onnx, "signature": signature}
        kept = reference.sketch(PROBLEM, self.frame, bundle.predict(evaluated, rows))
        past = {"onnx": evaluated, "reference": reference.to_json(kept)}
        files = bundle.files(models, past, online) | {
            "report.html": b"<html></html>",
            "model_card.html": f"<html>run {run}</html>".encode(),
        }
        if old:
            del files["reference.json"], files["model_card.html"]
        return store.write_run(self.root, run, evaluation, files)

    def keep_without_model(self, run: str, as_of: str) -> Path:
        """Keep a run in which no candidate could be served."""
        facts = {
            "run": run,
            "created": f"2026-11-21T01:{int(run):02}:00+00:00",
            "snapshot": self.snapshot,
            "winner": None,
        }
        evaluation = selection.without_winner(facts, "no candidate can be served: ridge: boom")
        files = bundle.without_model(training.interface(PROBLEM), self.online | {"as_of": as_of})
        return store.write_run(self.root, run, evaluation, files)


def without_time(runs: Runs) -> Runs:
    """The same store and rows, which now have no dates: they are in ten folds."""
    frame = runs.frame.drop(columns="date").assign(period=np.arange(len(runs.frame)) % 10)
    online = {name: value for name, value in runs.online.items() if name != "as_of"}
    return replace(runs, frame=frame, online=online)


def empty(root: Path) -> Runs:
    """A store that has the sample's snapshot, and no run yet."""
    snapshot = store.make_snapshot(
        PROBLEM, str(root), config.load(PROBLEM, "local").data.model_dump()
    )
    tables = data.read(store.snapshot_folder(str(root), snapshot))
    return Runs(str(root), snapshot, features.build(tables), features.online_features(tables))


@cache
def linear(weights: tuple[tuple[str, float], ...]) -> bytes:
    """The graph of a weighted sum of features."""
    model = LinearRegression()
    model.coef_ = np.array([dict(weights).get(name, 0.0) for name in training.columns(PROBLEM)])
    model.intercept_, model.n_features_in_ = 0.0, len(training.columns(PROBLEM))
    return bundle.to_onnx(model, len(training.columns(PROBLEM)), candidates.OUTPUT)
