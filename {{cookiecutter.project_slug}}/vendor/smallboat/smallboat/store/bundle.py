"""A model leaves training as a bundle: ONNX, signature, evaluation and the evaluation model.

Serving reads it with onnxruntime and numpy; nothing is unpickled.
"""

import hashlib
import json
import os
import subprocess
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from ..problem import Kind, Output
from . import converters, store

FloatArray = npt.NDArray[np.floating[Any]]

SUM_TOLERANCE = 1e-3
"""How far the sum of a row's probabilities may be from 1; float32 and many classes need some."""


def to_onnx(estimator: Any, inputs: int, output: Output) -> bytes:
    """An estimator on `inputs` float32 columns as an ONNX graph, the same bytes each time.

    The graph has one output, of shape [n] or [n, 1], or [n, classes] for the kind probabilities;
    that of a classifier is the probability of class 1, or of each class. UserError if the estimator
    doesn't fit the output's kind or can't be exported.
    """
    classifies = _is_classifier(estimator, output)
    graph = converters.convert(estimator, inputs, {"zipmap": False} if classifies else {})
    if classifies:
        graph = _probabilities(graph)
    if classifies and output.kind == "probability":
        graph = _of_class_one(graph)
    # skl2onnx collects the domains in a set, and may list one with two versions.
    graph.opset_import.sort(key=lambda each: (each.domain, each.version))
    return bytes(graph.SerializeToString())


def answers(estimator: Any, rows: FloatArray, output: Output) -> FloatArray:
    """An estimator's own answers to features of shape [n, inputs].

    Returns:
        float64 of shape [n], or [n, classes] for the kind probabilities. Those of a classifier are
        the probabilities of class 1, or of each class.

    Raises:
        UserError: the estimator or its answers don't fit the output's kind.
    """
    if not _is_classifier(estimator, output):
        answer = estimator.predict(rows)
    elif output.kind == "probability":
        answer = estimator.predict_proba(rows)[:, 1]
    else:
        answer = estimator.predict_proba(rows)
    answer = np.asarray(answer, dtype=np.float64)
    if output.kind == "probabilities":
        return _each_class(answer, len(rows), output)
    if answer.size != len(rows):
        raise UserError(
            f"it answers {len(rows)} rows in shape {list(answer.shape)}: one number a row is needed"
        )
    return answer.ravel()


def _each_class(answer: FloatArray, rows: int, output: Output) -> FloatArray:
    """The answer; UserError unless each row has a probability for each class."""
    if answer.shape != (rows, len(output.classes)):
        raise UserError(
            f"it answers {rows} rows in shape {list(answer.shape)}: a probability for each of the "
            f"{len(output.classes)} classes is needed"
        )
    total = answer.sum(axis=1)
    if (answer < 0).any() or (np.abs(total - 1) > SUM_TOLERANCE).any():
        raise UserError(
            f"its answers are no probabilities: the smallest is {answer.min():.4g}, and the sum of "
            f"a row is {total.min():.4g} to {total.max():.4g}, not 1"
        )
    return answer


def unservable(output: Output) -> str | None:
    """Why no model with this output can be served; None if it can."""
    if output.kind not in get_args(Kind):
        return f"kind {output.kind!r} is unknown: choose one of {', '.join(get_args(Kind))}"
    if output.kind == "probabilities" and len(set(output.classes)) < max(2, len(output.classes)):
        named = ", ".join(output.classes) or "none"
        return f"kind probabilities needs at least two classes with different names: it has {named}"
    return None


def _is_classifier(estimator: Any, output: Output) -> bool:
    """Whether its probabilities are the answer; UserError if it doesn't fit the output's kind."""
    from sklearn.base import is_classifier

    if reason := unservable(output):
        raise UserError(f"candidates.OUTPUT: {reason}")
    if not is_classifier(estimator):
        return False
    if output.kind not in ("probability", "probabilities"):
        raise UserError(f"it is a classifier, but candidates.OUTPUT is of kind {output.kind}")
    count, needed = 2, "0 and 1"
    if output.kind == "probabilities":
        count = len(output.classes)
        needed = f"0 to {count - 1}, one for each of its classes, which needs rows to learn from"
    classes = np.asarray(estimator.classes_).tolist()
    if classes != list(range(count)):
        raise UserError(
            f"it has the classes {', '.join(map(str, classes))}, "
            f"but an output of kind {output.kind} needs {needed}"
        )
    return True


def _probabilities(graph: Any) -> Any:
    """A classifier's graph whose only output are the probabilities, shape [n, classes]."""
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    _, probabilities = (output.name for output in graph.graph.output)
    return select_model_inputs_outputs(graph, outputs=[probabilities])


def _of_class_one(graph: Any) -> Any:
    """A graph of probabilities whose only output is that of class 1, shape [n, 1]."""
    from onnx import TensorProto, helper

    (probabilities,) = (output.name for output in graph.graph.output)
    graph.graph.initializer.append(helper.make_tensor("one", TensorProto.INT64, [1], [1]))
    graph.graph.node.append(
        helper.make_node("Gather", [probabilities, "one"], ["probability"], axis=1)
    )
    del graph.graph.output[:]
    answer = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])
    graph.graph.output.append(answer)
    return graph


def predict(onnx: bytes, features: FloatArray) -> FloatArray:
    """The graph's answers, shape [n] or [n, classes], for features of shape [n, inputs]."""
    return run(session(onnx), features)


def run(session: Any, features: FloatArray) -> FloatArray:
    """What `predict` returns, of a graph that is ready to answer."""
    (answer,) = session.run(None, {"features": features.astype(np.float32)})
    answer = np.asarray(answer, dtype=np.float64)
    return answer if answer.ndim == 2 and answer.shape[1] > 1 else answer.ravel()


def session(onnx: bytes) -> Any:
    """The graph, ready to answer; onnxruntime raises an error of its own if it is none."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def parity(answers: FloatArray, expected: FloatArray) -> float:
    """How far a graph's answers differ from its estimator's, relative to their spread.

    The largest absolute difference in standard deviations of the estimator's answers, as Moriasi et
    al. scale errors (Model evaluation guidelines, Transactions of the ASABE 50(3), 2007): it stays
    the same if the target is measured in another unit. Answers that float32 can't tell apart have
    no spread: the difference is then relative to their size.

    Args:
        answers: of the graph, shape [n] or [n, classes].
        expected: of the estimator, in the same shape.

    Returns:
        0 if they agree; infinity or NaN, which pass no gate, if an answer is not finite.
    """
    worst, size = np.abs(answers - expected).max(), np.abs(expected).max()
    spread = expected.std()
    scale = size if spread <= np.finfo(np.float32).eps * size else spread
    return float(worst / scale) if scale != 0 else float(0 if worst == 0 else np.inf)


def model_hash(onnx: bytes, signature: dict[str, Any]) -> str:
    """The first 16 hex digits of a SHA-256 over what decides an answer: graph and signature."""
    text = json.dumps(signature, sort_keys=True).encode()
    return hashlib.sha256(onnx + b"\0" + text).hexdigest()[:16]


def files(
    served: dict[str, Any], evaluated: dict[str, Any], online: dict[str, Any]
) -> dict[str, bytes]:
    """A bundle's files without evaluation and report.

    They are models, signature, online features, and the reference for monitoring.
    """
    return {
        "model.onnx": served["onnx"],
        "evaluation_model.onnx": evaluated["onnx"],
        "signature.json": store.to_json(served["signature"]),
        "online_features.json": store.to_json(online),
        "reference.json": evaluated["reference"],
    }


def without_model(interface: dict[str, Any], online: dict[str, Any]) -> dict[str, bytes]:
    """The files of a run that has no winner: inputs and output, online features."""
    return {
        "signature.json": store.to_json(interface),
        "online_features.json": store.to_json(online),
    }


def commit() -> str | None:
    """The commit of the code, with a `+` if files differ from it; None outside of git.

    On AWS there is no git: Metaflow knows the commit that was deployed.
    """
    if _git("rev-parse", "--show-prefix") != "":
        version = json.loads(os.environ.get("METAFLOW_VERSION", "{}"))
        sha: str | None = version.get("commit_sha")
        return f"{sha}+" if sha and version.get("has_uncommitted_changes") else sha
    head = _git("rev-parse", "HEAD")
    changes = (_git("status", "--porcelain") or "").splitlines()
    # `make setup` writes the lock file after the first commit.
    return f"{head}+" if head and set(changes) - {"?? uv.lock"} else head


def _git(*words: str) -> str | None:
    """Git's output, stripped; None if it fails or isn't installed."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
