"""What a notebook shows of runs; test_train.py has the run of a whole training."""

from pathlib import Path
from typing import Any

import bundles
import pytest
from bundles import BETTER, PLAIN, WORSE
from smallboat import look
from smallboat.config import config
from smallboat.config.sections import Store
from smallboat.errors import UserError
from smallboat.release import targets
from smallboat.release.targets.local import LocalTarget
from smallboat.store import release_bundle
from toy.problem import PROBLEM


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> bundles.Runs:
    """Three runs; the newest has no model."""
    made = bundles.empty(tmp_path_factory.mktemp("store"))
    made.keep("1", PLAIN)
    made.keep("2", BETTER)
    made.keep("3", WORSE)
    made.keep_without_model("4", "2026-01-01")
    return made


@pytest.fixture
def open_run(runs: bundles.Runs, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`look.run` in that store."""
    settings = config.load(PROBLEM, "local").model_copy(update={"store": Store(root=runs.root)})
    monkeypatch.setattr(config, "load", lambda *_: settings)
    monkeypatch.setattr(look.process_environment, "clean", lambda on_aws: None)
    return look.run


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalTarget:
    """A folder of releases, instead of the toy's."""
    made = LocalTarget(PROBLEM, tmp_path)
    monkeypatch.setattr(targets, "of", lambda problem, settings: made)
    return made


def serve(target: LocalTarget, run: look.Run, folder: Path) -> None:
    folder.mkdir()
    release_bundle.write(folder, run.bundle, run.bundle)
    target.update(folder)


def test_the_newest_run_with_a_model_is_opened(open_run: Any) -> None:
    assert look.newest().bundle.release["run"] == "3"
    assert open_run("1").bundle.release["run"] == "1"
    with pytest.raises(UserError, match="there is no run '9'"):
        open_run("9")


def test_it_is_found_from_a_folder_inside(open_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Path.cwd()
    monkeypatch.chdir("serving/api")
    assert open_run("1").bundle.release["run"] == "1"
    assert Path.cwd() == before


def test_slices_are_sorted_and_there_may_be_none(open_run: Any) -> None:
    run = open_run("1")
    each = {"by": "period", "rows": 9, "groups": 3, "error": 1.0, "baseline": 2.0}
    run.bundle.evaluation["slices"] = [
        each | {"value": value, "difference": {"value": value, "low": 0.0, "high": 9.0}}
        for value in (1, 3, 2)
    ]
    assert run.slices()["difference"].tolist() == run.slices()["value"].tolist() == [3, 2, 1]
    run.bundle.evaluation["slices"] = []
    assert len(run.slices()) == 0


def test_a_run_is_the_challenger_of_what_is_served(
    open_run: Any, target: LocalTarget, tmp_path: Path
) -> None:
    plain, better, worse = (open_run(run) for run in "123")
    assert plain.against_champion()["message"] == "nothing is served yet: `make deploy`"
    serve(target, plain, tmp_path / "release")
    assert plain.against_champion()["outcome"] == "the same"
    found = better.against_champion()
    assert found["outcome"] == "not inferior"
    assert found["difference"]["high"] < 0
    assert worse.against_champion()["outcome"] == "inferior"


def test_features_that_are_gone_are_named(open_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run, build = open_run("1"), PROBLEM.features.build
    monkeypatch.setattr(
        PROBLEM.features, "build", lambda tables: build(tables).drop(columns="floor")
    )
    with pytest.raises(UserError, match=r"features.py no longer makes floor of snapshot"):
        run.errors()
