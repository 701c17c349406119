"""Replay the training gates week by week: which retrainings would have been stopped?

Run in a generated f1 project: python weekly_gates.py FOLDER FIRST LAST [CHECKED]
After each race the flow would train on all data so far. Its winner depends on whole past seasons
only, so it is searched and fitted once for each past, and its answers are cut at each race. In the
weeks CHECKED, such as 2016-5,2018-12, the whole procedure runs on tables that end at that race;
the script fails if it decides otherwise.
"""

import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from f1_predictor import data, features
from f1_predictor.problem import PROBLEM
from smallboat.config import config
from smallboat.evaluation import evaluation, gates, selection
from smallboat.training import splits, training

SETTINGS = config.load(PROBLEM, "local")
OPTIONS, LIMITS = SETTINGS.training.model_dump(), SETTINGS.gates.model_dump()
SEED = OPTIONS["seed"]
NO_ERRORS = {"checked": 0, "errors": 0}
Result = dict[str, Any]
Decision = tuple[float, list[Result]]
"""How much worse than the baseline the winner is on the test races, and the gates."""


def main(folder: str, first: int, last: int, checked: str = "") -> None:
    """Print each season's stops and warnings, then whether the checked weeks agree."""
    with tempfile.TemporaryDirectory() as snapshot:
        data.collect({"source": "files", "directory": folder}, Path(snapshot))
        tables = data.read(Path(snapshot))
    frame = features.build(tables)
    models: dict[int, Result] = {}
    for season in range(first, last + 1):
        races = frame.loc[frame["period"] == season, "group"].nunique()
        weeks = {race: replayed(frame, season, race, models) for race in range(1, races + 1)}
        print(told(season, weeks), flush=True)
    for season, race in (map(int, each.split("-")) for each in checked.split(",") if each):
        if trained(tables, season, race) != replayed(frame, season, race, models):
            raise SystemExit(f"{season}, race {race}: the whole procedure decides otherwise")
        print(f"{season}, race {race}: the whole procedure decides the same", flush=True)


def told(season: int, weeks: dict[int, Decision]) -> str:
    """The failed gates and the warnings of a season, with the races after which they came."""
    lines = [f"{season}: {len(weeks)} weeks"]
    for word, shown in (("stopped", lambda gate: not gate["passed"]), ("warned", warned)):
        by_gate: dict[str, list[int]] = {}
        for race, (_, decided) in weeks.items():
            for gate in filter(shown, decided):
                by_gate.setdefault(gate["gate"], []).append(race)
        lines += [f"  {word} {len(at)}: {name}, after {at}" for name, at in by_gate.items()]
        stops = {race for at in by_gate.values() for race in at}
        lines[0] += f", {len(stops)} {word}"
    above = sum(difference >= 0 for difference, _ in weeks.values())
    return "\n".join([f"{lines[0]}; by the mean alone {above} stopped", *lines[1:]])


def warned(gate: Result) -> bool:
    """Whether a gate passed with a warning."""
    return bool(gate["warning"])


def replayed(frame: pd.DataFrame, season: int, race: int, models: dict[int, Result]) -> Decision:
    """The gates after a race, with the winner of its past seasons, which `models` keeps."""
    parts = split(frame[known(frame, season, race)])
    newest = int(parts.past["period"].max())
    if newest not in models:
        winner = search(parts)
        fitted = training.fit(PROBLEM, winner["candidate"], winner["settings"], parts.past, SEED)
        later = frame[frame["period"] > newest]
        models[newest] = {
            "validation": winner["held_out"]["predicted"],
            "test": pd.Series(training.predict(PROBLEM, fitted, later), later.index),
            "parity": training.export(PROBLEM, fitted, later)["parity"],
        }
    model = models[newest]
    predicted = model["test"].loc[parts.test.index].to_numpy()
    held_out = [*model["validation"], *predicted]
    evaluated = evaluation.against_baseline(PROBLEM, parts.test, predicted) | {
        "slices": evaluation.slices(
            PROBLEM, parts.held_out, pd.Series(held_out).to_numpy(), LIMITS["slice_rows"]
        ),
        "parity": model["parity"],
    }
    return decide(evaluated)


def trained(tables: data.Tables, season: int, race: int) -> Decision:
    """The gates of the whole procedure, from tables that end at that race."""
    races = tables["races"]
    ended = races[(races["year"] < season) | (races["year"] == season) & (races["round"] <= race)]
    kept = {
        name: table[table["race_id"].isin(ended["race_id"])] if "race_id" in table else table
        for name, table in tables.items()
    }
    parts = split(features.build(kept))
    evaluated = training.evaluate_winner(PROBLEM, search(parts), parts, SEED, LIMITS["slice_rows"])
    return decide(evaluated)


def split(frame: pd.DataFrame) -> splits.Split:
    """The feature table as the flow cuts it."""
    return splits.split(splits.recent(frame, OPTIONS["periods"]), OPTIONS)


def known(frame: pd.DataFrame, season: int, race: int) -> pd.Series:
    """Which rows are known after a race of a season."""
    own = frame["period"] == season
    ended = frame.loc[own, "group"].unique()[:race]
    return (frame["period"] < season) | own & frame["group"].isin(ended)


def search(parts: splits.Split) -> Result:
    """The winner among all candidates."""
    with redirect_stdout(StringIO()):
        results = [
            training.search(PROBLEM, name, parts.train, parts.validation, SEED)
            for name in training.candidate_names(PROBLEM)
        ]
    return selection.choose(results, {})


def decide(evaluated: Result) -> Decision:
    """The gates; the served model and the bundle's size are none of this replay's."""
    decided = gates.decide(evaluated, {"parity": 0.0}, NO_ERRORS, 0, LIMITS)
    kept = [gate for gate in decided if not gate["gate"].startswith("parity")]
    return evaluated["difference"][evaluated["primary"]]["value"], kept


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
