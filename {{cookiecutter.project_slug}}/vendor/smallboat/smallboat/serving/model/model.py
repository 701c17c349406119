"""A release that answers; and the one that a folder's pointer names at the moment."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ... import integrity
from ...errors import IntegrityError, RequestError
from ...problem import Problem

TEXTS = ("signature.json", "evaluation.json", "online_features.json")
GRAPHS = ("model.onnx", "evaluation_model.onnx")
EVALUATION = ("created", "metrics", "baseline", "intervals", "difference", "passed", "winner",
              "periods", "importance")  # fmt: skip
MODEL = ("run", "release", "model_hash", "features_as_of")
MOST_EXPLAINED = 2000  # rows in one body: each is asked again for each of its features

Json = dict[str, Any]
Array = np.ndarray[Any, np.dtype[Any]]


class BrokenReleaseError(Exception):
    """A release that can't be served; the message says why."""


class Release:
    """A release that was found whole, and answered its own example.

    Attributes:
        facts: release.json.
        description: the answer to `describe`.
    """

    def __init__(self, problem: Problem, folder: Path) -> None:
        """Load a release's folder.

        Raises:
            BrokenReleaseError: a file was changed or is missing, or doesn't fit the others.
        """
        self._service = problem.service
        try:
            self.facts = integrity.verify(folder, integrity.RELEASE)
            files = {name: (folder / name).read_bytes() for name in (*TEXTS, *GRAPHS)}
            signature, self._evaluation, self._online = (json.loads(files[name]) for name in TEXTS)
            inputs = [each["name"] for each in signature["inputs"]]
            if inputs != list(self._service.NAMES):
                raise BrokenReleaseError("signature.json names other inputs than the code makes")
            # Not asked here, but a release is whole or it is refused.
            _session("evaluation_model.onnx", files, len(inputs))
            self._session = _session("model.onnx", files, len(inputs))
            self.description = self._described(signature)
            self.answers([self.description["example"]], explain=True)
        except BrokenReleaseError:
            raise
        except IntegrityError as error:
            raise BrokenReleaseError(str(error)) from error
        except Exception as error:  # files can disagree in any way
            told = f"{type(error).__name__}: {error}"
            raise BrokenReleaseError(f"its files don't fit each other: {told}") from error

    def known(self, asked: Json) -> Json:
        """The request that the online features can fill in by themselves."""
        return {"request": self._service.known(self._online, asked)}

    def answers(self, requests: list[Json], explain: bool) -> Json:
        """The answers to requests that fit the schema, all asked in one batch.

        Raises:
            RequestError: one of them can't be answered, or they are too many to be explained.
        """
        prepared, rows = [], 0
        for number, request in enumerate(requests):
            prepared.append(self._features(number, request))
            rows += len(prepared[-1][0])
            if explain and rows > MOST_EXPLAINED:
                message = (
                    f"have more than {MOST_EXPLAINED:,} rows, the most that are explained at once"
                )
                raise RequestError("requests", message)
        asked = [features for features, _ in prepared]
        ends = np.cumsum([len(features) for features in asked])[:-1]
        results = []
        for request, (features, warnings), answers in zip(
            requests, prepared, np.split(self._ask(np.concatenate(asked)), ends), strict=True
        ):
            shown = self._service.predictions(request, answers, features, self._evaluation)
            if explain:
                reasons = self._service.explain(answers, features, self._ask)
                shown = [{**a, "reasons": why} for a, why in zip(shown, reasons, strict=True)]
            results.append({"predictions": shown, "warnings": warnings})
        return {"model": {name: self.facts[name] for name in MODEL}, "results": results}

    def _features(self, number: int, request: Json) -> tuple[Array, list[str]]:
        try:
            self._service.check(request, self._online)
        except RequestError as error:
            raise RequestError(f"requests[{number}].{error.field}", error.message) from None
        made: tuple[Array, list[str]] = self._service.features(request, self._online)
        return made

    def _ask(self, features: Array) -> Array:
        """Answers, float64 of shape [n], to float32 features of shape [n, inputs]."""
        (answers,) = self._session.run(None, {"features": features})
        if answers.size != len(features) or not np.isfinite(answers).all():
            raise ValueError("the model's answer is not one finite number a row")
        return np.asarray(answers, dtype=np.float64).ravel()

    def _described(self, signature: Json) -> Json:
        return {
            "release": self.facts,
            "signature": signature,
            "request": self._service.SCHEMA,
            "known": self._service.KNOWN,
            "example": self._service.example(self._online),
            "evaluation": {
                # A run of before version 0.3 does not know its library.
                "library": self._evaluation.get("library"),
                **{name: self._evaluation[name] for name in EVALUATION},
            },
            "page": self._service.page(self._online),
        }


class Served:
    """The release in a folder, or the one of its `releases` that its file `current` names."""

    def __init__(self, problem: Problem, folder: Path, say: Callable[[str], None]) -> None:
        self._problem, self._folder, self._say = problem, folder, say
        self._release: Release | None = None
        self._seen: tuple[bytes, int] | None = None
        self._loading = threading.Lock()
        self.release()

    def release(self) -> Release | None:
        """The release that is named now; if it is broken the one before, or None.

        Who first sees a new pointer loads what it names, the others go on with the old release.
        """
        if self._stamp() != self._seen and self._loading.acquire(blocking=self._release is None):
            try:
                stamp = self._stamp()
                if stamp != self._seen:
                    self._load()
                    self._seen = stamp
            finally:
                self._loading.release()
        return self._release

    def _load(self) -> None:
        try:
            self._release = Release(self._problem, self._named())
        except (BrokenReleaseError, OSError, ValueError) as error:
            old = self._release.facts["release"] if self._release else "no release"
            self._say(f"refused a release in {self._folder}: {error}; {old} is served")
        else:
            self._say(f"release {self._release.facts['release']} is served")

    def _named(self) -> Path:
        pointer = self._folder / "current"
        if not pointer.exists():
            return self._folder
        return self._folder / "releases" / pointer.read_text().strip()

    def _stamp(self) -> tuple[bytes, int] | None:
        """Changes with every switch: two within a tick of the clock differ in what they name."""
        for name in ("current", "release.json"):
            try:
                with open(self._folder / name, "rb", buffering=0) as file:
                    return file.read(100), os.fstat(file.fileno()).st_mtime_ns
            except OSError:
                continue
        return None


def _session(name: str, files: dict[str, bytes], inputs: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            files[name], options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own errors have no other base
        raise BrokenReleaseError(f"{name} is no ONNX graph: {error}") from error
    takes = [(each.name, each.shape[1:]) for each in session.get_inputs()]
    if takes != [("features", [inputs])]:
        raise BrokenReleaseError(f"{name} takes {takes}, signature.json names {inputs} inputs")
    return session
