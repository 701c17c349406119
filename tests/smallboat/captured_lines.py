"""Lines as the API captures them."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from smallboat.config import config
from toy.problem import PROBLEM

Json = dict[str, Any]
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def encoded(values: Any) -> str:
    """Numbers as the model server sends them."""
    return b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def record(number: int, hours: float = 1.0, **changed: Any) -> Json:
    """The record of an answer to two rows, so many hours after the one before."""
    inputs = [[number, 0, 1], [number, 1, 2]]
    return {
        "time": (START + timedelta(hours=hours * number)).isoformat(timespec="milliseconds"),
        "id": f"id-{number}",
        "ms": 2.5,
        "status": 200,
        "model": {"run": "17", "release": "aaaa-1111", "model_hash": "aaaa"},
        "rows": 2,
        "keys": [f"van-{number}/a", f"van-{number}/b"],
        "inputs": encoded(inputs),
        "outputs": encoded([number, -number]),
        "redacted": [],
        "features_run": "17",
        "request": {"parcels": [{"depot": "Überlingen"}]},
        "predictions": [{"minutes": 1}, {"minutes": 2}],
        "warnings": [],
    } | changed


def refusal(number: int, status: int = 422) -> Json:
    """The record of a refusal."""
    facts = {name: record(number)[name] for name in ("time", "id", "ms")}
    return facts | {"status": status, "error": {"code": "invalid", "field": "parcels"}}


def text(*records: Json) -> str:
    """Lines of a captured file."""
    return "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in records)


def local(folder: Path, **api: Any) -> config.Settings:
    """The toy's settings, with a store in that folder and the captured file beside it."""
    settings = config.load(PROBLEM, "local")
    chosen = {"capture": str(folder / "captured.jsonl"), **api}
    return settings.model_copy(
        update={
            "store": settings.store.model_copy(update={"root": str(folder / "store")}),
            "api": settings.api.model_copy(update=chosen),
        }
    )
