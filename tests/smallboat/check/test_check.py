"""The toy keeps the contract; each rule is broken once in a copy of it, and named in a sentence."""

import importlib
import itertools
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import variants
from smallboat import cli, problem
from smallboat.check import check
from smallboat.config import config
from smallboat.errors import UserError
from smallboat.store import store
from smallboat.testing import toy
from toy.problem import PROBLEM
from toy_project import lay
from variants import Change

COPIES = itertools.count()
END = "columns=list(NAMES)))"
"""In features.py: where the feature table is whole."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the toy's configuration, and a store with its snapshot."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree("config", folder / "config")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        root = config.load(PROBLEM, "local").store.root
        data = config.load(PROBLEM, "local").data.model_dump()
        store.make_newest(root, store.make_snapshot(PROBLEM, root, data))
    return folder


def damaged(folder: Path, *changes: Change) -> problem.Problem:
    """A copy of the toy problem, changed."""
    name = f"toy_{next(COPIES)}"
    shutil.copytree(Path(toy.__file__).parent, folder / name)
    variants.apply(folder / name, *changes)
    importlib.invalidate_caches()
    return problem.of(name)


def found(copy: problem.Problem, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The sentences of the check, which must say how many they are."""
    capsys.readouterr()
    code = check.check(copy, "local")
    lines = capsys.readouterr().out.splitlines()
    *sentences, last = [line for line in lines if not line.startswith(("  ", "checking "))]
    assert code == (UserError.exit_code if sentences else 0)
    if sentences:
        assert re.match(rf"{len(sentences)} problems?(;|$)", last)
    else:
        assert last == "the problem keeps the contract"
    return sentences


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def table(change: str) -> Change:
    """A change of the whole feature table."""
    return "features.py", END, f"{END}.{change}"


def column(name: str, value: str) -> Change:
    """Another column of it."""
    return table(f"assign({name}={value})")


OFF = """
def _off(model):
    honest = model.predict
    model.predict = lambda rows: honest(rows) + (rows[:, 0] > 8)
    return model


def fit("""
LOGISTIC = """
from sklearn.linear_model import LogisticRegression


def fit("""

BROKEN: list[tuple[Any, ...]] = [
    # the names and signatures of the parts
    ("metrics: loss is missing", ("metrics.py", "def loss(", "def lose(")),
    (
        "metrics: loss takes (frame), but is called with (frame, predicted)",
        ("metrics.py", "def loss(frame: pd.DataFrame, predicted: Array)", "def loss(frame)"),
    ),
    (
        "features: online_features is not a function",
        ("features.py", "def online_features", "online_features = 1\n\ndef other"),
    ),
    ("service: SCHEMA is missing", ("service.py", "SCHEMA: Json =", "SHEMA: Json =")),
    (
        "candidates: can't be imported: ModuleNotFoundError: No module named 'nowhere'",
        ("candidates.py", "import numpy as np", "import nowhere\nimport numpy as np"),
    ),
    (
        "features.truth: column known_at is missing",
        ("features.py", '"known_at"', '"later"'),
    ),
    (
        "features.truth: column floor is among FEATURES: monitoring takes it from the request",
        ("features.py", "drop(columns=list(NAMES))", 'drop(columns=["distance", "depot_minutes"])'),
    ),
    (
        "features.truth: returns '0', which is none of the keys",
        (
            "features.py",
            '[rows["entity"].astype("str")], keys)',
            '[rows["entity"].astype("str")], ["0"])',
        ),
    ),
    # data and expectations
    (
        "data.collect: returns no licence, or not as text",
        ("data.py", '"licence": "none needed: the parcels are made up",', ""),
    ),
    (
        "data.collect: returns no rows, or not as numbers by table",
        ("data.py", '{"parcels": len(parcels)}', "len(parcels)"),
    ),
    (
        "data.collect: data_until is '31.12.2024'; a date as 2024-12-31 is needed",
        ("data.py", ".date().isoformat()", '.strftime("%d.%m.%Y")'),
    ),
    (
        "data.collect: no parcels today",
        (
            "data.py",
            "    parcels.to_csv",
            '    raise UserError("no parcels today")\n    parcels.to_csv',
        ),
    ),
    (
        "data.read: raises FileNotFoundError: ...letters.csv' (data.py, line ...)",
        ("data.py", 'read_csv(folder / "parcels.csv"', 'read_csv(folder / "letters.csv"'),
    ),
    (
        "expectations.raw: the data fails 1 expectation, ...minutes is between 0 and 20 ...",
        ("expectations.py", '"minutes", 0, 120', '"minutes", 0, 20'),
    ),
    (
        "expectations.feature: the data fails 1 expectation, ...weight has no nulls ...",
        ("expectations.py", '("date", "group", "target")', '("date", "weight")'),
    ),
    # the features
    (
        "features.build: column depot_minutes has ... NaN; a feature may have none",
        ("inputs.py", "np.where(np.isnan(depot_minutes), DEFAULT, depot_minutes)", "depot_minutes"),
    ),
    (
        "features.build: column depot_minutes has 1 values that float32 can't hold",
        *variants.MISSING,
        column("depot_minutes", 'lambda it: it["depot_minutes"].where(it.index > 0, np.inf)'),
        ("features.py", "import pandas as pd", "import numpy as np\nimport pandas as pd"),
    ),
    (
        "features.build: height is computed but not among FEATURES; add it to them, or to "
        "OTHER_COLUMNS if the model does not use it",
        column("height", "1.0"),
    ),
    (
        "features.build: column depot_minutes is among FEATURES but is not made",
        table('drop(columns="depot_minutes")'),
    ),
    (
        "features.build: column floor is str; a feature must be a number",
        column("floor", 'frame["floor"].astype(str)'),
    ),
    (
        "features.build: column floor has 960 values that float32 can't hold",
        column("floor", "1e39"),
    ),
    (
        "features.build: column floor is there more than once",
        table('pipe(lambda table: table[[*table, "floor"]])'),
    ),
    ("features.build: column target is missing", table('drop(columns="target")')),
    (
        "features.build: column date is str; datetime64 is needed",
        column("date", 'frame["date"].dt.strftime("%Y")'),
    ),
    (
        "features.build: the rows are not sorted by date; the oldest must come first",
        table("iloc[::-1]"),
    ),
    (
        "data.collect: returns no data_until, but the feature table has a column date",
        ("data.py", '"data_until"', '"newest"'),
    ),
    (
        "data.collect: returns data_until, but the feature table has no column date: make it, or "
        "leave this out",
        *variants.UNDATED[:4],
        variants.UNDATED[5],
    ),
    (
        "features.online_features: returns as_of, but the feature table has no column date: make "
        "it, or leave this out",
        variants.UNDATED[4],
        *variants.UNDATED[:3],
        variants.UNDATED[5],
    ),
    (
        "features.build: column period is float64; whole numbers are needed",
        column("period", "2024.0"),
    ),
    (
        "features.build: column group has 1 missing values",
        ("features.py", '.strftime("%Y-%m-%d")', '.strftime("%Y-%m-%d").where(frame.index > 0)'),
    ),
    (
        "features.build: column target has 1 NaN; the target may have none",
        ("features.py", 'frame["minutes"],', 'frame["minutes"].where(frame.index > 0),'),
    ),
    ("features.build: returns no rows", table("head(0)")),
    (
        "features.build: returns list",
        table("pipe(list)"),
    ),
    (
        "features.build: raises KeyError: 'depots' (features.py, line ...)",
        ("features.py", 'groupby(["depot", "date"])', 'groupby(["depots", "date"])'),
    ),
    (
        "features.build: column van is among OTHER_COLUMNS but is not made",
        ("features.py", '("entity",)', '("entity", "van")'),
    ),
    (
        "features.FEATURES: distance has the default nan; a finite number is needed",
        ("inputs.py", 'door", 5.0', 'door", float("nan")'),
    ),
    (
        "features.FEATURES: holds 'weight', which is no Feature",
        ("features.py", "OTHER_COLUMNS = ", 'FEATURES = (*FEATURES, "weight")\nOTHER_COLUMNS = '),
    ),
    (
        "features.FEATURES: names distance more than once",
        (
            "features.py",
            "OTHER_COLUMNS = ",
            "FEATURES = (*FEATURES, FEATURES[0])\nOTHER_COLUMNS = ",
        ),
    ),
    (
        "features.GROUPS: way has 'dist_*', which is the name of no feature",
        ("features.py", "OTHER_COLUMNS = ", 'GROUPS = {"way": ("dist_*",)}\nOTHER_COLUMNS = '),
    ),
    (
        "features.GROUPS: way is the text 'dist*'; a tuple of names or patterns is needed",
        ("features.py", "OTHER_COLUMNS = ", 'GROUPS = {"way": "dist*"}\nOTHER_COLUMNS = '),
    ),
    (
        "features.online_features: as_of is None; the date of the newest event is needed",
        ("features.py", '"as_of"', '"date"'),
    ),
    (
        "features.online_features: 'as_of' is not plain JSON: Object of type date is not JSON "
        "serializable",
        ("features.py", ".date().isoformat(),", ".date(),"),
    ),
    (
        "features.online_features: 'newest' changes in JSON: it needs text as keys, lists, and no "
        "other objects",
        ("features.py", '"newest": newest', '"newest": {1: newest}'),
    ),
    (
        "features.online_features: returns NoneType; a dict is needed",
        ("features.py", '    return {\n        "as_of"', '    return None and {\n        "as_of"'),
    ),
    # metrics
    (
        "metrics.SLICES: is text; a tuple of column names is needed",
        ("metrics.py", '("period", "depot")', '"depot"'),
    ),
    (
        "metrics.SLICES: names city, which is no column of the feature table",
        ("metrics.py", '("period", "depot")', '("period", "depot", "city")'),
    ),
    (
        "metrics.baseline: returns [192, 1]; an array of shape [192] is needed, one number a row",
        ("metrics.py", 'frame["depot_minutes"]', 'frame[["depot_minutes"]]'),
    ),
    (
        "metrics.baseline: returns 192 numbers that are not finite",
        ("metrics.py", 'frame["depot_minutes"]', '(frame["depot_minutes"] * np.nan)'),
    ),
    (
        "metrics.baseline: returns object; numbers are needed",
        (
            "metrics.py",
            'frame["depot_minutes"].to_numpy(dtype=np.float64)',
            'frame["depot"].to_numpy()',
        ),
    ),
    (
        "metrics.as_target: returns list; an array of shape [192] is needed, one number a row",
        ("metrics.py", "    return predicted\n", "    return list(predicted)\n"),
    ),
    (
        "metrics.loss: returns [1]; an array of shape [192] is needed, one number a row",
        ("metrics.py", "return errors", "return errors[:1]"),
    ),
    (
        "metrics.score: mae is inf; a finite number is needed",
        ("metrics.py", "float(value[0])", 'float("inf")'),
    ),
    ("metrics.score: rmse is missing, which is PRIMARY", ("metrics.py", '"mae"\nS', '"rmse"\nS')),
    (
        "metrics.score: mae is 0 for perfect answers and -... for the baseline; PRIMARY must be "
        "lower for better answers",
        ("metrics.py", '"mae": np.abs(error)', '"mae": 0 - np.abs(error)'),
    ),
    (
        "metrics.score: returns list; a dict of numbers is needed",
        ("metrics.py", "once).items()}", "once).items()} and []"),
    ),
    (
        "metrics.resampled: returns mae, bias; score returns mae, bias, n",
        ("metrics.py", "once).items()}", 'once).items()} | {"n": 1.0}'),
    ),
    (
        "metrics.resampled: mae: returns [1]; an array of shape [3] is needed, one number a row",
        ("metrics.py", "/ drawn for name", "/ drawn[:1] for name"),
        ("metrics.py", "counts @ days[name]", "counts[:1] @ days[name]"),
    ),
    (
        "metrics.calibration: what it returns is not plain JSON: Object of type ndarray is not "
        "JSON serializable",
        ("metrics.py", '{"error": [', '{"errors": np.zeros(2), "error": ['),
    ),
    (
        "metrics.calibration_metrics: the model has band_coverage, band_width; the trivial rule "
        "has band_coverage",
        ("metrics.py", "baseline(frame), trivial)", "baseline(frame), trivial).iloc[:, :1]"),
    ),
    (
        "metrics.calibration_metrics: band_width: returns 24 numbers that are not finite",
        ("metrics.py", '"band_width": high - low', '"band_width": np.inf'),
    ),
    # candidates
    (
        "candidates.OUTPUT: kind probabilities needs at least two classes with different names: it "
        "has none",
        ("candidates.py", 'kind="value"', 'kind="probabilities"'),
    ),
    (
        "candidates.OUTPUT: has 3 classes, but the target is also 3: it must be the index of a "
        "class, 0 to 2",
        *variants.CLASSES,
        ("features.py", "[22, 27]", "[22, 27, 32]"),
    ),
    (
        "metrics.baseline: returns [192]; an array of shape [192, 3] is needed, 3 numbers a row",
        *variants.CLASSES,
        ("metrics.py", "(len(frame), 1))", "(len(frame), 1))[:, 0]"),
    ),
    (
        "metrics.score: log_loss is 27.6... for perfect answers and ... for the baseline; PRIMARY "
        "must be lower for better answers",
        *variants.CLASSES,
        (
            "metrics.py",
            "return -np.log(np.clip(happened",
            "return -2 * np.log(np.clip(1 - happened",
        ),
    ),
    (
        "candidates.fit: ridge: it has the classes 0, 1, but an output of kind probabilities needs "
        "0 to 2, one for each of its classes, which needs rows to learn from",
        *variants.CLASSES,
        ("candidates.py", '["target"].to_numpy())', '["target"].clip(upper=1).to_numpy())'),
        ("candidates.py", '    Candidate("boosting"', '    # Candidate("boosting"'),
    ),
    (
        "candidates.fit: boosting: rounds: after 1: returns [192]; an array of shape [192, 3] is "
        "needed, 3 numbers a row",
        *variants.CLASSES,
        ("candidates.py", "(done, answer) for", "(done, answer[:, 0]) for"),
    ),
    (
        "candidates.OUTPUT: kind 'minutes' is unknown: choose one of value, rank, probability, "
        "probabilities",
        ("candidates.py", 'kind="value"', 'kind="minutes"'),
    ),
    (
        "candidates.OUTPUT: is 'minutes', which is no Output",
        ("candidates.py", "OUTPUT = ", 'OUTPUT = "minutes" or '),
    ),
    (
        "candidates.CANDIDATES: is empty",
        ("candidates.py", "def fit(", "CANDIDATES = ()\n\ndef fit("),
    ),
    (
        "candidates.CANDIDATES: boosting has an empty grid",
        ("candidates.py", '({"max_depth": 2, "learning_rate": 0.3},)', "()"),
    ),
    (
        "candidates.CANDIDATES: names ridge more than once",
        ("candidates.py", 'Candidate("boosting"', 'Candidate("ridge"'),
    ),
    (
        "candidates.CANDIDATES: holds 'lasso', which is no Candidate",
        ("candidates.py", "\n)\n\n\ndef fit", '\n    "lasso",\n)\n\n\ndef fit'),
    ),
    (
        "candidates.fit: ridge: raises RuntimeError: no luck (candidates.py, line ...)",
        (
            "candidates.py",
            "    return Ridge(",
            '    raise RuntimeError("no luck")\n    return Ridge(',
        ),
    ),
    (
        "candidates.fit: ridge: it has the classes 0, 1, 2, but an output of kind probability "
        "needs 0 and 1",
        ("candidates.py", 'kind="value")', 'kind="probability")'),
        (
            "candidates.py",
            "return Ridge(random_state=seed, **chosen)",
            "return LogisticRegression()",
        ),
        ("candidates.py", 'frame["target"].to_numpy())', 'np.digitize(frame["target"], [20, 30]))'),
        ("candidates.py", "def fit(", LOGISTIC),
    ),
    (
        "candidates.fit: ridge: its ONNX graph differs from the estimator by ... standard "
        "deviations of its answers on validation rows",
        ("candidates.py", "return model.fit(", "return _off(model).fit("),
        ("candidates.py", "def fit(", OFF),
    ),
    (
        "candidates.fit: boosting: rounds: after 1: returns [1]; an array of shape [192] ...",
        ("candidates.py", "(done, answer) for", "(done, answer[:1]) for"),
    ),
    # the service
    (
        "service: importing it loads pandas, which the model server does not have",
        ("inputs.py", "import numpy as np", "import numpy as np\nimport pandas"),
    ),
    (
        "service.NAMES: is distance, floor; FEATURES are distance, floor, depot_minutes",
        ("service.py", "Json = dict", "NAMES = NAMES[:2]\nJson = dict"),
    ),
    (
        "service.SCHEMA: raises JsonSchemaDefinitionException: ...",
        ("service.py", '"type": "number"', '"type": "kilometre"'),
    ),
    (
        "service.example: it breaks SCHEMA: request must contain ['parcels'] properties",
        ("service.py", '    """The newest parcels."""', "    return {}"),
    ),
    (
        "service.example: it is refused by service.check: parcels[0] is heavy",
        (
            "service.py",
            "    seen = []",
            '    raise RequestError("parcels[0]", "is heavy")\n    seen = []',
        ),
    ),
    (
        "service.known: the request for an empty question breaks SCHEMA: request must contain "
        "['parcels'] properties",
        ("service.py", 'raise RequestError("depot", "is missing")', "return {}"),
    ),
    (
        "service.features: returns inputs of shape [3, 2] for the example; [k, 3] is needed",
        ("service.py", 'online["depots"]), warnings', 'online["depots"])[:, :2], warnings'),
    ),
    (
        "service.features: returns inputs of type float64; float32 is needed",
        ("inputs.py", ".astype(np.float32)", ""),
    ),
    (
        "service.features: returns inputs that are infinite, or NaN though they may not be "
        "missing: distance, floor, depot_minutes",
        ("service.py", 'online["depots"]), warnings', 'online["depots"]) * np.nan, warnings'),
    ),
    (
        "service.features: returns inputs that are infinite, or NaN though they may not be "
        "missing: distance",
        *variants.MISSING,
        ("inputs.py", '(it["distance"], it', "(np.nan, it"),
    ),
    (
        "service.features: returns warnings that are not text",
        ("service.py", "), warnings\n", "), [*warnings, 7]\n"),
    ),
    (
        "service.features: walks over 200,000 entries of online_features['depots'] for one request "
        "when it has 100,000: look entries up by key",
        (
            "service.py",
            'depot not in online["depots"]',
            'depot in {depot} - online["depots"].keys()',
        ),
    ),
    (
        "service.predictions: it returns no list of dicts",
        ("service.py", "answers.tolist(), strict=True)\n    ]", "[], strict=False)\n    ] or {}"),
    ),
    (
        "service.predictions: raises KeyError: 'errors' (service.py, line ...)",
        ("service.py", 'evaluation["calibration"]["error"]', 'evaluation["calibration"]["errors"]'),
    ),
    (
        "service.predictions: what it returns is not plain JSON: Object of type float32 is not "
        "JSON serializable",
        ("service.py", '"minutes": round(answer, 4)', '"minutes": np.float32(answer)'),
    ),
    (
        "service.explain: explains 2 of 3 predictions",
        ("service.py", "for each in reasons]", "for each in reasons[1:]]"),
    ),
    (
        "service.page: what it returns is not plain JSON: Object of type set is not JSON "
        "serializable",
        ("service.py", 'sorted(online["depots"])', 'set(online["depots"])'),
    ),
    (
        "service.keys: returns no list of text",
        ("service.py", 'return [parcel.get("parcel", "")', 'return [parcel.get("parcel")'),
    ),
    (
        "service.keys: returns 2 keys for 3 rows",
        (
            "service.py",
            'for parcel in request["parcels"]]\n\n\ndef predictions',
            'for parcel in request["parcels"][1:]]\n\n\ndef predictions',
        ),
    ),
    (
        "service.from_csv: returns tuple; a list of requests is needed",
        ("service.py", '    return [{"parcels": [{name', '    return () and [{"parcels": [{name'),
    ),
    (
        "service.questions: asks nothing; a release needs at least one question",
        ("service.py", "    return [example(online), ", "    return [] and [example(online), "),
    ),
    (
        "service.questions: question 1 breaks SCHEMA: request.parcels must contain at least 1 ...",
        ("service.py", 'online["newest"][:1]}]', 'online["newest"][:0]}]'),
    ),
    (
        "service.invariants: holds ('an unknown ...', 'yes', ...); text, a bool and text are ...",
        ("service.py", 'warning", named,', 'warning", "yes",'),
    ),
]


@pytest.mark.parametrize("case", BROKEN, ids=[case[0][:60] for case in BROKEN])
def test_each_breach_is_a_sentence(
    case: tuple[Any, ...],
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sentence, *changes = case
    folder = project
    if changes[0][0] == "data.py":  # what it collects is not in a store yet
        folder = tmp_path
        shutil.copytree(project / "config", folder / "config")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    sentences = found(damaged(folder, *changes), capsys)
    wanted = re.escape(sentence).replace(re.escape("..."), ".*")
    assert [each for each in sentences if re.fullmatch(wanted, each)], sentences
    assert len({each.partition(":")[0] for each in sentences}) == 1, sentences


@pytest.mark.parametrize("changes", [variants.MISSING, variants.UNDATED, variants.CLASSES])
def test_other_kinds_of_problems_keep_the_contract(
    changes: tuple[Change, ...],
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(project / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert found(damaged(tmp_path, *changes), capsys) == []


def test_the_toy_keeps_the_contract_as_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before the first snapshot it reads the configured source, and leaves nothing behind."""
    lay(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    before = files(tmp_path)
    assert cli.main(["check"]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "the problem keeps the contract"
    assert files(tmp_path) == before


def test_all_breaches_are_said_at_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(str(project))
    copy = damaged(
        project,
        column("height", "1.0"),
        ("features.py", '"as_of"', '"date"'),
        ("metrics.py", "return errors", "return errors[:1]"),
        ("candidates.py", "return Ridge(", "return [].pop() or Ridge("),
        ("inputs.py", "import numpy as np", "import numpy as np\nimport pandas"),
    )
    where = [sentence.partition(":")[0] for sentence in found(copy, capsys)]
    assert where == [
        "features.build",
        "features.online_features",
        "metrics.loss",
        "candidates.fit",
        "service",
    ]


def test_what_the_configuration_asks_for_is_checked(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "config" / "local.toml"
    text = file.read_text() + "\n[decision]\ncontact_cost = 1.0\nmissed_cost = 2.0\n"
    file.write_text(text)
    missing = "metrics.decide: is missing, but the configuration has the table [decision]"
    assert found(damaged(tmp_path), capsys) == [missing]
    decide = "def decide(frame, predicted, costs):\n    return {}\n\n\ndef baseline("
    value = "metrics.decide: what it returns is not plain JSON: Object of type set is not JSON ..."
    assert found(damaged(tmp_path, ("metrics.py", "def baseline(", decide)), capsys) == []
    wrong = ("metrics.py", "def baseline(", decide.replace("{}", "{1}"))
    assert found(damaged(tmp_path, wrong), capsys) == [value.replace("...", "serializable")]
    file.write_text(f"{text}\n[training]\ntest_periods = 9\n")
    (sentence,) = found(damaged(tmp_path, ("metrics.py", "def baseline(", decide)), capsys)
    assert sentence.startswith("config [training]: the data has 5 whole periods")
