"""A regressor that learns a standardized target, exported as one ONNX graph.

A graph adds up float32 numbers: of a target whose mean is far larger than its spread, too few
digits are left, unless the mean is added last.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

Array = np.ndarray[Any, np.dtype[Any]]
FLOAT = 1  # the number of ONNX's type


class StandardizedTarget(BaseEstimator):  # type: ignore[misc]
    """A regressor of (target - mean) / deviation, or of the same of a target's logarithm.

    Attributes:
        regressor_: the fitted regressor.
        mean_, deviation_: of the target, or of its logarithm.
    """

    def __init__(self, regressor: Any, log: bool = False) -> None:
        self.regressor = regressor
        self.log = log

    def fit(self, rows: Array, target: Array) -> "StandardizedTarget":
        """Fit the regressor to rows, float32 of shape [n, features], and the target, shape [n].

        If the logarithm is learned, the target must be positive.
        """
        from sklearn.base import clone

        target = np.log(target) if self.log else target
        self.mean_, self.deviation_ = float(target.mean()), float(target.std()) or 1.0
        learned = (target - self.mean_) / self.deviation_
        self.regressor_ = clone(self.regressor).fit(rows, learned)
        return self

    def predict(self, rows: Array) -> Array:
        """The target, shape [n]; positive if the logarithm was learned."""
        return self.as_target(self.regressor_.predict(rows))

    def as_target(self, answers: Array) -> Array:
        """The regressor's answers in the target's unit."""
        apart = np.asarray(answers, dtype=np.float64).ravel() * self.deviation_
        answers = np.exp(apart) * np.exp(self.mean_) if self.log else apart + self.mean_
        return answers

    def onnx_shape_calculator(self) -> Any:
        """For skl2onnx: the shape of the only output."""
        from skl2onnx.common.data_types import FloatTensorType

        def shape(operator: Any) -> None:
            operator.outputs[0].type = FloatTensorType([None, 1])

        return shape

    def onnx_converter(self) -> Any:
        """For skl2onnx: the regressor's graph, followed by the nodes of `as_target`."""
        from skl2onnx.common.data_types import FloatTensorType

        def convert(scope: Any, operator: Any, container: Any) -> None:
            regressor = scope.declare_local_operator("SklearnPipeline", self.regressor_)
            regressor.inputs = operator.inputs
            answer = scope.declare_local_variable("answer", FloatTensorType())
            regressor.outputs.append(answer)

            def node(kind: str, inputs: list[str], output: str | None = None) -> list[str]:
                output = output or scope.get_unique_variable_name(kind.lower())
                container.add_node(kind, inputs, output, name=scope.get_unique_operator_name(kind))
                return [output]

            def constant(name: str, value: float) -> str:
                name = scope.get_unique_variable_name(name)
                container.add_initializer(name, FLOAT, [1], [value])
                return name

            apart = node("Mul", [answer.full_name, constant("deviation", self.deviation_)])
            last, mean = ("Add", self.mean_)
            if self.log:
                apart, last, mean = node("Exp", apart), "Mul", float(np.exp(self.mean_))
            node(last, [*apart, constant("mean", mean)], operator.outputs[0].full_name)

        return convert
