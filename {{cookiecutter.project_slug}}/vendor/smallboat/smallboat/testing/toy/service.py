"""Requests and answers of the toy problem: a van's parcels, and when each is delivered."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from smallboat.errors import RequestError

from .inputs import FEATURES, NAMES, Array, assemble

__all__ = [
    "KNOWN", "NAMES", "SCHEMA", "check", "example", "explain", "features", "from_csv", "invariants",
    "keys", "known", "page", "predictions", "questions",
]  # fmt: skip

Json = dict[str, Any]
SCHEMA: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["parcels"],
    "properties": {
        "parcels": {
            "type": "array",
            "minItems": 1,
            "maxItems": 60,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["distance", "floor", "depot"],
                "properties": {
                    "distance": {"type": "number", "minimum": 0, "maximum": 1000},
                    "floor": {"type": "integer", "minimum": 0, "maximum": 100},
                    "depot": {"type": "string", "minLength": 1, "maxLength": 80},
                    "parcel": {"type": "string", "maxLength": 80},
                },
            },
        }
    },
}
KNOWN: Json = {
    "type": "object",
    "required": ["depot"],
    "properties": {"depot": {"type": "string"}},
}


def check(request: Json, online: Mapping[str, Any]) -> None:
    """Refuse a van that carries one parcel twice."""
    seen = []
    for row, parcel in enumerate(request["parcels"]):
        if parcel in seen and parcel["distance"] == 0:
            raise RequestError(f"parcels[{row}]", "is already in the van")
        seen.append(parcel)


def example(online: Mapping[str, Any]) -> Json:
    """The newest parcels."""
    return {"parcels": online["newest"]}


def known(online: Mapping[str, Any], asked: Mapping[str, Any]) -> Json:
    """The newest parcels of a depot."""
    if "depot" not in asked:
        raise RequestError("depot", "is missing")
    parcels = [parcel for parcel in online["newest"] if parcel["depot"] == asked["depot"]]
    if not parcels:
        raise RequestError("parcels", f"of depot {asked['depot']} are not known: POST them")
    return {"parcels": parcels}


def from_csv(rows: Sequence[Mapping[str, str]]) -> list[Json]:
    """One request of all rows; what is no number stays text, for SCHEMA to refuse."""
    return [{"parcels": [{name: _number(cell) for name, cell in row.items()} for row in rows]}]


def features(request: Json, online: Mapping[str, Any]) -> tuple[Array, list[str]]:
    """The model's inputs, and what had to be guessed."""
    asked = {parcel["depot"] for parcel in request["parcels"]}
    unknown = sorted(depot for depot in asked if depot not in online["depots"])
    warnings = [f"the depot {depot} is not known" for depot in unknown]
    return assemble(request["parcels"], online["depots"]), warnings


def keys(request: Json) -> list[str]:
    """The name of each parcel, if the request has it: monitoring finds by it how long it took."""
    return [parcel.get("parcel", "") for parcel in request["parcels"]]


def predictions(
    request: Json, answers: Array, features: Array, evaluation: Mapping[str, Any]
) -> list[Json]:
    """Minutes of each parcel, with the band in which 80 % lie."""
    low, high = evaluation["calibration"]["error"]
    return [
        {
            "depot": parcel["depot"],
            "minutes": round(answer, 4),
            "low": round(answer + low, 4),
            "high": round(answer + high, 4),
        }
        for parcel, answer in zip(request["parcels"], answers.tolist(), strict=True)
    ]


def explain(
    answers: Array, features: Array, ask: Callable[[Array], Array], online: Mapping[str, Any]
) -> list[list[Json]]:
    """What moves each parcel away from the default of each feature, the strongest first."""
    reasons: list[list[Json]] = [[] for _ in answers]
    for column, feature in enumerate(FEATURES):
        changed = features.copy()
        changed[:, column] = feature.default
        for row, moved in enumerate((answers - ask(changed)).tolist()):
            reasons[row].append({"feature": feature.name, "minutes": round(moved, 3)})
    return [sorted(each, key=lambda it: -abs(it["minutes"])) for each in reasons]


def page(online: Mapping[str, Any]) -> Json:
    """What the page offers to choose from."""
    return {"depots": sorted(online["depots"])}


def questions(online: Mapping[str, Any]) -> list[Json]:
    """Requests that every release must answer."""
    return [example(online), {"parcels": online["newest"][:1]}]


def invariants(
    ask: Callable[[list[Json]], list[Json]], online: Mapping[str, Any]
) -> list[tuple[str, bool, str]]:
    """Further takes longer; an unknown depot gets a warning."""
    parcel = online["newest"][0]
    further = {**parcel, "distance": parcel["distance"] + 4}
    stranger = {**parcel, "depot": "nowhere"}
    near, far, strange = ask([{"parcels": [each]} for each in (parcel, further, stranger)])
    minutes = [answer["predictions"][0]["minutes"] for answer in (near, far)]
    gain = float(np.subtract(*minutes))
    named = "nowhere" in " ".join(strange["warnings"])
    return [
        ("a parcel further away takes longer", gain <= 0, f"{gain:.3g} minutes less"),
        ("an unknown depot is answered with a warning", named, "a warning" if named else "none"),
    ]


def _number(cell: str) -> Any:
    try:
        value = float(cell)
    except ValueError:
        return cell
    return int(value) if value.is_integer() else value
