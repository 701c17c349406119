"""How `make train` and `make resume` end."""

from pathlib import Path

import pytest
from smallboat.config import config
from smallboat.config.sections import Store
from smallboat.reports import report
from smallboat.store import store
from smallboat.training import commands
from toy.problem import PROBLEM


@pytest.mark.parametrize(
    ("environment", "then"), [("local", "make deploy"), ("staging", "make deploy ENV=staging")]
)
@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 3)])
def test_only_a_run_that_passed_is_to_be_deployed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    passed: bool,
    code: int,
    environment: str,
    then: str,
) -> None:
    store.write_run(str(tmp_path), "1", {"passed": passed}, {})
    settings = config.load(PROBLEM, "local").model_copy(update={"store": Store(root=str(tmp_path))})
    monkeypatch.setattr(report, "table", lambda *_: "table")
    assert commands._finish(settings, "1", environment) == code
    failed = f"correct what failed; {then} gives the champion the new online features"
    assert capsys.readouterr().out.splitlines() == ["table", f"next: {then if passed else failed}"]
