"""Exports estimators to ONNX with the converters of skl2onnx and onnxmltools."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UserError

OPSET = {"": 18, "ai.onnx.ml": 3}


class ConversionError(UserError):
    """No converter exports this estimator."""


def convert(estimator: Any, inputs: int, options: dict[str, Any]) -> Any:
    """An estimator on `inputs` float32 columns as an ONNX model.

    Args:
        estimator: fitted; of scikit-learn, XGBoost or LightGBM, or a pipeline that ends in one.
        inputs: the number of features.
        options: of the estimator's converter.

    Raises:
        ConversionError: a part of the estimator has no converter, or its converter fails.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    _register()
    with explained(estimator):
        return convert_sklearn(
            estimator,
            name="model",
            initial_types=[("features", FloatTensorType([None, inputs]))],
            target_opset=OPSET,
            options={id(estimator): options} if options else None,
        )


@contextmanager
def explained(estimator: Any) -> Iterator[None]:
    """Turn what a converter or a graph of the estimator raises into a ConversionError."""
    try:
        yield
    except Exception as error:  # they raise errors of many types
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ConversionError(
            f"{_parts(estimator)} can't be exported to ONNX ({reason}): choose another estimator"
        ) from error


def _parts(estimator: Any) -> str:
    steps = [step for _, step in getattr(estimator, "steps", [])] or [estimator]
    return " → ".join(type(step).__name__ for step in steps)


def _register() -> None:
    """Let skl2onnx convert estimators of the libraries that are imported.

    An estimator's library is imported already; the others need no converter.
    """
    if ensemble := sys.modules.get("sklearn.ensemble"):
        from skl2onnx.operator_converters import random_forest as forests

        exact = _round_first(forests.convert_sklearn_random_forest_classifier)
        _add("Sklearn", exact, [], [ensemble.HistGradientBoostingClassifier])
        exact = _round_first(forests.convert_sklearn_random_forest_regressor_converter)
        _add("Sklearn", exact, [ensemble.HistGradientBoostingRegressor], [])
    if xgboost := sys.modules.get("xgboost"):
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost

        regressors = [xgboost.XGBRegressor, xgboost.XGBRanker]
        _add("XGBoost", convert_xgboost, regressors, [xgboost.XGBClassifier])
    if lightgbm := sys.modules.get("lightgbm"):
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

        regressors = [lightgbm.LGBMRegressor, lightgbm.LGBMRanker]
        exact = _float32_thresholds(convert_lightgbm)
        _add("LightGbm", exact, regressors, [lightgbm.LGBMClassifier])


def _round_first(converter: Any) -> Any:
    """A converter of HistGradientBoosting that rounds thresholds down to float32.

    As below, but skl2onnx rounds them before it adds the node. The estimator itself answers
    float32 features as before.
    """

    def convert(scope: Any, operator: Any, container: Any) -> None:
        for trees in operator.raw_operator._predictors:
            for tree in trees:
                tree.nodes["num_threshold"] = _rounded_down(tree.nodes["num_threshold"])
        converter(scope, operator, container)

    return convert


def _float32_thresholds(converter: Any) -> Any:
    """A converter that rounds thresholds down to float32.

    Rounded to the nearest, a threshold could pass a feature that lies right above it.
    """

    def convert(scope: Any, operator: Any, container: Any) -> None:
        add_node = container.add_node

        def rounded(*names: Any, **attributes: Any) -> None:
            if thresholds := attributes.get("nodes_values"):
                attributes["nodes_values"] = _rounded_down(np.array(thresholds, dtype=np.float64))
            add_node(*names, **attributes)

        container.add_node = rounded
        try:
            converter(scope, operator, container)
        finally:
            container.add_node = add_node

    return convert


def _rounded_down(values: npt.NDArray[np.float64]) -> list[float]:
    near = values.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    rounded: list[float] = np.where(near > values, below, near).tolist()
    return rounded


def _add(library: str, converter: Any, regressors: list[type], classifiers: list[type]) -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common import shape_calculator

    for model in regressors:
        shape = shape_calculator.calculate_linear_regressor_output_shapes
        update_registered_converter(model, f"{library}{model.__name__}", shape, converter)
    for model in classifiers:
        shape = shape_calculator.calculate_linear_classifier_output_shapes
        options = {name: [True, False] for name in ("zipmap", "nocl", "raw_scores")}
        update_registered_converter(
            model, f"{library}{model.__name__}", shape, converter, options=options
        )
