"""Variants of the toy problem: the changes of its files that make another kind of problem."""

from pathlib import Path

Change = tuple[str, str, str]
"""A file of the toy, text in it (none is all of it), and what stands there instead."""

MISSING: tuple[Change, ...] = (
    ("inputs.py", 'so far", 25.0)', 'so far", 25.0, missing=True)'),
    (
        "inputs.py",
        "np.where(np.isnan(depot_minutes), DEFAULT, depot_minutes)",
        "np.where(floor == 0, np.nan, depot_minutes)",
    ),
    ("metrics.py", 'frame["depot_minutes"].', 'frame["depot_minutes"].fillna(25.0).'),
    (
        "candidates.py",
        "    return Ridge(random_state=seed, **chosen)",
        "    from sklearn.impute import SimpleImputer\n"
        "    from sklearn.pipeline import make_pipeline\n\n"
        "    return make_pipeline(SimpleImputer(), Ridge(random_state=seed, **chosen))",
    ),
    (
        "candidates.py",
        "    from sklearn.ensemble import GradientBoostingRegressor\n\n"
        "    return GradientBoostingRegressor(random_state=seed, n_estimators=20, **chosen)",
        "    from sklearn.ensemble import HistGradientBoostingRegressor\n\n"
        "    return HistGradientBoostingRegressor(random_state=seed, max_iter=20, **chosen)",
    ),
)
"""`depot_minutes` is NaN on the ground floor, and of depots that are not known."""

UNDATED: tuple[Change, ...] = (
    (
        "features.py",
        'frame["date"].dt.year',
        'pd.util.hash_pandas_object(frame[["distance", "floor", "minutes"]], index=False)'
        '.mod(5).astype("int64")',
    ),
    ("features.py", 'frame["date"].dt.strftime("%Y-%m-%d")', 'frame["parcel"] % 50'),
    ("features.py", '        "date": frame["date"],\n', ""),
    ("features.py", '        "as_of": parcels["date"].max().date().isoformat(),\n', ""),
    ("data.py", '        "data_until": parcels["date"].max().date().isoformat(),\n', ""),
    ("expectations.py", '("date", "group", "target")', '("group", "target")'),
)
"""Nothing has a date: rows are in five folds, by their content."""

CLASSES_METRICS = '''"""How good the probabilities of three speeds are."""

import numpy as np
import pandas as pd

PRIMARY = "log_loss"
SLICES = ("depot",)


def score(frame, predicted):
    once = np.ones((1, frame["group"].nunique()))
    return {name: float(value[0]) for name, value in resampled(frame, predicted, once).items()}


def resampled(frame, predicted, counts):
    rows = pd.DataFrame({"log_loss": loss(frame, predicted), "size": 1.0})
    groups = rows.groupby(frame["group"].to_numpy(), sort=False).sum()
    losses, sizes = (counts @ groups[name].to_numpy() for name in ("log_loss", "size"))
    return {"log_loss": losses / sizes}


def loss(frame, predicted):
    if not np.isfinite(predicted).all():
        raise ValueError("predictions that are not finite numbers can't be compared")
    happened = np.take_along_axis(predicted, frame[["target"]].to_numpy(dtype=int), axis=1)[:, 0]
    return -np.log(np.clip(happened, 1e-6, 1))


def as_target(frame, predicted):
    return predicted.argmax(axis=1).astype(float)


def calibration(frame, predicted):
    return {"error": [0.0, 0.0]}


def baseline(frame):
    return np.tile([0.3, 0.4, 0.3], (len(frame), 1))
'''
CLASSES: tuple[Change, ...] = (
    ("metrics.py", "", CLASSES_METRICS),
    ("features.py", "import pandas as pd", "import numpy as np\nimport pandas as pd"),
    ("features.py", 'frame["minutes"],', 'np.digitize(frame["minutes"], [22, 27]),'),
    (
        "candidates.py",
        'Output("minutes", "min", "from the depot to the door", kind="value")',
        'Output("speed", "probability", "of each", "probabilities", ("quick", "usual", "slow"))',
    ),
    ("candidates.py", "GradientBoostingRegressor", "GradientBoostingClassifier"),
    ("candidates.py", "fitted.staged_predict(", "fitted.staged_predict_proba("),
    (
        "candidates.py",
        "    from sklearn.linear_model import Ridge\n",
        "    from sklearn.linear_model import LogisticRegression\n\n"
        "    chosen = {'C': chosen.pop('alpha'), 'max_iter': 1000}\n",
    ),
    ("candidates.py", "Ridge(random_state", "LogisticRegression(random_state"),
    ("service.py", '"minutes": round(answer, 4)', '"quick": round(answer[0], 4)'),
    ("service.py", '"low": round(answer + low, 4)', '"usual": round(answer[1], 4)'),
    ("service.py", '"high": round(answer + high, 4)', '"slow": round(answer[2], 4)'),
    ("service.py", "(answers - ask(changed))", "(answers - ask(changed))[:, 2]"),
    ("service.py", '["predictions"][0]["minutes"]', '["predictions"][0]["slow"]'),
)
"""Three classes, each with a probability, instead of minutes."""


def apply(package: Path, *changes: Change) -> None:
    """Change the files of a copy of the toy."""
    for file, old, new in changes:
        path = package / file
        assert old in path.read_text(), f"{file} does not hold {old}"
        path.write_text(path.read_text().replace(old, new) if old else new)
