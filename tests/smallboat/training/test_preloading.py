"""The fork server has what the steps need, and a problem that is broken is the steps' to report."""

from pathlib import Path

import pytest
from smallboat.problem import Problem
from smallboat.training import preloading

PARTS = ("data", "expectations", "features", "candidates", "metrics", "service")


def test_a_problems_functions_say_what_to_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "broken_problem"
    package.mkdir()
    for name in ("__init__", *PARTS):
        (package / f"{name}.py").touch()
    (package / "candidates.py").write_text("def make(seed):\n    from sklearn.svm import SVR\n")
    (package / "metrics.py").write_text("def score(:\n")
    (package / "service.py").write_bytes(b"import json\0")
    (package / "data.py").unlink()
    monkeypatch.syspath_prepend(str(tmp_path))
    found = preloading.modules(Problem(package.name, *(f".{name}" for name in PARTS)))
    assert [f"{package.name}.{name}" for name in PARTS] == found[len(preloading.FIRST) :][:6]
    assert found[-1] == "sklearn.svm"
