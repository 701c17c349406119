"""A binary classifier with calibrated probabilities, exported as one ONNX graph.

A sigmoid is fitted to the classifier's log odds on rows of sessions that it has not seen: J. Platt,
Probabilistic Outputs for Support Vector Machines (1999).
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

Array = np.ndarray[Any, np.dtype[Any]]

FOLDS = 3
FEW = 50_000
"""Up to this number of rows, the sigmoid is fitted to all folds of a cross-validation."""
LARGE_FOLDS = 20
"""With more rows, it is fitted to one of this many folds, and the classifier to the others."""
FLOAT, INT64 = 1, 7  # the numbers of ONNX's types
CLIP = 1e-4
"""Probabilities are clipped to this distance from 0 and 1: float32 is too coarse beyond it."""


class Calibrated(BaseEstimator):  # type: ignore[misc]
    """A binary classifier and its sigmoid; it predicts the probability of class 1.

    Attributes:
        classifier_: the fitted classifier.
        slope_, intercept_: of the sigmoid; 1 and 0 if the classifier is calibrated already.
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
        """The probability of class 1, shape [n]."""
        odds = self.slope_ * _log_odds(self.classifier_, rows) + self.intercept_
        probability: Array = 1 / (1 + np.exp(-odds))
        return probability

    def onnx_shape_calculator(self) -> Any:
        """For skl2onnx: the shape of the only output."""
        from skl2onnx.common.data_types import FloatTensorType

        def shape(operator: Any) -> None:
            operator.outputs[0].type = FloatTensorType([None, 1])

        return shape

    def onnx_converter(self) -> Any:
        """For skl2onnx: the classifier's graph, followed by the nodes of `predict`."""
        from skl2onnx.common.data_types import FloatTensorType, Int64TensorType

        def convert(scope: Any, operator: Any, container: Any) -> None:
            classifier = scope.declare_local_operator("SklearnPipeline", self.classifier_)
            classifier.inputs = operator.inputs
            label = scope.declare_local_variable("label", Int64TensorType())
            probabilities = scope.declare_local_variable("chances", FloatTensorType())
            classifier.outputs.extend([label, probabilities])

            def node(kind: str, *inputs: str, output: str | None = None, **options: Any) -> str:
                output = output or scope.get_unique_variable_name(kind.lower())
                name = scope.get_unique_operator_name(kind)
                container.add_node(kind, list(inputs), output, name=name, **options)
                return output

            def constant(name: str, value: float, kind: int = FLOAT) -> str:
                name = scope.get_unique_variable_name(name)
                container.add_initializer(name, kind, [1], [value])
                return name

            one = constant("one", 1.0)
            positive = constant("positive", 1, INT64)
            probability = node("Gather", probabilities.full_name, positive, axis=1)
            probability = node("Max", probability, constant("least", CLIP))
            probability = node("Min", probability, constant("most", 1 - CLIP))
            odds = node("Log", node("Div", probability, node("Sub", one, probability)))
            odds = node("Mul", odds, constant("slope", self.slope_))
            odds = node("Add", odds, constant("intercept", self.intercept_))
            node("Sigmoid", odds, output=operator.outputs[0].full_name)

        return convert


def _log_odds(classifier: Any, rows: Array) -> Array:
    probability = classifier.predict_proba(rows)[:, 1].astype(np.float64)
    probability = np.clip(probability, CLIP, 1 - CLIP)
    odds: Array = np.log(probability / (1 - probability))
    return odds
