"""A retraining by the project's protocol, on the rows that were known before a day."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import unexpected
from ..errors import CommandError, FullDiskError
from ..evaluation import comparison, evaluation, gates, reference, selection
from ..problem import Problem
from ..store import bundle
from ..training import splits, training
from .cache import Cache, Json

Winner = tuple[str, dict[str, Any]]
"""The name of a candidate, and its settings."""


@dataclass(frozen=True)
class Release:
    """The models of a retraining.

    Attributes:
        day: before which it was made.
        facts: what `Trainer.challenger` returned.
        problem: the project's.
    """

    day: pd.Timestamp
    facts: Json
    problem: Problem

    @cached_property
    def _session(self) -> Any:
        return bundle.session(graph(self.facts["served"]))

    def predict(self, rows: pd.DataFrame) -> bundle.FloatArray:
        """The served model's answers, shape [n] or [n, classes]."""
        return bundle.run(self._session, training.inputs(self.problem, rows))

    @property
    def evaluation_model(self) -> comparison.EvaluationModel:
        """The model that was fitted on the past only."""
        onnx = graph(self.facts["evaluated"])
        return comparison.EvaluationModel(
            inputs=training.columns(self.problem),
            output=training.interface(self.problem)["output"],
            predict=lambda rows: bundle.predict(onnx, rows),
            until=self.facts["evaluated_until"],
        )


def graph(file: str) -> bytes:
    """The graph of a model that `Trainer.challenger` names."""
    return b64decode(json.loads(Path(file).read_text())["onnx"])


@dataclass(frozen=True)
class Trainer:
    """Trains on rows of a feature table; what it made before is in the cache.

    Attributes:
        problem: the project's.
        frame: its whole feature table, the oldest first, the index from 0 on.
        options: the table [training] of the configuration, without how many workers there are.
        limits: the table [gates].
        margin: of [release].
        cache: keeps what was made.
    """

    problem: Problem
    frame: pd.DataFrame
    options: Mapping[str, Any]
    limits: Json
    margin: float
    cache: Cache

    def search_file(self, day: pd.Timestamp, name: str) -> Path:
        """Where `search` keeps its result."""
        return self.cache.path("search", self._recent(day).index, name, self.options)

    def search(self, day: pd.Timestamp, name: str) -> Json:
        """How a candidate does on the validation rows of what was known before a day."""

        def make() -> Json:
            parts, seed = splits.split(self._recent(day), self.options), self.options["seed"]
            with redirect_stdout(StringIO()):
                found = training.search(self.problem, name, parts.train, parts.validation, seed)
            resampled = found["held_out"]["resampled"].tolist()
            kept = ("candidate", "complexity", "settings", "score", "disqualified")
            return {key: found[key] for key in kept} | {"held_out": {"resampled": resampled}}

        return self.cache.value(self.search_file(day, name), make)

    def winner(self, day: pd.Timestamp) -> Winner:
        """The winner of the competition before a day; NoCandidateError if there is none."""
        results, failures = [], {}
        for name in training.candidate_names(self.problem):
            try:
                found = self.search(day, name)
            except FullDiskError:
                raise
            except Exception as error:
                failures[name] = self._sentence(error)
            else:
                found["held_out"]["resampled"] = np.array(found["held_out"]["resampled"])
                results.append(found)
        chosen = selection.choose(results, failures)
        return chosen["candidate"], chosen["settings"]

    def challenger_file(self, day: pd.Timestamp, winner: Winner) -> Path:
        """Where `challenger` keeps its result."""
        decides = winner, self.options, self.limits
        return self.cache.path("challenger", self._recent(day).index, *decides)

    def challenger(self, day: pd.Timestamp, winner: Winner) -> Json:
        """Both models of what was known before a day, and how they were evaluated.

        Returns:
            `failures`: why it can't be released, or ""; and if it could be made, `served` and
            `evaluated` (the files of the two models, see `graph`), `model_hash`,
            `evaluated_until`, the `promise` (see `runs.summary`) and the `reference`.
        """
        try:
            path = self.challenger_file(day, winner)
            return self.cache.value(path, lambda: self._train(day, winner))
        except FullDiskError:
            raise
        except Exception as error:  # as a candidate that fails in the flow
            return {"failures": self._sentence(error)}

    def released(
        self, day: pd.Timestamp, winner: Winner, champion: Release
    ) -> tuple[Release | None, str]:
        """The release of a challenger, or None if the champion is kept; and why, as a sentence."""
        facts = self.challenger(day, winner)
        if facts["failures"]:
            return None, facts["failures"]
        challenger = Release(day, facts, self.problem)
        if facts["model_hash"] == champion.facts["model_hash"]:
            return None, "it is the model that is served"
        found = comparison.compare(
            self.problem,
            self.frame[self.frame["date"] < day],
            challenger.evaluation_model,
            champion.evaluation_model,
            self.margin,
        )
        message = f"{found['outcome']}: {found['message']}"
        return (challenger if found["outcome"] == "not inferior" else None), message

    def _recent(self, day: pd.Timestamp) -> pd.DataFrame:
        known = self.frame[self.frame["date"] < day]
        return splits.recent(known, self.options["periods"])

    def _train(self, day: pd.Timestamp, winner: Winner) -> Json:
        rows = self._recent(day)
        parts = splits.split(rows, self.options)
        served, evaluated, validated = (
            self._fit(each, winner) for each in (rows, parts.past, parts.train)
        )
        onnx = graph(served["file"])
        predicted = self._answers(evaluated, parts.test)
        held_out = np.concatenate([self._answers(validated, parts.validation), predicted])
        found = evaluation.against_baseline(self.problem, parts.test, predicted)
        slices = evaluation.slices(
            self.problem, parts.held_out, held_out, self.limits["slice_rows"]
        )
        class_rows = evaluation.class_rows(self.problem, parts.test)
        facts = found | {"slices": slices, "class_rows": class_rows, "parity": evaluated["parity"]}
        size = len(onnx) + len(graph(evaluated["file"]))
        decided = gates.decide(facts, served, {"checked": 0, "errors": 0}, size, self.limits)
        primary = self.problem.metrics.PRIMARY
        return {
            "failures": gates.failures({"gates": decided}),
            "model_hash": bundle.model_hash(onnx, training.interface(self.problem)),
            "served": served["file"],
            "evaluated": evaluated["file"],
            "evaluated_until": str(parts.past["date"].max().date()),
            "promise": {
                "metric": primary,
                "value": found["score"],
                "interval": found["intervals"][primary],
                "baseline": found["baseline"][primary],
            },
            "reference": reference.sketch(self.problem, parts.held_out, held_out),
        }

    def _fit(self, rows: pd.DataFrame, winner: Winner) -> Json:
        """The `parity` of a model of rows, and the `file` with its graph."""
        seed = self.options["seed"]

        def make() -> Json:
            found = training.export(
                self.problem, training.fit(self.problem, *winner, rows, seed), rows
            )
            return {"onnx": b64encode(found["onnx"]).decode(), "parity": found["parity"]}

        path = self.cache.path("fit", rows.index, winner, seed)
        return {"parity": self.cache.value(path, make)["parity"], "file": str(path)}

    def _answers(self, fitted: Json, rows: pd.DataFrame) -> bundle.FloatArray:
        return bundle.predict(graph(fitted["file"]), training.inputs(self.problem, rows))

    def _sentence(self, error: Exception) -> str:
        known = isinstance(error, CommandError)
        return str(error) if known else unexpected.sentence(error, self.problem.folder)
