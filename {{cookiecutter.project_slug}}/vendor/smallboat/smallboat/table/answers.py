"""Answers of a tabular problem for people: predictions, their reasons, and what the page offers.

Needs numpy alone, because the model server imports it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import requests
from .schema import Table

Array = np.ndarray[Any, np.dtype[Any]]
Json = dict[str, Any]
Ask = Callable[[Array], Array]

REASONS = 6
CHOICES = 200
"""Levels of a category that the page offers, the most frequent ones."""
DIGITS = 6


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
    if table.kind == "binary":
        threshold = _threshold(evaluation)
        chosen = np.array(table.classes)[(answers >= threshold).astype(np.intp)]
        return {"prediction": chosen, "probability": answers.round(DIGITS)}
    if table.kind == "multiclass":
        chosen = np.array(table.classes)[answers.argmax(axis=1)]
        chances = dict(zip(table.classes, answers.T.round(DIGITS), strict=True))
        return {
            "prediction": chosen,
            **{f"probability of {name}": each for name, each in chances.items()},
        }
    band = evaluation["calibration"]["interval"]
    low, high = (answers * band[end] if band["relative"] else answers + band[end] for end in ENDS)
    return {"prediction": answers, "low": low, "high": high}


ENDS = ("low", "high")


def predictions(table: Table, answers: Array, evaluation: Mapping[str, Any]) -> list[Json]:
    """A dict for each row.

    `prediction`, and: of a binary model `probability` and `threshold`, of a multi-class one
    `probabilities` by class, of a regression `low` and `high`.
    """
    found = columns(table, answers, evaluation)
    rows = [
        dict(zip(found, row, strict=True))
        for row in zip(*(each.tolist() for each in found.values()), strict=True)
    ]
    if table.kind == "binary":
        return [{**row, "threshold": _threshold(evaluation)} for row in rows]
    if table.kind == "multiclass":
        return [
            {
                "prediction": row["prediction"],
                "probabilities": {name: row[f"probability of {name}"] for name in table.classes},
            }
            for row in rows
        ]
    return rows


def _threshold(evaluation: Mapping[str, Any]) -> float:
    """From which probability on the positive class is predicted."""
    return float((evaluation.get("decision") or {}).get("threshold", 0.5))


def explain(
    table: Table, answers: Array, features: Array, ask: Ask, derive: requests.Derive, online: Json
) -> list[list[Json]]:
    """What moved each answer most: each column in turn gets its typical value.

    Returns:
        For each row up to REASONS columns, the strongest first: `column`, its `typical` value, and
        `effect`: by how much the row's own value raises the answer (the probability of the positive
        or of the predicted class, or the prediction).
    """
    known = online["columns"]
    typical = {"rows": [{name: each["typical"] for name, each in known.items()}]}
    usual, _ = requests.features(table, derive, typical, online)
    names = [feature.name for feature in table.features]
    changed = np.repeat(features[None], len(table.columns), axis=0)
    for at, column in enumerate(table.columns):
        places = [names.index(feature.name) for feature in column.features]
        changed[at][:, places] = usual[0, places]
    for each in changed:
        _derived(names, derive, each)
    otherwise = ask(changed.reshape(-1, features.shape[1]))
    own, otherwise = _of_predicted(answers, otherwise.reshape(len(changed), *answers.shape))
    effects = own - otherwise
    strongest = np.argsort(-np.abs(effects), axis=0, kind="stable")[:REASONS]
    return [
        [
            {
                "column": table.columns[at].name,
                "typical": known[table.columns[at].name]["typical"],
                "effect": round(float(effects[at, row]), DIGITS),
            }
            for at in strongest[:, row]
            if round(float(effects[at, row]), DIGITS) != 0
        ]
        for row in range(len(features))
    ]


def _derived(names: list[str], derive: requests.Derive, rows: Array) -> None:
    """Compute the project's own features of changed rows, in place."""
    own = derive(dict(zip(names, rows.T, strict=False)))
    for at, values in enumerate(own.values(), start=len(names)):
        rows[:, at] = values


def _of_predicted(answers: Array, otherwise: Array) -> tuple[Array, Array]:
    """One number a row: of several classes the probability of the predicted one."""
    if answers.ndim == 1:
        return answers, otherwise
    chosen, rows = answers.argmax(axis=1), np.arange(len(answers))
    return answers[rows, chosen], otherwise[:, rows, chosen]


def example(online: Json) -> Json:
    """The newest row."""
    return {"rows": online["examples"][-1:]}


def page(table: Table, online: Json) -> Json:
    """What the page needs for its form: target, kind, classes, columns and examples."""
    return {
        "target": table.target,
        "kind": table.kind,
        "classes": list(table.classes),
        "columns": [_field(column, online["columns"][column.name]) for column in table.columns],
        "examples": online["examples"],
    }


def _field(column: Any, known: Json) -> Json:
    """A column for the form."""
    field = {
        "name": column.name,
        "type": column.type,
        "unit": column.unit,
        "required": column.required,
        "typical": known["typical"],
    }
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
    alone = [each["predictions"][0] for each in ask([{"rows": [row]} for row in rows])]
    (batch,) = ask([{"rows": rows}])
    same = sum(one == other for one, other in zip(alone, batch["predictions"], strict=True))
    found = [
        ("a row alone and among others is answered alike", same == len(rows),
         f"{same} of {len(rows)} rows"),
        ("answers are possible", all(map(_possible, batch["predictions"])),
         f"{len(rows)} rows asked"),
    ]  # fmt: skip
    strange = {c.name: "?" * 9 for c in table.columns if c.type == "category"}
    if strange:
        (answer,) = ask([{"rows": [{**rows[-1], **strange}]}])
        told = f"{len(answer['warnings'])} warnings for {len(strange)} unknown categories"
        holds = len(answer["warnings"]) >= len(strange)
        found.append(("an unknown category is answered with a warning", holds, told))
    return found


def _possible(prediction: Json) -> bool:
    """Whether probabilities lie between 0 and 1, or a prediction within its interval."""
    if "probabilities" in prediction:
        return bool(abs(sum(prediction["probabilities"].values()) - 1) < 1e-3)
    if "probability" in prediction:
        return bool(0 <= prediction["probability"] <= 1)
    return bool(prediction["low"] <= prediction["prediction"] <= prediction["high"])
