"""Which estimators become ONNX graphs, and what the others are told."""

import importlib
from typing import Any

import numpy as np
import pytest
from smallboat.problem import Output
from smallboat.store import bundle, converters
from smallboat.training import splits, training
from toy.problem import PROBLEM

VALUE = Output("sold", "number", "", kind="value")
CHANCE = Output("bought", "probability", "", kind="probability")
ROWS = np.random.default_rng(0).normal(size=(2000, 6)).astype(np.float32)
TARGET = 2 * ROWS[:, 0] + ROWS[:, 1] ** 2


def parity(estimator: Any, output: Output) -> float:
    target = TARGET if output is VALUE else TARGET > 0
    estimator.fit(ROWS, target.astype(int) if output is CHANCE else target)
    graph = bundle.to_onnx(estimator, ROWS.shape[1], output)
    return bundle.parity(bundle.predict(graph, ROWS), bundle.answers(estimator, ROWS, output))


@pytest.mark.parametrize("output", [VALUE, CHANCE], ids=["regressor", "classifier"])
@pytest.mark.parametrize("family", ["HistGradientBoosting", "XGB"])
def test_boosted_trees_answer_alike(family: str, output: Output) -> None:
    library = importlib.import_module("xgboost" if family == "XGB" else "sklearn.ensemble")
    estimator = getattr(library, family + ("Regressor" if output is VALUE else "Classifier"))()
    rounds = "n_estimators" if family == "XGB" else "max_iter"
    assert parity(estimator.set_params(**{rounds: 20}), output) < 1e-5


@pytest.mark.parametrize("output", [VALUE, CHANCE], ids=["regressor", "classifier"])
def test_lightgbm_answers_alike(output: Output) -> None:
    lightgbm = lightgbm_or_skip()
    model = lightgbm.LGBMRegressor if output is VALUE else lightgbm.LGBMClassifier
    assert parity(model(verbose=-1, n_jobs=1), output) < 1e-5


def one_split(family: str) -> Any:
    if family == "lightgbm":
        options = {"n_estimators": 1, "verbose": -1, "n_jobs": 1, "min_child_samples": 1}
        return lightgbm_or_skip().LGBMRegressor(**options)
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=1)


@pytest.mark.parametrize("family", ["lightgbm", "HistGradientBoosting"])
def test_a_threshold_between_two_neighbouring_features_parts_them(family: str) -> None:
    """It lies in the middle; the nearest float32 to that may be the upper feature."""
    lower = np.float32(1) + np.arange(1, 40, dtype=np.float32) * np.float32(2**-23)
    for low in lower:
        pair = np.array([low, np.nextafter(low, np.float32(2))])
        rows, target = np.repeat(pair, 50)[:, None], np.repeat([0.0, 1.0], 50)
        model = one_split(family).fit(rows, target)
        answers = bundle.predict(bundle.to_onnx(model, 1, VALUE), rows)
        np.testing.assert_allclose(answers, model.predict(rows), rtol=1e-6)


def lightgbm_or_skip() -> Any:
    try:
        import lightgbm
    except OSError as error:
        pytest.skip(f"lightgbm needs a library of the system: {error}")
    return lightgbm


def without_converter(name: str) -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, SplineTransformer
    from xgboost import XGBRegressor

    if name == "XGBRegressor":
        return XGBRegressor(booster="gblinear")
    step = SplineTransformer() if name == "SplineTransformer" else FunctionTransformer(np.abs)
    return make_pipeline(step, Ridge())


@pytest.mark.parametrize("name", ["XGBRegressor", "SplineTransformer", "FunctionTransformer"])
def test_an_estimator_without_a_converter_is_named(name: str) -> None:
    with pytest.raises(converters.ConversionError, match=rf"{name}.* can't be exported") as caught:
        parity(without_converter(name), VALUE)
    assert "\n" not in str(caught.value)


def test_a_candidate_that_cannot_be_exported_is_disqualified(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search ends with its scores and the reason: another attempt would not help."""

    def refuse(*_: Any) -> bytes:
        raise converters.ConversionError("Odd can't be exported to ONNX")

    monkeypatch.setattr(bundle, "to_onnx", refuse)
    name = training.candidate_names(PROBLEM)[-1]
    result = training.search(PROBLEM, name, parts.train, parts.validation, seed=1)
    assert result["disqualified"] == "Odd can't be exported to ONNX"
    assert result["trials"]
