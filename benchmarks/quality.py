"""Walk-forward quality: each season predicted by a model that saw only earlier ones.

Run in a generated f1 project: python quality.py FOLDER FIRST LAST
For each season the product's own procedure runs: the candidates are searched on the seasons before
it, the one that validates best is refitted on all of them, and its predictions of the season count.
Probabilities and ranges of places are fitted on the validation seasons; beside them stand the
frequencies of grid places in all earlier seasons of the training data.
"""

import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pandas as pd
from f1_predictor import data, features, metrics
from f1_predictor.problem import PROBLEM
from smallboat.config import config
from smallboat.evaluation import evaluation, selection
from smallboat.training import splits, training


def main(folder: str, first: int, last: int) -> None:
    """Print metrics of all held-out races beside the baseline, for each season and pooled."""
    options = config.load(PROBLEM, "local").training.model_dump()
    with tempfile.TemporaryDirectory() as snapshot:
        data.collect({"source": "files", "directory": folder}, Path(snapshot))
        frame = features.build(data.read(Path(snapshot)))
    seasons = [_season(frame, season, options) for season in range(first, last + 1)]
    answered, *calibrations = (pd.concat(each) for each in zip(*seasons, strict=True))
    for name in ("predicted", "baseline"):
        print(f"{name:<12}", _told(metrics.score(answered, answered[name].to_numpy())))
    pooled = evaluation.calibration_metrics(*calibrations)
    for name, value in pooled["metrics"].items():
        low, high = pooled["intervals"][name]
        difference = pooled["difference"][name]
        print(
            f"{name:<14} {value:.3f} [{low:.3f}, {high:.3f}], grid frequencies "
            f"{pooled['baseline'][name]:.3f}, difference {difference['value']:+.3f} "
            f"[{difference['low']:+.3f}, {difference['high']:+.3f}]"
        )


def _season(
    frame: pd.DataFrame, season: int, options: dict[str, int]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The season's rows with their predictions, and `metrics.calibration_metrics` of them."""
    known = splits.recent(frame[frame["period"] <= season], options["periods"])
    split = splits.split(known, options)
    with redirect_stdout(StringIO()):
        results = [
            training.search(PROBLEM, name, split.train, split.validation, options["seed"])
            for name in training.candidate_names(PROBLEM)
        ]
    winner = selection.choose(results, {})
    fitted = training.fit(
        PROBLEM, winner["candidate"], winner["settings"], split.past, options["seed"]
    )
    predicted = training.predict(PROBLEM, fitted, split.test)
    calibration = metrics.calibration(split.validation, winner["held_out"]["predicted"])
    model, grid = metrics.calibration_metrics(split.test, predicted, calibration, split.past)
    told = _told({**metrics.score(split.test, predicted), **model.mean()})
    print(f"{season:<12}", told, winner["candidate"], winner["settings"], flush=True)
    answered = split.test.assign(predicted=predicted, baseline=metrics.baseline(split.test))
    return answered, model, grid


def _told(scores: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in scores.items())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
