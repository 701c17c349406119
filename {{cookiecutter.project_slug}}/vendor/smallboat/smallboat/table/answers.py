"""Answers of a tabular problem for people: predictions, their reasons, and what the page offers.

Needs numpy alone, because the model server imports it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import spellings
from . import requests
from .encoding import Array, Derive
from .schema import Column, Table

Json = dict[str, Any]
Ask = Callable[[Array], Array]

REASONS = 6
CHOICES = 200
"""Levels of a category that the page offers, the most frequent ones."""
DIGITS = 6
ROUNDED = 1e-4
"""Of a batch, float32 may be added up in another order."""


def columns(table: Table, answers: Array, evaluation: Mapping[str, Any]) -> dict[str, Array]:
    """The model's answers as columns, shape [n] each; batch scoring writes them as they are.

    Args:
        table: the description.
        answers: shape [n], or [n, classes] of a multi-class model.
        evaluation: has `calibration` and maybe `decision`.

    Returns:
        `prediction`, and: of a binary model `probability`, of a multi-class one `probability of
        <class>`, of a regression `low` and `high`, between which 90 % of the targets lie.
    """
    if table.kind == "regression":
        band = evaluation["calibration"]["interval"]
        ends = {end: answers * band[end] if band["relative"] else answers + band[end]
                for end in ("low", "high")}  # fmt: skip
        return {"prediction": answers, **ends}
    classes = np.array(table.classes)
    if table.kind == "binary":
        chosen = (answers >= _threshold(evaluation)).astype(np.intp)
        return {"prediction": classes[chosen], "probability": answers.round(DIGITS)}
    chances = {
        f"probability of {name}": chance
        for name, chance in zip(table.classes, answers.T.round(DIGITS), strict=True)
    }
    return {"prediction": classes[answers.argmax(axis=1)], **chances}


def predictions(table: Table, answers: Array, evaluation: Mapping[str, Any]) -> list[Json]:
    """The same as a dict for each row.

    A binary one has the `threshold`, too; a multi-class one has `probabilities` by class.
    """
    found = columns(table, answers, evaluation)
    values = zip(*(each.tolist() for each in found.values()), strict=True)
    rows: list[Json] = [dict(zip(found, row, strict=True)) for row in values]
    for row in rows:
        if table.kind == "binary":
            row["threshold"] = _threshold(evaluation)
        elif table.kind == "multiclass":
            chances = {name: row.pop(f"probability of {name}") for name in table.classes}
            row["probabilities"] = chances
    return rows


def _threshold(evaluation: Mapping[str, Any]) -> float:
    """From which probability on the positive class is predicted."""
    return float((evaluation.get("decision") or {}).get("threshold", 0.5))


def explain(
    table: Table, answers: Array, features: Array, ask: Ask, derive: Derive, online: Json
) -> list[list[Json]]:
    """What moved each answer most: each column in turn gets its typical value.

    Returns:
        For each row up to REASONS columns, the strongest first: `column`, its `typical` value, and
        `effect`: by how much the row's own value raises the answer (the probability of the positive
        or of the predicted class, or the prediction).
    """
    typical = {name: known["typical"] for name, known in online["columns"].items()}
    otherwise = ask(np.concatenate(_changed(table, features, derive, typical, online)))
    otherwise = otherwise.reshape(len(table.columns), *answers.shape)
    if answers.ndim == 2:  # of several classes, the predicted one
        rows, chosen = np.arange(len(answers)), answers.argmax(axis=1)
        answers, otherwise = answers[rows, chosen], otherwise[:, rows, chosen]
    effects = (answers - otherwise).astype(np.float64).round(DIGITS)
    strongest = np.argsort(-np.abs(effects), axis=0, kind="stable")[:REASONS]
    return [
        [
            {"column": name, "typical": typical[name], "effect": float(effects[at, row])}
            for at, name in ((at, table.columns[at].name) for at in strongest[:, row])
            if effects[at, row] != 0
        ]
        for row in range(len(features))
    ]


def _changed(
    table: Table, features: Array, derive: Derive, typical: Json, online: Json
) -> list[Array]:
    """The rows for each column with its typical value, and what the project computes of that."""
    (usual,), _ = requests.features(table, derive, {"rows": [typical]}, online)
    names = [feature.name for feature in table.features]
    found = []
    for column in table.columns:
        changed = features.copy()
        for feature in column.features:
            changed[:, names.index(feature.name)] = usual[names.index(feature.name)]
        own = derive(dict(zip(names, changed.T, strict=False)))
        for at, values in enumerate(own.values(), start=len(names)):
            changed[:, at] = values
        found.append(changed)
    return found


def example(online: Json) -> Json:
    """The newest row."""
    return {"rows": online["examples"][-1:]}


def page(table: Table, online: Json) -> Json:
    """What the page needs: target, kind, classes, columns, examples, and how it reads CSV files."""
    mark, grouped = spellings.thousands(table.decimal)
    return {
        "target": table.target,
        "kind": table.kind,
        "classes": list(table.classes),
        "columns": [_field(column, online["columns"][column.name]) for column in table.columns],
        "examples": online["examples"],
        "csv": {
            "decimal": table.decimal, "mark": mark, "grouped": grouped,
            "flags": requests.FLAGS, "nulls": list(spellings.NULLS),
        },
    }  # fmt: skip


def _field(column: Column, known: Json) -> Json:
    """A column for the form."""
    field = {"name": column.name, "type": column.type, "unit": column.unit,
             "required": column.required, "typical": known["typical"]}  # fmt: skip
    if column.type == "number":
        field["range"] = list(column.range or known.get("range", ())) or None
    if column.type == "category":
        field["choices"] = sorted(list(known.get("levels", {}))[:CHOICES])
    return field


def questions(table: Table, online: Json) -> list[Json]:
    """Requests that every release must answer: rows of the table, and rows with gaps."""
    rows = [{"rows": [row]} for row in online["examples"]]
    needed = {column.name for column in table.columns if column.required}
    gaps = {name: value for name, value in online["examples"][-1].items() if name in needed}
    return [*rows, {"rows": [gaps]}]


def invariants(
    table: Table, ask: Callable[[list[Json]], list[Json]], online: Json
) -> list[tuple[str, bool, str]]:
    """What any good model must show: name, whether it holds, and what was found."""
    rows = online["examples"]
    strange = {each.name: "?" * 9 for each in table.columns if each.type == "category"}
    asked = [{"rows": [row]} for row in rows] + [
        {"rows": rows},
        {"rows": [{**rows[-1], **strange}]},
    ]
    *alone, batch, unknown = ask(asked)
    same = sum(
        _alike(one["predictions"][0], other)
        for one, other in zip(alone, batch["predictions"], strict=True)
    )
    warnings = len(unknown["warnings"])
    return [
        ("a row alone and among others is answered alike", same == len(rows),
         f"{same} of {len(rows)} rows"),
        ("answers are possible", all(map(_possible, batch["predictions"])),
         f"{len(rows)} rows asked"),
        ("an unknown category is answered with a warning", warnings >= len(strange),
         f"{warnings} warnings for {len(strange)} unknown categories"),
    ]  # fmt: skip


def _alike(one: Json, other: Json) -> bool:
    """Whether two predictions differ by no more than float32 rounds differently in a batch."""
    first, second = (
        np.array([value for value in (each | each.get("probabilities", {})).values()
                  if isinstance(value, float)])
        for each in (one, other)
    )  # fmt: skip
    spread = one["high"] - one["low"] if "high" in one else 1.0
    return bool(np.allclose(first, second, rtol=ROUNDED, atol=ROUNDED * spread))


def _possible(prediction: Json) -> bool:
    """Whether probabilities lie between 0 and 1, or a prediction within its interval."""
    if "probabilities" in prediction:
        return bool(abs(sum(prediction["probabilities"].values()) - 1) < 1e-3)
    if "probability" in prediction:
        return bool(0 <= prediction["probability"] <= 1)
    return bool(prediction["low"] <= prediction["prediction"] <= prediction["high"])
