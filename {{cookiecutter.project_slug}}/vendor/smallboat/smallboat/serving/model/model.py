"""A release that predicts, and the one that a folder's pointer names."""

import json
import os
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ... import integrity
from ...errors import IntegrityError, RequestError
from ...problem import Problem, unfit
from .captured import captured

TEXTS = ("signature.json", "evaluation.json", "online_features.json")
CARD = "model_card.html"
GRAPHS = ("model.onnx", "evaluation_model.onnx")
EVALUATION = ("created", "metrics", "baseline", "intervals", "difference", "passed", "winner",
              "periods", "importance")  # fmt: skip
MODEL = ("run", "release", "model_hash", "features_as_of")
"""What an answer says of the model; the last one only if the problem has time."""
MAX_EXPLAINED_ROWS = 2000  # in one body; an explanation runs the model once for each feature

Json = dict[str, Any]
Array = np.ndarray[Any, np.dtype[Any]]


class Release:
    """A release that is complete and has answered its own example.

    Attributes:
        facts: release.json.
        described: the answer to `describe`, in JSON.
        card: the model card as HTML; None if an older library made the release.
    """

    def __init__(self, problem: Problem, folder: Path) -> None:
        """Load a release's folder.

        Raises:
            IntegrityError: a file was changed, is missing, or contradicts another.
        """
        self._service = problem.service
        try:
            self.facts = integrity.verify(folder, integrity.RELEASE)
            card = folder / CARD
            self.card = card.read_text() if card.is_file() else None
            self._load({name: (folder / name).read_bytes() for name in (*TEXTS, *GRAPHS)})
            self.predict([self._service.example(self._online)], explain=True)
        except IntegrityError:
            raise
        except Exception as error:  # files can contradict each other in any way
            reason = f"{type(error).__name__}: {error}"
            raise IntegrityError(f"its files contradict each other: {reason}") from error

    def _load(self, files: dict[str, bytes]) -> None:
        signature, self.evaluation, self._online = (json.loads(files[name]) for name in TEXTS)
        inputs = [each["name"] for each in signature["inputs"]]
        if inputs != list(self._service.NAMES):
            raise IntegrityError("signature.json and the code name different inputs")
        self._missing = np.array([each.get("missing", False) for each in signature["inputs"]])
        output = signature["output"]
        self._classes = len(output["classes"]) if output.get("kind") == "probabilities" else 0
        # Only model.onnx predicts here, but an incomplete release is refused.
        self._session, _ = (_session(name, files[name], len(inputs)) for name in GRAPHS)
        self.described = json.dumps(self._description(signature), allow_nan=False).encode()

    def _description(self, signature: Json) -> Json:
        return {
            "release": self.facts,
            "captures": True,  # answers have `captured` if asked; older servers refuse the question
            "signature": signature,
            "request": self._service.SCHEMA,
            "known": self._service.KNOWN,
            "example": self._service.example(self._online),
            "evaluation": {
                # A run of before version 0.3 does not know its library.
                "library": self.evaluation.get("library"),
                "warnings": self.evaluation.get("warnings", []),
                "card": self.card is not None,
                "split_by": self.evaluation.get("split_by", "time"),
                "period_names": self.evaluation.get("period_names", {}),
                # Not every problem measures it.
                "calibration_metrics": self.evaluation.get("calibration_metrics"),
                **{name: self.evaluation[name] for name in EVALUATION},
            },
            "page": self._service.page(self._online),
        }

    def known(self, query: Json) -> Json:
        """The request that the online features can complete from a query."""
        return {"request": self._service.known(self._online, query)}

    def predict(self, requests: list[Json], explain: bool, capture: Json | None = None) -> Json:
        """The answers to requests that fit the schema, predicted in one batch.

        Args:
            requests: the requests.
            explain: whether each prediction gets its reasons.
            capture: if given, results have `captured`; its `redact` has the names to leave out.

        Raises:
            RequestError: one of them can't be answered, or there are too many to be explained.
        """
        features, warnings = self._features(requests, MAX_EXPLAINED_ROWS if explain else None)
        outputs = self.run(np.concatenate(features))
        ends = accumulate(map(len, features))
        results = []
        for request, rows, end, warned in zip(requests, features, ends, warnings, strict=True):
            output = outputs[end - len(rows) : end]
            predictions = self._service.predictions(request, output, rows, self.evaluation)
            if explain:
                reasons = self._service.explain(output, rows, self.run, self._online)
                predictions = [
                    {**prediction, "reasons": each}
                    for prediction, each in zip(predictions, reasons, strict=True)
                ]
            result = {"predictions": predictions, "warnings": warned}
            if capture is not None:
                kept = captured(self._service, request, rows, output, predictions, **capture)
                result["captured"] = {**kept, "features_run": self.facts.get("features_run")}
            results.append(result)
        model = {name: self.facts[name] for name in MODEL if name in self.facts}
        return {"model": model, "results": results}

    def _features(
        self, requests: list[Json], max_rows: int | None
    ) -> tuple[list[Array], list[list[str]]]:
        """For each request its features, float32 of shape [rows, inputs], and its warnings."""
        features, warnings, rows = [], [], 0
        for number, request in enumerate(requests):
            try:
                self._service.check(request, self._online)
            except RequestError as error:
                raise RequestError(f"requests[{number}].{error.field}", error.message) from None
            made, warned = self._service.features(request, self._online)
            features.append(made)
            warnings.append(warned)
            rows += len(made)
            if max_rows is not None and rows > max_rows:
                message = f"have more than {max_rows:,} rows, the most that one body may explain"
                raise RequestError("requests", message)
        return features, warnings

    def run(self, features: Array) -> Array:
        """The model's outputs for float32 features of shape [n, inputs].

        Returns:
            float64 of shape [n], or [n, classes] if it answers the probability of each class.
        """
        if unfit(features, self._missing).any():
            raise ValueError("an input is infinite, or NaN though it may not be missing")
        (outputs,) = self._session.run(None, {"features": features})
        if outputs.size != len(features) * (self._classes or 1) or not np.isfinite(outputs).all():
            each = f"{self._classes} finite numbers" if self._classes else "one finite number"
            raise ValueError(f"the model's output is not {each} a row")
        outputs = np.asarray(outputs, dtype=np.float64)
        return outputs.reshape(-1, self._classes) if self._classes else outputs.ravel()


class CurrentRelease:
    """The release in a folder, or the one of its `releases` that its file `current` names.

    Attributes:
        release: the newest that is whole; None if there is none.
    """

    def __init__(self, problem: Problem, folder: Path, log: Callable[[str], None]) -> None:
        self._problem, self._folder, self._log = problem, folder, log
        self.release: Release | None = None
        self._loaded: tuple[bytes, int] | None = None
        self.load()

    def stale(self) -> bool:
        """Whether the folder names something else than what was loaded or refused last."""
        return self._pointer() != self._loaded

    def load(self) -> None:
        """Load the release that is named now; if it is broken, the one before stays."""
        pointer = self._pointer()
        self._load()
        self._loaded = pointer

    def _load(self) -> None:
        folder = self._folder
        try:
            if (folder / "current").exists():
                folder = folder / "releases" / (folder / "current").read_text().strip()
            self.release = Release(self._problem, folder)
        except (IntegrityError, OSError, ValueError) as error:
            old = self.release.facts["release"] if self.release else "no release"
            self._log(f"refused a release in {self._folder}: {error}; {old} is served")
        else:
            self._log(f"release {self.release.facts['release']} is served")

    def _pointer(self) -> tuple[bytes, int] | None:
        """Content and time of the pointer: two switches within a tick differ in the content."""
        for name in ("current", "release.json"):
            try:
                with open(self._folder / name, "rb", buffering=0) as file:
                    return file.read(100), os.fstat(file.fileno()).st_mtime_ns
            except OSError:
                continue
        return None


def _session(name: str, graph: bytes, inputs: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no other base class
        raise IntegrityError(f"{name} is not a valid ONNX graph: {error}") from error
    actual = [(each.name, each.shape[1:]) for each in session.get_inputs()]
    if actual != [("features", [inputs])]:
        raise IntegrityError(f"{name} takes {actual}, signature.json names {inputs} inputs")
    return session
