"""What a run keeps: whole, hashed, and readable without the library that trained it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from smallboat.errors import UserError
from smallboat.problem import Output
from smallboat.store import bundle, store
from smallboat.training import splits, training
from toy.problem import PROBLEM


@pytest.fixture(scope="module")
def made(parts: splits.Split, frame: pd.DataFrame) -> dict[str, Any]:
    simplest = training.candidate_names(PROBLEM)[-1]
    winner = training.search(PROBLEM, simplest, parts.train, parts.validation, seed=1)
    evaluated, served = (
        training.evaluate_winner(PROBLEM, winner, parts, 1, 60),
        training.refit(PROBLEM, winner, frame, 1),
    )
    return {"evaluated": evaluated, "served": served}


def test_the_hash_covers_graph_and_signature(made: dict[str, Any]) -> None:
    onnx, signature = made["served"]["onnx"], made["served"]["signature"]
    told = bundle.model_hash(onnx, signature)
    assert told == bundle.model_hash(onnx, dict(reversed(signature.items())))
    assert told != bundle.model_hash(made["evaluated"]["onnx"], signature)
    assert told != bundle.model_hash(onnx, {**signature, "trained_until": "1950-05-13"})


def test_a_bundle_is_read_with_numpy_and_onnxruntime_alone(
    made: dict[str, Any], parts: splits.Split, tmp_path: Path
) -> None:
    files = bundle.files(made["served"], made["evaluated"], {})
    folder = store.write_run(str(tmp_path), "7", {}, files)
    assert store.read_json(folder / "signature.json") == made["served"]["signature"]
    features = parts.test[training.columns(PROBLEM)].to_numpy()
    np.save(tmp_path / "features.npy", features)
    code = (
        "import sys, numpy, onnxruntime\n"
        "session = onnxruntime.InferenceSession(sys.argv[1])\n"
        "(answer,) = session.run(None, {'features': numpy.load(sys.argv[2])})\n"
        "assert not {'sklearn', 'pandas', 'xgboost'} & set(sys.modules)\n"
        "numpy.save(sys.argv[3], answer.ravel())\n"
    )
    arguments = [folder / "model.onnx", tmp_path / "features.npy", tmp_path / "answers.npy"]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    answers = np.load(tmp_path / "answers.npy")
    np.testing.assert_allclose(answers, bundle.predict(made["served"]["onnx"], features))


def test_the_order_of_a_set_is_not_in_the_bytes(made: dict[str, Any]) -> None:
    """skl2onnx keeps the operators' domains in a set: their order is that of the process."""
    import onnx

    graph = onnx.load_from_string(made["served"]["onnx"])
    operators = [(each.domain, each.version) for each in graph.opset_import]
    assert len(operators) > 1
    assert operators == sorted(operators)


SPEEDS = Output("speed", "1", "", "probabilities", ("quick", "usual", "slow"))
CHANCE = Output("bought", "probability", "", kind="probability")
SPREAD = np.array([10.0, 14.0, 10.0, 14.0])  # its standard deviation is 2
OFF = np.array([0.01, 0.0, -0.5, 0.0])


def test_parity_is_that_of_the_worst_row_in_standard_deviations() -> None:
    assert bundle.parity(SPREAD + OFF, SPREAD) == 0.25


@given(
    arrays(np.float64, 9, elements=st.integers(-1000, 1000)),
    arrays(np.float64, 9, elements=st.floats(-10, 10)),
    st.floats(1e-6, 1e9),
    st.integers(-1000, 1000),
)
def test_parity_does_not_depend_on_the_unit_of_the_target(
    expected: bundle.FloatArray, off: bundle.FloatArray, scale: float, shift: int
) -> None:
    """Scaled and shifted, as from degrees Fahrenheit to Celsius, answers have the same parity."""
    assume(expected.std() > 0)
    parity = bundle.parity(expected + off, expected)
    moved = scale * (np.array([expected + off, expected]) + shift)
    assert bundle.parity(*moved) == pytest.approx(parity, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("answers", "expected", "parity"),
    [
        ([3.0, 3.0], [3.0, 3.0], 0),
        ([3.3, 3.0], [3.0, 3.0], 0.1),  # constant: relative to its size
        ([0.0, 0.0], [0.0, 0.0], 0),
        ([1e-9, 0.0], [0.0, 0.0], np.inf),
        ([25.12345695, 25.12345695], [25.123456789, 25.123456790], 6.4e-9),  # so for float32
        ([np.nan, 1.0], [0.0, 1.0], np.nan),
        ([np.inf, 1.0], [0.0, 1.0], np.inf),
    ],
)
def test_the_parity_of_special_answers(
    answers: list[float], expected: list[float], parity: float
) -> None:
    found = bundle.parity(np.array(answers), np.array(expected))
    assert found == pytest.approx(parity, rel=0.05, nan_ok=True)


def estimator(classes: int, kind: str) -> tuple[Any, Output]:
    """A fitted classifier of so many classes (a regressor if 0), and an output of a kind."""
    rows = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)
    output = Output("y", "1", "", kind, ("a", "b"))  # type: ignore[arg-type]
    if classes == 0:
        return LinearRegression().fit(rows, rows[:, 0]), output
    label = np.arange(60) % classes if classes > 1 else np.array(["no", "yes"] * 30)
    return LogisticRegression().fit(rows, label), output


@pytest.mark.parametrize(
    ("classes", "kind", "message"),
    [
        (2, "probability", None),
        (0, "probability", None),
        (0, "value", None),
        (0, "rank", None),
        (3, "probability", r"has the classes 0, 1, 2, but .* probability needs 0 and 1"),
        (1, "probability", r"has the classes no, yes, but .* probability needs 0 and 1"),
        (2, "value", r"is a classifier, but candidates\.OUTPUT is of kind value"),
        (2, "rank", r"is a classifier, but candidates\.OUTPUT is of kind rank"),
        (2, "probabilities", None),
        (3, "probabilities", r"has the classes 0, 1, 2, but .* needs 0 to 1, one for each of its"),
        (1, "probabilities", r"has the classes no, yes, but .* needs 0 to 1, one for each of its"),
        (0, "probabilities", r"answers 5 rows in shape \[5\]: a probability for each of the 2"),
        (0, "chance", r"kind 'chance' is unknown: choose one of value, rank, probability"),
    ],
)
def test_only_an_estimator_that_fits_the_outputs_kind_is_exported(
    classes: int, kind: str, message: str | None
) -> None:
    fitted, output = estimator(classes, kind)
    rows = np.zeros((5, 4), dtype=np.float32)
    if message is None:
        graph = bundle.to_onnx(fitted, 4, output)
        assert bundle.parity(bundle.predict(graph, rows), bundle.answers(fitted, rows, output)) == (
            pytest.approx(0, abs=1e-6)
        )
        return
    with pytest.raises(UserError, match=message):
        bundle.answers(fitted, rows, output)
    if classes > 0 or kind == "chance":  # of a regressor only the answers tell
        with pytest.raises(UserError, match=message):
            bundle.to_onnx(fitted, 4, output)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ((), "needs at least two classes with different names: it has none"),
        (("a",), "needs at least two classes with different names: it has a"),
        (("a", "b", "a"), "needs at least two classes with different names: it has a, b, a"),
        (("a", "b"), None),
    ],
)
def test_classes_have_names(classes: tuple[str, ...], message: str | None) -> None:
    found = bundle.unservable(Output("y", "1", "", "probabilities", classes))
    assert found == (f"kind probabilities {message}" if message else None)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([[0.2, 0.3, 0.5], [1, 0, 0]], None),
        ([[0.2, 0.3, 0.5005], [1, 0, 0]], None),
        (
            [[0.2, 0.3, 0.6], [1, 0, 0]],
            "the smallest is 0, and the sum of a row is 1 to 1.1,",
        ),
        (
            [[0.2, 0.8, 0], [1.5, -0.5, 0]],
            "the smallest is -0.5, and the sum of a row is 1 to 1,",
        ),
        ([[0.5, 0.5], [1, 0]], r"in shape \[2, 2\]: a probability for each of the 3 classes"),
        ([[np.nan] * 3] * 2, None),  # `metrics.score` refuses what is not finite
    ],
)
def test_the_probabilities_of_a_row_add_up_to_one(answer: Any, message: str | None) -> None:
    class Stub(BaseEstimator):  # type: ignore[misc]
        def predict(self, rows: bundle.FloatArray) -> Any:
            return answer

    rows = np.zeros((2, 4), dtype=np.float32)
    if message is None:
        np.testing.assert_array_equal(bundle.answers(Stub(), rows, SPEEDS), answer)
        return
    with pytest.raises(UserError, match=message):
        bundle.answers(Stub(), rows, SPEEDS)


def test_an_estimator_of_two_numbers_a_row_is_refused() -> None:
    rows = np.ones((5, 4), dtype=np.float32)
    fitted = LinearRegression().fit(rows, rows[:, :2])
    with pytest.raises(UserError, match=r"answers 5 rows in shape \[5, 2\]: one number a row"):
        bundle.answers(fitted, rows, Output("y", "1", "", kind="value"))


def classifiers() -> dict[str, Any]:
    """Some that a project may want to serve, none fitted."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBClassifier

    def boosted() -> Any:
        some = ColumnTransformer([("some", "passthrough", [0, 2, 3])])
        return make_pipeline(some, XGBClassifier(n_estimators=10, n_jobs=1))

    return {
        "scaled": make_pipeline(StandardScaler(), LogisticRegression()),
        "trees": ExtraTreesClassifier(20, max_depth=5, random_state=1),
        "boosted trees": GradientBoostingClassifier(n_estimators=20, random_state=1),
        "XGBoost": XGBClassifier(n_estimators=20, n_jobs=1),
        "XGBoost on some columns": boosted(),
        "calibrated": CalibratedClassifierCV(boosted(), cv=3, ensemble=False),
    }


@pytest.mark.parametrize("name", classifiers())
def test_a_classifiers_graph_answers_with_the_chance_of_class_one(name: str) -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(500, 4)).astype(np.float32)
    label = (rows[:, 0] + rng.normal(size=500) > 0.5).astype(int)
    graphs = []
    for _ in range(2):
        fitted = classifiers()[name].fit(rows, label)
        graphs.append(bundle.to_onnx(fitted, 4, CHANCE))
    (output,) = bundle.session(graphs[0]).get_outputs()
    assert output.type == "tensor(float)"
    chance = fitted.predict_proba(rows)[:, 1]
    assert bundle.predict(graphs[0], rows).shape == (500,)
    np.testing.assert_array_equal(bundle.answers(fitted, rows, CHANCE), chance)
    assert bundle.parity(bundle.predict(graphs[0], rows), chance) <= 1e-5
    assert len(set(chance)) > 20
    assert graphs[0] == graphs[1]


@pytest.mark.parametrize("name", classifiers())
def test_a_classifiers_graph_answers_with_the_chance_of_each_class(name: str) -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(500, 4)).astype(np.float32)
    label = np.digitize(rows[:, 0] + rng.normal(size=500), [-0.5, 0.5])
    fitted = classifiers()[name].fit(rows, label)
    graph = bundle.to_onnx(fitted, 4, SPEEDS)
    (output,) = bundle.session(graph).get_outputs()
    assert output.type == "tensor(float)"
    chances = fitted.predict_proba(rows)
    assert chances.shape == bundle.predict(graph, rows).shape == (500, 3)
    np.testing.assert_array_equal(bundle.answers(fitted, rows, SPEEDS), chances)
    assert bundle.parity(bundle.predict(graph, rows), chances) <= 1e-5


def test_parity_covers_each_class_and_every_row() -> None:
    chances = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    off = chances + np.array([[0, 0, 0], [0, 0.01, -0.01]])
    assert bundle.parity(off, chances) == pytest.approx(0.01 / chances.std())


class Sharpened(BaseEstimator):  # type: ignore[misc]
    """A classifier whose probabilities are squared; it answers by `predict` and exports itself."""

    def fit(self, rows: bundle.FloatArray, label: Any) -> "Sharpened":
        self.classifier_ = LogisticRegression().fit(rows, label)
        return self

    def predict(self, rows: bundle.FloatArray) -> Any:
        squared = self.classifier_.predict_proba(rows) ** 2
        return squared / squared.sum(axis=1, keepdims=True)

    def onnx_shape_calculator(self) -> Any:
        def shape(operator: Any) -> None:
            operator.outputs[0].type = FloatTensorType([None, 3])

        return shape

    def onnx_converter(self) -> Any:
        def convert(scope: Any, operator: Any, container: Any) -> None:
            inner = scope.declare_local_operator("SklearnLinearClassifier", self.classifier_)
            inner.inputs = operator.inputs
            label = scope.declare_local_variable("label", Int64TensorType())
            chances = scope.declare_local_variable("chances", FloatTensorType())
            inner.outputs.extend([label, chances])
            container.add_node("Mul", [chances.full_name] * 2, "squared", name="square")
            container.add_initializer("columns", 7, [1], [1])
            container.add_node("ReduceSum", ["squared", "columns"], "sum", name="sum")
            result = operator.outputs[0].full_name
            container.add_node("Div", ["squared", "sum"], result, name="divide")

        return convert


def test_an_estimator_of_ones_own_may_answer_with_the_chance_of_each_class() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(200, 4)).astype(np.float32)
    fitted = Sharpened().fit(rows, np.digitize(rows[:, 0], [-0.5, 0.5]))
    answers = bundle.answers(fitted, rows, SPEEDS)
    assert bundle.parity(bundle.predict(bundle.to_onnx(fitted, 4, SPEEDS), rows), answers) <= 1e-5


def test_the_commit_says_when_files_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert bundle.commit() is None
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / "file").write_text("1")
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], check=True)
    clean = bundle.commit()
    assert clean is not None and len(clean) == 40
    (tmp_path / "file").write_text("2")
    assert bundle.commit() == f"{clean}+"
    (tmp_path / "file").write_text("1")
    (tmp_path / "new").write_text("")
    assert bundle.commit() == f"{clean}+"
    (tmp_path / "new").unlink()
    assert bundle.commit() == clean
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    assert bundle.commit() is None


@pytest.mark.parametrize(("differs", "commit"), [(False, "c0ffee"), (True, "c0ffee+")])
def test_where_there_is_no_git_metaflow_says_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, differs: bool, commit: str
) -> None:
    told = {"commit_sha": "c0ffee", "has_uncommitted_changes": differs}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METAFLOW_VERSION", json.dumps(told))
    assert bundle.commit() == commit


def test_onnxruntime_reports_to_nobody() -> None:
    """It does unless a variable says no, before its own import."""
    package = bundle.__name__.partition(".")[0]
    code = f"import {package}, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environ = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
