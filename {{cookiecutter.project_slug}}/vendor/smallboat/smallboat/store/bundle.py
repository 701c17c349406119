"""A model leaves training as a bundle: ONNX, signature, evaluation and the evaluation model.

Serving reads it with onnxruntime and numpy; nothing is unpickled.
"""

import hashlib
import json
import os
import subprocess
from typing import Any

import numpy as np
import numpy.typing as npt

from . import store

FloatArray = npt.NDArray[np.floating[Any]]

OPSET = {"": 18, "ai.onnx.ml": 3}


def to_onnx(estimator: Any, inputs: int) -> bytes:
    """An estimator on `inputs` raw float32 columns as an ONNX graph, the same bytes each time.

    A graph has one output, of shape [n] or [n, 1]; that of a classifier of the classes 0 and 1 is
    the probability of 1.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.base import is_classifier

    _register_xgboost()
    classifies = is_classifier(estimator)
    graph = convert_sklearn(
        estimator,
        name="model",
        initial_types=[("features", FloatTensorType([None, inputs]))],
        target_opset=OPSET,
        options={id(estimator): {"zipmap": False}} if classifies else None,
    )
    if classifies:
        graph = _of_class_one(graph)
    # They come in the order of a set, and a domain may be there with two versions.
    graph.opset_import.sort(key=lambda each: (each.domain, each.version))
    return bytes(graph.SerializeToString())


def _register_xgboost() -> None:
    """Tell skl2onnx how estimators of XGBoost are converted."""
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx import update_registered_converter
    from skl2onnx.common import shape_calculator
    from xgboost import XGBClassifier, XGBRanker, XGBRegressor

    for model in (XGBRegressor, XGBRanker):
        update_registered_converter(
            model,
            f"XGBoost{model.__name__}",
            shape_calculator.calculate_linear_regressor_output_shapes,
            convert_xgboost,
        )
    update_registered_converter(
        XGBClassifier,
        "XGBoostXGBClassifier",
        shape_calculator.calculate_linear_classifier_output_shapes,
        convert_xgboost,
        options={"zipmap": [True, False], "nocl": [True, False]},
    )


def _of_class_one(graph: Any) -> Any:
    """A classifier's graph without its label: of the probabilities, shape [n, 2], the second."""
    from onnx import TensorProto, helper
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    _, probabilities = (output.name for output in graph.graph.output)
    graph = select_model_inputs_outputs(graph, outputs=[probabilities])
    graph.graph.initializer.append(helper.make_tensor("one", TensorProto.INT64, [1], [1]))
    graph.graph.node.append(
        helper.make_node("Gather", [probabilities, "one"], ["probability"], axis=1)
    )
    del graph.graph.output[:]
    answer = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])
    graph.graph.output.append(answer)
    return graph


def predict(onnx: bytes, features: FloatArray) -> FloatArray:
    """The graph's answers, shape [n], for features of shape [n, inputs]."""
    (answer,) = session(onnx).run(None, {"features": features.astype(np.float32)})
    return np.asarray(answer, dtype=np.float64).ravel()


def session(onnx: bytes) -> Any:
    """The graph, ready to be asked; an error of onnxruntime's own if it is none."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def difference(onnx: bytes, features: FloatArray, expected: FloatArray) -> float:
    """The largest absolute difference between the graph's answers and the estimator's own."""
    return float(np.abs(predict(onnx, features) - expected).max())


def model_hash(onnx: bytes, signature: dict[str, Any]) -> str:
    """The first 16 hex digits of a SHA-256 over what decides an answer: graph and signature."""
    text = json.dumps(signature, sort_keys=True).encode()
    return hashlib.sha256(onnx + b"\0" + text).hexdigest()[:16]


def files(
    served: dict[str, Any], evaluated: dict[str, Any], online: dict[str, Any]
) -> dict[str, bytes]:
    """A bundle's files but for what is known of them: models, signature, online features."""
    return {
        "model.onnx": served["onnx"],
        "evaluation_model.onnx": evaluated["onnx"],
        "signature.json": store.to_json(served["signature"]),
        "online_features.json": store.to_json(online),
    }


def commit() -> str | None:
    """The commit that the code stands at, `+` behind it if files differ; None outside of git.

    On AWS there is no git: Metaflow says there where it stood when it was deployed.
    """
    if _git("rev-parse", "--show-prefix") != "":
        told = json.loads(os.environ.get("METAFLOW_VERSION", "{}"))
        sha: str | None = told.get("commit_sha")
        return f"{sha}+" if sha and told.get("has_uncommitted_changes") else sha
    head = _git("rev-parse", "HEAD")
    changes = (_git("status", "--porcelain") or "").splitlines()
    # `make setup` writes the lock file after the first commit.
    return f"{head}+" if head and set(changes) - {"?? uv.lock"} else head


def _git(*words: str) -> str | None:
    """What git says, stripped; None where it fails or isn't installed."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
