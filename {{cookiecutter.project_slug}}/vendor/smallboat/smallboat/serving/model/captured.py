"""What monitoring needs of an answer: keys, inputs and outputs, without what is redacted."""

from base64 import b64encode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..request_parsing import redacted

if TYPE_CHECKING:  # the image has no contract.py
    from ...contract import Service

MAX_BYTES = 2**20
"""Of the inputs and outputs; with more, the answer could be too large for SageMaker."""

Json = dict[str, Any]
Array = np.ndarray[Any, np.dtype[Any]]


def captured(
    service: "Service",
    request: Json,
    features: Array,
    outputs: Array,
    predictions: list[Json],
    redact: list[str],
) -> Json:
    """The rows of an answer as the model saw them.

    An input is redacted (NaN) if its name is in `redact`, or begins with such a name and `_` or
    `.`. The outputs are if the name is a field of the predictions and of no part of the request.
    The keys are left out if they change with the fields of the request that have such names.

    Args:
        service: the problem's.
        request: the request.
        features: the model's inputs, float32 of shape [k, inputs].
        outputs: the model's outputs, shape [k] or [k, classes].
        predictions: the same for people.
        redact: the names that are redacted.

    Returns:
        rows (k), keys (k texts, or none), inputs and outputs (little-endian float32 in base64, in C
        order), redacted (the names of what is). Only rows if there are too many.
    """
    if features.nbytes + outputs.nbytes > MAX_BYTES:
        return {"rows": len(features)}
    names = frozenset(redact)
    beginnings = tuple(f"{name}{end}" for name in names for end in "_.")
    hidden = [name for name in service.NAMES if name in names or name.startswith(beginnings)]
    if hidden:
        features = np.where(np.isin(service.NAMES, hidden), np.nan, features)
    told = sorted(names & (set(_fields(predictions)) - set(_fields(request)))) if names else []
    return {
        "rows": len(features),
        "keys": _keys(service, request, len(features), names),
        "inputs": _base64(features),
        "outputs": _base64(np.full_like(outputs, np.nan) if told else outputs),
        "redacted": [*hidden, *told],
    }


def _fields(value: Any) -> Iterator[str]:
    """The names of all fields, at any depth."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _fields(item)


def _keys(service: "Service", request: Json, rows: int, names: frozenset[str]) -> list[str]:
    make = getattr(service, "keys", None)
    if make is None or "keys" in names:
        return []
    try:
        keys = list(make(request))
        if names and keys != list(make(redacted(request, names))):
            return []
    except Exception:  # no error here is a reason to fail an answer; `smallboat check` finds it
        return []
    return keys if len(keys) == rows and all(isinstance(key, str) for key in keys) else []


def _base64(values: Array) -> str:
    return b64encode(values.astype("<f4").tobytes()).decode()
