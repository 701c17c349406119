"""A classifier whose probabilities can be taken at their word, and that as one ONNX graph.

Platt's sigmoid (Probabilistic Outputs for Support Vector Machines, 1999) over the classifier's own
log odds, learned from rows of sessions that it has not seen.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

Array = np.ndarray[Any, np.dtype[Any]]

FOLDS = 3
FEW = 50_000
"""So many rows are worth a fit for each fold."""
LARGE_FOLDS = 20
"""Of more rows one fold of so many is enough for the sigmoid; the classifier learns the rest."""
FLOAT, INT64 = 1, 7  # as ONNX numbers types
SURE = 1e-4
"""Chances nearer to 0 or 1 count as this: float32 is too coarse for the log odds beyond."""


class Calibrated(BaseEstimator):  # type: ignore[misc]
    """A binary classifier and the sigmoid over it; it answers with the chance of class 1.

    Attributes:
        classifier_: the fitted classifier.
        slope_, intercept_: of the sigmoid's log odds; 1 and 0 where the classifier is right.
    """

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    def fit(self, rows: Array, label: Array, session: Array) -> "Calibrated":
        """Fit classifier and sigmoid.

        Args:
            rows: float32, shape [n, features].
            label: 0 or 1, shape [n].
            session: whole numbers from 0 on, shape [n]; rows of a session stay together.
        """
        from sklearn.base import clone
        from sklearn.linear_model import LogisticRegression

        few = len(rows) <= FEW
        fold = session % (FOLDS if few else LARGE_FOLDS)
        unseen, odds = np.zeros(len(rows), dtype=bool), np.zeros(len(rows))
        for number in range(FOLDS if few else 1):
            held_out = fold == number
            learned = clone(self.classifier).fit(rows[~held_out], label[~held_out])
            odds[held_out] = _log_odds(learned, rows[held_out])
            unseen |= held_out
        sigmoid = LogisticRegression(C=np.inf).fit(odds[unseen, None], label[unseen])
        self.slope_, self.intercept_ = float(sigmoid.coef_[0, 0]), float(sigmoid.intercept_[0])
        self.classifier_ = clone(self.classifier).fit(rows, label) if few else learned
        return self

    def predict(self, rows: Array) -> Array:
        """The chance of class 1, shape [n]."""
        odds = self.slope_ * _log_odds(self.classifier_, rows) + self.intercept_
        chance: Array = 1 / (1 + np.exp(-odds))
        return chance

    def onnx_shape_calculator(self) -> Any:
        """For skl2onnx: the shape of the only output."""
        from skl2onnx.common.data_types import FloatTensorType

        def shape(operator: Any) -> None:
            operator.outputs[0].type = FloatTensorType([None, 1])

        return shape

    def onnx_converter(self) -> Any:
        """For skl2onnx: the classifier's graph, and `predict` behind it."""
        from skl2onnx.common.data_types import FloatTensorType, Int64TensorType

        def convert(scope: Any, operator: Any, container: Any) -> None:
            classifier = scope.declare_local_operator("SklearnPipeline", self.classifier_)
            classifier.inputs = operator.inputs
            label = scope.declare_local_variable("label", Int64TensorType())
            chances = scope.declare_local_variable("chances", FloatTensorType())
            classifier.outputs.extend([label, chances])

            def node(kind: str, *inputs: str, output: str | None = None, **more: Any) -> str:
                output = output or scope.get_unique_variable_name(kind.lower())
                name = scope.get_unique_operator_name(kind)
                container.add_node(kind, list(inputs), output, name=name, **more)
                return output

            def constant(name: str, value: float, kind: int = FLOAT) -> str:
                name = scope.get_unique_variable_name(name)
                container.add_initializer(name, kind, [1], [value])
                return name

            one = constant("one", 1.0)
            chance = node("Gather", chances.full_name, constant("positive", 1, INT64), axis=1)
            chance = node("Max", chance, constant("least", SURE))
            chance = node("Min", chance, constant("most", 1 - SURE))
            odds = node("Log", node("Div", chance, node("Sub", one, chance)))
            straight = node("Mul", odds, constant("slope", self.slope_))
            straight = node("Add", straight, constant("intercept", self.intercept_))
            node("Sigmoid", straight, output=operator.outputs[0].full_name)

        return convert


def _log_odds(classifier: Any, rows: Array) -> Array:
    chance = classifier.predict_proba(rows)[:, 1].astype(np.float64)
    chance = np.clip(chance, SURE, 1 - SURE)
    odds: Array = np.log(chance / (1 - chance))
    return odds
