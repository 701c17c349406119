"""The challenger that was kept out answers captured requests beside the champion."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..evaluation import comparison
from ..store import bundle, store

Json = dict[str, Any]
Array = np.ndarray[Any, np.dtype[Any]]


class Shadow:
    """A challenger's model, which answers the champion's inputs.

    Attributes:
        run: the challenger's run.
    """

    def __init__(self, root: str, run: str) -> None:
        """The model of a run; it is read when it is asked first."""
        self._root, self.run = root, run

    @cached_property
    def _model(self) -> tuple[list[str], bytes]:
        """The names of its inputs, and its ONNX."""
        folder = store.run_folder(self._root, self.run)
        signature = store.read_json(folder / "signature.json")
        return [each["name"] for each in signature["inputs"]], (folder / "model.onnx").read_bytes()

    def answers(self, inputs: Array, names: Sequence[str]) -> Array | None:
        """Its answers, shape [n] or [n, classes].

        None if it takes inputs that were not captured, or answers with what is no finite number.

        Args:
            inputs: of the champion, float32 of shape [n, inputs].
            names: of these inputs.

        Raises:
            UserError: the store has its run no more, or it was changed.
        """
        own, onnx = self._model
        if not set(own) <= set(names):
            return None
        columns = [list(names).index(name) for name in own]
        found = bundle.predict(onnx, inputs[:, columns])
        return found if np.isfinite(found).all() else None


def challenger(
    evaluations: Mapping[str, Json], served: Json, kept_out: Sequence[Json]
) -> str | None:
    """The newest run that was kept out of what is served now, if any.

    Args:
        evaluations: of the runs in the store.
        served: the current release.
        kept_out: what `history.kept_out` returned.
    """
    since = str(evaluations.get(served["run"], {}).get("created") or "")
    for each in reversed(kept_out):
        evaluation = evaluations.get(each["run"], {})
        later = str(evaluation.get("created") or "") > since
        other = evaluation.get("model_hash") not in (None, served["model_hash"])
        if evaluation.get("passed") and later and other:
            return str(each["run"])
    return None


def evidence(model_hash: str, run: str, rows: int, difference: Json | None) -> Json:
    """What monitoring/shadow.json holds; a comparison at release reads it.

    Args:
        model_hash: of the champion.
        run: of the challenger.
        rows: how many predictions with an outcome both made.
        difference: of PRIMARY, challenger minus champion: `value`, `low`, `high` and `groups`; None
            if there are too few.
    """
    enough = difference is not None and difference["groups"] >= comparison.LEAST_GROUPS
    return {
        "champion": model_hash,
        "run": run,
        "rows": rows,
        "difference": difference if enough else None,
    }
