"""What converts, but answers otherwise, is disqualified by its parity; what does not, by its name.

Each is what somebody may write into candidates.py. Found on scikit-learn 1.9, skl2onnx 1.20 and
onnxruntime 1.32: if a new version mends one of them, its test fails, and it may join the fine ones.
"""

from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn import ensemble, linear_model, preprocessing
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.pipeline import make_pipeline
from smallboat.problem import Output
from smallboat.table import encoding
from smallboat.training import training
from threadpoolctl import threadpool_limits

Array = np.ndarray[Any, np.dtype[Any]]
NUMBERS, GAPS, FEW, MANY = [0, 1, 2], [3], [4], [5]
COLUMNS = [f"column {at}" for at in range(6)]
VALUE = Output("price", "EUR", "", "value")
CHANCE = Output("bought", "probability", "", "probability")
Estimator = Callable[[], Any]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """As in a task of the flow; several threads on a busy machine wait for each other."""
    with threadpool_limits(1):
        yield


@cache
def table(seed: int) -> pd.DataFrame:
    """Three numbers, one with gaps, a category of 12 levels and one of 400; seed 2 has unknowns."""
    rng = np.random.default_rng(seed)
    rows = 4000
    numbers = rng.normal(size=(rows, 4)) * [1, 300, 0.1, 1] + [0, 5000, 0, 0]
    numbers[:, 1] = numbers[:, 1].round()  # a boosted tree's thresholds are values that repeat
    few, many = rng.integers(0, 12, rows), rng.integers(0, 400, rows)
    effects = np.random.default_rng(0).normal(size=400)
    truth = numbers[:, 0] + np.sin(numbers[:, 1] / 100) + effects[few] + effects[many] / 2
    truth = truth + np.where(rng.random(rows) < 0.5, numbers[:, 3], 0)
    numbers[rng.random(rows) < 0.2, 3] = np.nan
    names = np.array([encoding.code(f"level {level}") for level in range(400)])
    codes = np.column_stack([names[few], names[many]])
    if seed == 2:
        codes[:400] = encoding.code("never seen")
    values = np.column_stack([numbers, codes]).astype(np.float32)
    return pd.DataFrame(values, columns=COLUMNS).assign(target=np.exp(truth / 2))


def disqualified(make: Estimator, columns: list[int], output: Output) -> str | None:
    """What the search says of an estimator on these columns, None if it can be served."""
    names = [COLUMNS[at] for at in columns]
    features = SimpleNamespace(FEATURES=[SimpleNamespace(name=name) for name in names])
    problem: Any = SimpleNamespace(features=features, candidates=SimpleNamespace(OUTPUT=output))
    past, unseen = table(1), table(2)
    target = past["target"] if output is VALUE else (past["target"] > 1).astype(int)
    fitted = make().fit(past[names].to_numpy(dtype=np.float32), target.to_numpy())
    return training._disqualified(problem, fitted, unseen)


def forest() -> Any:
    return ensemble.RandomForestClassifier(15, min_samples_leaf=3, random_state=1)


def boosted(**options: Any) -> Any:
    return ensemble.HistGradientBoostingClassifier(max_iter=30, random_state=1, **options)


def xgb(**options: Any) -> Any:
    return xgboost.XGBClassifier(n_estimators=30, max_depth=4, n_jobs=1, **options)


def logistic() -> Any:
    return linear_model.LogisticRegression(max_iter=300)


def ordinal(unknown: float = -1) -> Any:
    return preprocessing.OrdinalEncoder(
        dtype=np.float32, handle_unknown="use_encoded_value", unknown_value=unknown
    )


def beside_numbers(encoder: Any) -> Any:
    """An encoder of the last column, the others as they are."""
    return ColumnTransformer([("numbers", "passthrough", NUMBERS), ("category", encoder, [3])])


def native() -> Any:
    return make_pipeline(beside_numbers(ordinal()), boosted(categorical_features=[3]))


WRONG: dict[str, tuple[Estimator, list[int], Output]] = {
    "scaler before HistGradientBoosting": (
        lambda: make_pipeline(preprocessing.StandardScaler(), boosted()), NUMBERS, CHANCE,
    ),
    "scaler before XGBoost": (
        lambda: make_pipeline(preprocessing.StandardScaler(), xgb()), NUMBERS, CHANCE,
    ),
    "scaler before a forest": (
        lambda: make_pipeline(preprocessing.StandardScaler(), forest()), NUMBERS, CHANCE,
    ),
    "sparse one-hot before XGBoost": (
        lambda: make_pipeline(preprocessing.OneHotEncoder(handle_unknown="ignore"), xgb()),
        FEW, CHANCE,
    ),
    "NaN into a forest": (forest, NUMBERS + GAPS, CHANCE),
    "HistGradientBoosting's own categories": (native, NUMBERS + FEW, CHANCE),
    "HistGradientBoosting with Poisson loss": (
        lambda: ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=20),
        NUMBERS, VALUE,
    ),
    "an imputer's own indicator": (
        lambda: make_pipeline(SimpleImputer(add_indicator=True), logistic()),
        NUMBERS + GAPS, CHANCE,
    ),
    "isotonic calibration": (
        lambda: CalibratedClassifierCV(logistic(), method="isotonic"), NUMBERS, CHANCE,
    ),
    "ordinal with NaN of unknown levels before a forest": (
        lambda: make_pipeline(beside_numbers(ordinal(np.nan)), forest()), NUMBERS + FEW, CHANCE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_graph_that_answers_otherwise_is_disqualified(name: str) -> None:
    reason = disqualified(*WRONG[name])
    assert reason and "its ONNX graph differs from the estimator by" in reason


WITHOUT: dict[str, tuple[Estimator, list[int], Output]] = {
    "infrequent categories": (
        lambda: make_pipeline(
            preprocessing.OneHotEncoder(max_categories=5, handle_unknown="ignore"), logistic()
        ),
        FEW, CHANCE,
    ),
    "TransformedTargetRegressor": (
        lambda: TransformedTargetRegressor(
            linear_model.Ridge(), func=np.log, inverse_func=np.exp
        ),
        NUMBERS, VALUE,
    ),
    "SplineTransformer": (
        lambda: make_pipeline(preprocessing.SplineTransformer(), logistic()), NUMBERS, CHANCE,
    ),
    "IterativeImputer": (
        lambda: make_pipeline(IterativeImputer(), logistic()), NUMBERS + GAPS, CHANCE,
    ),
    "FeatureHasher": (
        lambda: make_pipeline(
            preprocessing.FunctionTransformer(lambda rows: rows.astype(str)),
            FeatureHasher(16, input_type="string"), logistic(),
        ),
        FEW, CHANCE,
    ),
    "VotingClassifier": (
        lambda: ensemble.VotingClassifier([("one", logistic()), ("two", forest())], voting="soft"),
        NUMBERS, CHANCE,
    ),
    "XGBoost's own categories": (
        lambda: make_pipeline(
            ordinal(500), xgb(enable_categorical=True, feature_types=["c"], max_cat_to_onehot=1)
        ),
        MANY, CHANCE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT)
def test_what_has_no_graph_is_disqualified(name: str) -> None:
    reason = disqualified(*WITHOUT[name])
    assert reason and "can't be exported to ONNX" in reason


def test_a_graph_that_does_not_run_is_disqualified() -> None:
    """The converter leaves the indicator out, which the trees ask for."""
    forest_behind = make_pipeline(SimpleImputer(add_indicator=True), forest())
    reason = disqualified(lambda: forest_behind, NUMBERS + GAPS, CHANCE)
    assert reason and "SimpleImputer → RandomForestClassifier can't be exported" in reason


FINE: dict[str, tuple[Estimator, list[int], Output]] = {
    **{
        type(step).__name__: (
            lambda step=step: make_pipeline(step, logistic()), NUMBERS, CHANCE,
        )
        for step in (
            preprocessing.StandardScaler(), preprocessing.MinMaxScaler(),
            preprocessing.RobustScaler(), preprocessing.PowerTransformer(),
            preprocessing.QuantileTransformer(n_quantiles=10),
            preprocessing.KBinsDiscretizer(5, encode="onehot-dense"), PCA(2),
        )
    },
    "imputer before a forest": (
        lambda: make_pipeline(SimpleImputer(), forest()), NUMBERS + GAPS, CHANCE,
    ),
    "sigmoid calibration": (
        lambda: CalibratedClassifierCV(logistic(), method="sigmoid"), NUMBERS, CHANCE,
    ),
    "stacking": (
        lambda: ensemble.StackingClassifier([("one", logistic()), ("two", boosted())], cv=2),
        NUMBERS, CHANCE,
    ),
    "NaN into HistGradientBoosting": (boosted, NUMBERS + GAPS, CHANCE),
    "NaN into XGBoost": (xgb, NUMBERS + GAPS, CHANCE),
}  # fmt: skip


@pytest.mark.parametrize("name", FINE)
def test_what_is_fine_is_not_disqualified(name: str) -> None:
    assert disqualified(*FINE[name]) is None
