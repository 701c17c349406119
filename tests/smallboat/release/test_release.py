"""The protocol of a release, on a target that answers as it is told to."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bundles
import pytest
from bundles import BETTER, BREAKS, PLAIN, WORSE, WRONG, Runs
from smallboat import integrity
from smallboat.config import config, sections
from smallboat.errors import CloudError, ReleaseError, UserError
from smallboat.evaluation import gates
from smallboat.release import challengers, history, smoke_tests
from smallboat.release.release import UNCHANGED, Releaser
from smallboat.serving import servers
from smallboat.store import bundle, release_bundle, store
from smallboat.store import runs as store_runs
from smallboat.training import training
from smallboat.validation import preparation
from smallboat.validation.validation import Report
from toy import metrics, service
from toy.problem import PROBLEM

RULES = sections.Release(
    margin=config.load(PROBLEM, "local").release.margin, latency_ms=250.0, keep=2
)


class Fake:
    """A target in memory; its server has a fault, and it keeps a log of what is done to it."""

    network_overhead_ms = 0.0

    def __init__(self, folder: Path) -> None:
        self.fault: tuple[str, str] = ("", "")
        self.log: list[str] = []
        self.reasons: list[str] = []
        self.old = False
        self._folder = folder
        self._served: list[Path] = []
        self._updated: Path | None = None
        self._updates = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        yield

    def current(self) -> dict[str, Any] | None:
        return (
            integrity.read_manifest(self.folder(), integrity.RELEASE)[0] if self._served else None
        )

    def folder(self) -> Path:
        return self._served[-1]

    def previous(self) -> Path | None:
        return self._served[-2] if len(self._served) > 1 else None

    def outdated(self) -> bool:
        return self.old

    @contextmanager
    def pre_switch_server(self, folder: Path) -> Iterator[Any]:
        self.log.append("pre_switch_server")
        yield lambda body: self._answer("pre_switch_server", folder, body)

    def update(self, folder: Path, back: bool = False) -> None:
        self.log.append("update")
        self._updates += 1
        self._updated = self._folder / str(self._updates)
        shutil.copytree(folder, self._updated)

    @contextmanager
    def live_server(self) -> Iterator[Any]:
        self.log.append("live_server")
        yield lambda body: self._answer("live_server", self._updated or self.folder(), body)

    def confirm(self, reason: str, back: bool = False) -> None:
        self.log.append("back" if back else "confirm")
        self.reasons.append(reason)
        assert self._updated is not None
        self._served = self._served[:-1] if back else [*self._served, self._updated]
        self._updated = None

    def undo(self) -> None:
        self.log.append("undo")
        self._updated = None

    def _answer(self, when: str, folder: Path, body: dict[str, Any]) -> dict[str, Any]:
        """What the model server answers, unless it is time for the fault."""
        how = self.fault[1] if self.fault[0] == when else ""
        if how == "crashes":
            raise ReleaseError("the model server broke the connection")
        if how == "is interrupted":
            raise KeyboardInterrupt
        if how == "is late" and len(body["requests"]) == 1:
            time.sleep(0.28)
        facts, online, evaluation = (
            store.read_json(folder / f"{name}.json")
            for name in ("release", "online_features", "evaluation")
        )
        if how == "is another":
            facts["release"] = "somebody-else"
        onnx = (folder / "model.onnx").read_bytes()
        results = []
        for request in body["requests"]:
            rows, warnings = service.features(request, online)
            shown = service.predictions(request, bundle.predict(onnx, rows), rows, evaluation)
            if how == "is wrong":
                shown[0] = _changed(shown[0])
            results.append({"predictions": shown, "warnings": warnings})
        return {} if how == "is strange" else {"model": facts, "results": results}


def _changed(prediction: dict[str, Any]) -> dict[str, Any]:
    """The same with other numbers."""
    return {
        name: value + 0.1 if isinstance(value, float) else value
        for name, value in prediction.items()
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return bundles.empty(tmp_path_factory.mktemp("sample") / "store")


@pytest.fixture
def runs(sample: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """An empty store; its snapshot was engineered already."""
    made = sample.frame, sample.online, Report([])
    monkeypatch.setattr(preparation, "engineer", lambda *_: made)
    return Runs(str(tmp_path / "store"), sample.snapshot, sample.frame, sample.online)


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake(tmp_path / "target")
    monkeypatch.setattr(
        servers, "temporary_model_server", lambda _, folder: fake.pre_switch_server(folder)
    )
    return fake


def deploy(target: Fake, runs: Runs, run: str | None = None, allow: bool = False) -> Any:
    target.log.clear()
    return Releaser(PROBLEM, target, RULES).deploy(runs.root, run, allow)


def served(target: Fake) -> tuple[str, str]:
    """The runs of the model and of the features that are served."""
    current = target.current()
    assert current is not None
    return current["run"], current["features_run"]


def test_the_first_release_has_no_champion_to_beat(target: Fake, runs: Runs) -> None:
    folder = runs.keep("1", PLAIN)
    outcome = deploy(target, runs)
    assert (outcome.name, outcome.exit_code) == ("released", 0)
    assert target.log == ["pre_switch_server", "update", "live_server", "confirm"]
    current = target.current()
    assert current is not None
    assert current == {
        "release": f"{current['model_hash']}-{current['online_features_hash']}",
        "run": "1",
        "model_hash": store.read_json(folder / "evaluation.json")["model_hash"],
        "features_run": "1",
        "online_features_hash": current["online_features_hash"],
        "features_as_of": runs.online["as_of"],
        "snapshot": runs.snapshot,
    }
    kept = "model_card.html", "online_features.json", "reference.json"
    for name in (*release_bundle.MODEL, *kept):
        assert (target.folder() / name).read_bytes() == (folder / name).read_bytes()


def test_card_and_reference_stay_with_their_model_and_older_bundles_have_none(
    target: Fake, runs: Runs
) -> None:
    kept = runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", WORSE, as_of="2030-01-01")
    assert deploy(target, runs).name == "kept"
    for name in release_bundle.OPTIONAL:
        assert (target.folder() / name).read_bytes() == (kept / name).read_bytes()
    old = runs.keep("3", BETTER, old=True)
    assert deploy(target, runs).name == "released"
    for name in release_bundle.OPTIONAL:
        assert not (old / name).exists() and not (target.folder() / name).exists()


def test_what_is_served_already_is_kept_and_nothing_is_switched(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    outcome = deploy(target, runs)
    assert (outcome.name, outcome.exit_code, target.log) == ("kept", 0, [])


def test_a_better_model_is_released_with_its_own_features(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN, as_of="2030-01-01")
    deploy(target, runs)
    runs.keep("2", BETTER)
    assert deploy(target, runs).name == "released"
    assert served(target) == ("2", "2")


def test_an_inferior_model_is_kept_out(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", WORSE)
    outcome = deploy(target, runs)
    assert (outcome.name, outcome.exit_code, target.log) == ("kept", 0, [])
    assert f"run 2 is inferior: {metrics.PRIMARY} +" in outcome.message


def test_the_log_says_why_a_release_came(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", BETTER, as_of="2030-01-01")
    deploy(target, runs)
    runs.keep("3", WORSE, as_of="2031-01-01")
    kept = deploy(target, runs)
    target.old = True
    Releaser(PROBLEM, target, RULES, origin="staging").deploy(runs.root)
    Releaser(PROBLEM, target, RULES).roll_back()
    first, better, fresh, image, back = target.reasons
    assert (first, back) == ("the first release", "a rollback")
    assert better.startswith(f"run 2 is not inferior: {metrics.PRIMARY} -")
    assert fresh.startswith("newer online features of run 3; run 3 is inferior: ")
    assert fresh.partition("; ")[2] in kept.message
    assert image == "promoted from staging; the current image and settings"


def test_a_challenger_that_is_not_released_is_recorded_with_the_reason(
    target: Fake, runs: Runs
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", WORSE)
    kept = deploy(target, runs)
    runs.keep("3", BETTER)
    target.fault = ("live_server", "is wrong")
    deploy(target, runs)
    target.fault = ("", "")
    deploy(target, runs, "1")  # the same as the champion: there is nothing to learn of it
    third, second = history.kept_out(runs.root)  # run 2 was tried again after run 3 failed
    assert (second["run"], second["outcome"], second["reason"]) == ("2", "kept", kept.message)
    assert (third["run"], third["outcome"]) == ("3", "failed")
    assert third["reason"].startswith("post-switch check failed: ")


def test_a_deployment_does_not_fail_because_of_the_list_of_challengers(
    target: Fake, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", WORSE)
    store.replace(runs.root, history.KEPT, b"cut")
    assert deploy(target, runs).name == "kept"
    told = "the list of challengers was not written: .*kept.json is no JSON: .*; remove it"
    assert re.search(told, capsys.readouterr().out)


@pytest.mark.parametrize("weights", [WORSE, PLAIN], ids=["inferior", "the same"])
def test_newer_features_of_a_run_that_is_kept_out_go_with_the_champion(
    target: Fake, runs: Runs, weights: dict[str, float]
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", weights, as_of="2030-01-01")
    outcome = deploy(target, runs)
    assert outcome.name == "kept" and "features as of 2030-01-01 of run 2" in outcome.message
    assert target.log == ["pre_switch_server", "update", "live_server", "confirm"]
    assert served(target) == ("1", "2")
    assert deploy(target, runs).name == "kept" and target.log == []


def test_a_deployment_reads_all_evaluations_once(
    target: Fake, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", WORSE, as_of="2030-01-01")
    found, read = [], store_runs.read
    monkeypatch.setattr(store_runs, "read", lambda root: found.append(root) or read(root))
    assert deploy(target, runs).changed
    assert found == [runs.root]


def test_a_champion_whose_server_is_outdated_is_served_anew(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    target.old = True
    outcome = deploy(target, runs)
    assert (
        outcome.name == "kept"
        and "redeployed with the current image and settings" in outcome.message
    )
    assert target.log == ["pre_switch_server", "update", "live_server", "confirm"]
    assert served(target) == ("1", "1")


def test_older_features_are_not_served_again(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", WORSE, as_of="2001-01-01")
    assert deploy(target, runs).name == "kept"
    assert target.log == []


FOLDS = {"split_by": "folds", "periods": {"test": [8, 9]}}


@pytest.fixture
def undated(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """The store of a problem without time."""
    undated = bundles.without_time(runs)
    monkeypatch.setattr(
        preparation, "engineer", lambda *_: (undated.frame, undated.online, Report([]))
    )
    return undated


def test_without_time_nothing_is_said_of_dates(target: Fake, undated: Runs) -> None:
    undated.keep("1", PLAIN, **FOLDS)
    outcome = deploy(target, undated)
    assert re.fullmatch(r"model \w+ of run 1 with features of run 1", outcome.message)
    assert "features_as_of" not in (target.current() or {})


def test_without_time_models_are_compared_on_the_folds_that_both_were_tested_on(
    target: Fake, undated: Runs
) -> None:
    """On the other folds the challenger is far better, which does not matter."""
    undated.keep("1", PLAIN, **FOLDS | {"periods": {"test": [9, 9]}})
    deploy(target, undated)
    undated.frame.loc[undated.frame["period"] < 9, "target"] *= 1.5
    undated.keep("2", WORSE, **FOLDS)
    outcome = deploy(target, undated)
    groups = undated.frame.loc[undated.frame["period"] == 9, "group"].nunique()
    assert outcome.name == "kept" and f"against the champion on {groups} groups" in outcome.message
    undated.keep("3", BETTER, **FOLDS)
    assert deploy(target, undated).name == "released"


def test_without_time_the_features_of_the_newer_run_are_served(target: Fake, undated: Runs) -> None:
    undated.keep("1", PLAIN, **FOLDS)
    undated.online |= {"weather": "rain"}
    undated.keep("2", WORSE, **FOLDS)
    deploy(target, undated, "1")
    assert served(target) == ("1", "1")
    outcome = deploy(target, undated)
    assert outcome.name == "kept" and "with features of run 2" in outcome.message
    assert served(target) == ("1", "2")
    assert deploy(target, undated, "1").name == "kept" and target.log == []
    assert served(target) == ("1", "2")


def test_a_run_without_time_is_not_compared_with_a_champion_that_has_it(
    target: Fake, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    undated = bundles.without_time(runs)
    undated.keep("2", BETTER, **FOLDS)
    monkeypatch.setattr(preparation, "engineer", lambda *_: (undated.frame, {}, Report([])))
    outcome = deploy(target, undated)
    assert outcome.name == "failed"
    assert "the champion's rows were split by time, these are by folds" in outcome.message
    assert deploy(target, undated, allow=True).name == "released"


def test_features_that_fail_with_the_champion_are_a_failure(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", WORSE, as_of="2030-01-01")
    target.fault = ("live_server", "is wrong")
    assert deploy(target, runs).exit_code == 4
    assert served(target) == ("1", "1")


FRESH = "2030-01-01"
PARITY = gates.exact("parity", 0.3, "<=", 1e-4, "train without this candidate")


def refresh(target: Fake, runs: Runs, run: str) -> Any:
    target.log.clear()
    return Releaser(PROBLEM, target, RULES).refresh_features(runs.root, run)


def fail(runs: Runs, run: str, as_of: str = FRESH, **more: Any) -> Path:
    """A run whose winner failed a gate."""
    return runs.keep(run, BETTER, as_of=as_of, passed=False, gates=[PARITY], **more)


def test_a_champion_gets_the_features_of_a_run_that_failed_its_gates(
    target: Fake, runs: Runs
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    (fail(runs, "2") / "model.onnx").write_bytes(b"its model is of no interest")
    integrity.seal(
        Path(runs.root, "runs", "2"),
        integrity.EVALUATION,
        integrity.read_manifest(Path(runs.root, "runs", "2"), integrity.EVALUATION)[0],
    )
    outcome = refresh(target, runs, "2")
    assert (outcome.name, outcome.exit_code, outcome.changed) == ("kept", 3, True)
    assert outcome.message.startswith(
        "no candidate of run 2 passed its gates: parity (found 0.3): train without this "
        "candidate; the champion now serves its newer online features: model "
    )
    assert outcome.message.endswith(f"of run 1 with features as of {FRESH} of run 2")
    assert target.log == ["pre_switch_server", "update", "live_server", "confirm"]
    assert served(target) == ("1", "2")
    with pytest.raises(UserError, match="no candidate of run 2 passed its gates") as raised:
        outcome.check()
    assert raised.value.exit_code == 3
    again = refresh(target, runs, "2")
    assert (again.changed, again.exit_code, target.log) == (False, 3, [])


def test_so_it_does_where_no_candidate_could_be_served(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep_without_model("2", FRESH)
    outcome = refresh(target, runs, "2")
    assert "no candidate can be served: ridge: boom" in outcome.message
    assert (outcome.exit_code, served(target)) == (3, ("1", "2"))
    # The pair is promoted to an environment whose champion is the same model.
    other = Fake(target._folder / "other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            servers, "temporary_model_server", lambda _, folder: other.pre_switch_server(folder)
        )
        assert Releaser(PROBLEM, other, RULES).deploy(runs.root, "1").name == "released"
        promoted = Releaser(PROBLEM, other, RULES).deploy(runs.root, "1", features_run="2")
    assert (promoted.name, served(other)) == ("kept", ("1", "2"))


@pytest.mark.parametrize("run", [None, "2"])
def test_a_deployment_refreshes_the_features_too(target: Fake, runs: Runs, run: str | None) -> None:
    """Named, the run is refused all the same."""
    runs.keep("1", PLAIN)
    deploy(target, runs)
    fail(runs, "2")
    outcome = deploy(target, runs, run)
    expected = ("kept", 0, True) if run is None else ("failed", 4, True)
    assert (outcome.name, outcome.exit_code, outcome.changed) == expected
    assert served(target) == ("1", "2")


def test_features_of_a_run_whose_model_breaks_at_release_are_served(
    target: Fake, runs: Runs
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", BETTER, as_of=FRESH, onnx=bundles.linear(tuple(WRONG.items())))
    outcome = deploy(target, runs)
    assert (outcome.name, outcome.exit_code, outcome.changed) == ("failed", 4, True)
    assert BREAKS in outcome.message
    assert f"features as of {FRESH} of run 2" in outcome.message
    assert served(target) == ("1", "2")


@pytest.mark.parametrize("when", ["pre_switch_server", "live_server"])
def test_features_that_break_the_champion_are_taken_back(
    target: Fake, runs: Runs, when: str
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    fail(runs, "2")
    target.fault = (when, "is wrong")
    outcome = refresh(target, runs, "2")
    assert (outcome.name, outcome.exit_code, outcome.changed) == ("failed", 4, False)
    assert "its online features failed: " in outcome.message
    with pytest.raises(UserError, match=f"{UNCHANGED}$"):
        outcome.check()
    assert served(target) == ("1", "1")


def test_older_features_of_a_failed_run_and_those_of_other_inputs_are_not_served(
    target: Fake, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    fail(runs, "2", as_of="2001-01-01")
    assert refresh(target, runs, "2").changed is False
    monkeypatch.setattr(training, "interface", lambda _: {"inputs": GONE, "output": {}})
    runs.keep_without_model("3", FRESH)
    outcome = refresh(target, runs, "3")
    assert "does not take its newer online features: their inputs differ" in outcome.message
    assert (outcome.changed, target.log) == (False, [])


def test_before_the_first_release_there_is_nothing_to_refresh(target: Fake, runs: Runs) -> None:
    fail(runs, "1")
    outcome = refresh(target, runs, "1")
    assert (outcome.exit_code, outcome.changed, target.log) == (3, False, [])


def test_a_release_tells_the_warnings_of_its_gates(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN, warnings=["it may be no better than the baseline"])
    message = deploy(target, runs).message
    assert message.endswith("; warning: it may be no better than the baseline")


FAULTS = ["is wrong", "is late", "crashes", "is another", "is strange"]


@pytest.mark.parametrize("how", FAULTS)
def test_what_breaks_beside_the_champion_is_never_switched_to(
    target: Fake, runs: Runs, how: str
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", BETTER)
    target.fault = ("pre_switch_server", how)
    outcome = deploy(target, runs, run="2")
    assert (outcome.name, outcome.exit_code) == ("failed", 4)
    assert "run 2 failed: pre-switch check failed" in outcome.message
    assert target.log == ["pre_switch_server"]
    assert served(target) == ("1", "1")


@pytest.mark.parametrize("how", FAULTS)
def test_what_breaks_after_the_switch_is_taken_back(target: Fake, runs: Runs, how: str) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", BETTER)
    target.fault = ("live_server", how)
    outcome = deploy(target, runs, run="2")
    assert (outcome.name, outcome.exit_code) == ("failed", 4)
    assert "run 2 failed: post-switch check failed" in outcome.message
    assert target.log == ["pre_switch_server", "update", "live_server", "undo"]
    assert served(target) == ("1", "1")


def test_an_interrupted_release_is_taken_back(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    target.fault = ("live_server", "is interrupted")
    with pytest.raises(KeyboardInterrupt):
        deploy(target, runs)
    assert target.log[-1] == "undo" and target.current() is None


def test_one_late_answer_is_forgiven(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    with target.live_server() as ask:
        late = iter([0.28])

        def once_late(body: dict[str, Any]) -> dict[str, Any]:
            if len(body["requests"]) == 1:
                time.sleep(next(late, 0.0))
            return ask(body)

        smoke_tests.check(PROBLEM, "now", once_late, release_bundle.load(target.folder()), 250.0)


def test_a_model_that_breaks_an_invariant_fails(target: Fake, runs: Runs) -> None:
    runs.keep("1", WRONG)
    outcome = deploy(target, runs)
    assert outcome.name == "failed"
    assert BREAKS in outcome.message
    assert target.current() is None


def test_an_earlier_run_is_released_when_the_newest_breaks(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    runs.keep("2", BETTER)
    runs.keep("3", PLAIN, passed=False)
    runs.keep("4", WRONG)
    assert deploy(target, runs).name == "released"
    assert served(target) == ("2", "2")


def test_back_at_the_champion_it_is_a_failure_and_no_older_run_is_tried(
    target: Fake, runs: Runs
) -> None:
    runs.keep("1", BETTER)
    runs.keep("2", PLAIN)
    deploy(target, runs)
    runs.keep("4", WORSE, model_hash="0123456789abcdef")
    outcome = deploy(target, runs)
    assert (outcome.name, outcome.exit_code) == ("failed", 4)
    assert "run 4 failed: " in outcome.message and "its evaluation is of 0123" in outcome.message
    assert served(target) == ("2", "2")


def test_a_run_that_did_not_pass_is_refused_with_its_gates(target: Fake, runs: Runs) -> None:
    gates = [{"gate": "parity", "passed": False}, {"gate": "size", "passed": True}]
    runs.keep("1", PLAIN, passed=False, gates=gates)
    for run, message in (("1", "run 1, failed: parity"), (None, "no run passed its gates")):
        outcome = deploy(target, runs, run)
        assert (outcome.name, outcome.exit_code) == ("failed", 4)
        assert message in outcome.message
    assert target.log == []


def test_an_empty_store_on_aws_names_the_ways_to_a_first_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_runs, "read", lambda root: ({}, {}))
    with pytest.raises(UserError, match="s3://b/store has no runs yet: add FROM=local"):
        challengers.choose("s3://b/store", None)


def test_an_unknown_run_and_an_empty_store_are_said(target: Fake, runs: Runs) -> None:
    with pytest.raises(UserError, match="no runs yet: `make train` makes one"):
        deploy(target, runs)
    runs.keep("10", PLAIN)
    with pytest.raises(UserError, match="no run '1': did you mean '10'"):
        deploy(target, runs, run="1")


@pytest.mark.parametrize(
    "name",
    [
        "model.onnx",
        "evaluation_model.onnx",
        "signature.json",
        "online_features.json",
        "reference.json",
        "model_card.html",
        "report.html",
    ],
)
def test_an_edited_bundle_is_refused_by_name(target: Fake, runs: Runs, name: str) -> None:
    file = runs.keep("1", PLAIN) / name
    file.write_bytes(file.read_bytes().replace(b"0", b"1") + b"\n")
    outcome = deploy(target, runs)
    assert outcome.exit_code == 4 and f"{file} was changed since it was written" in outcome.message
    assert target.log == []


@pytest.mark.parametrize(
    "edited", [{"passed": True}, {"gates": []}, {"metrics": {"test": {metrics.PRIMARY: 0.1}}}]
)
def test_an_edited_evaluation_is_refused_by_name(
    target: Fake, runs: Runs, edited: dict[str, Any]
) -> None:
    gates = [{"gate": "parity", "passed": False}]
    file = runs.keep("1", PLAIN, passed=False, gates=gates) / "evaluation.json"
    file.write_bytes(store.to_json(store.read_json(file) | edited))
    for run in (None, "1"):
        with pytest.raises(UserError, match=f"{file} was changed since it was written"):
            deploy(target, runs, run)
    assert target.log == []


def test_an_edited_release_is_not_gone_back_to(target: Fake, runs: Runs) -> None:
    for run, weights in (("1", PLAIN), ("2", BETTER)):
        runs.keep(run, weights)
        deploy(target, runs)
    before = target.previous()
    assert before is not None
    online = store.read_json(before / "online_features.json") | {"as_of": "2030-01-01"}
    (before / "online_features.json").write_bytes(store.to_json(online))
    target.log.clear()
    outcome = Releaser(PROBLEM, target, RULES).roll_back()
    assert (
        outcome.exit_code == 4
        and f"{before / 'online_features.json'} was changed" in outcome.message
    )
    assert target.log == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("evaluation_model.onnx", b"cut", "can't be read"),
        ("model.onnx", b"cut", "holds model "),
        ("signature.json", b"{", "can't be read"),
        ("signature.json", b"{}", "its evaluation is of "),
        ("online_features.json", b"5", "can't be read"),
        ("online_features.json", b"{}", "can't be read"),
    ],
)
def test_a_bundle_that_was_written_wrong_is_refused(
    target: Fake, runs: Runs, name: str, content: bytes, message: str
) -> None:
    folder = runs.keep("1", PLAIN)
    (folder / name).write_bytes(content)
    evaluation, _ = integrity.read_manifest(folder, integrity.EVALUATION)
    integrity.seal(folder, integrity.EVALUATION, evaluation)
    outcome = deploy(target, runs)
    assert outcome.name == "failed" and message in outcome.message
    assert target.log == []


GONE = [{"name": "gone", "unit": "1"}]


def test_what_can_not_be_compared_needs_a_word(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    signature = store.read_json(target.folder() / "signature.json") | {"inputs": GONE}
    evaluation = store.read_json(target.folder() / "evaluation.json")
    onnx = (target.folder() / "model.onnx").read_bytes()
    evaluation["model_hash"] = bundle.model_hash(onnx, signature)
    (target.folder() / "signature.json").write_bytes(store.to_json(signature))
    (target.folder() / "evaluation.json").write_bytes(store.to_json(evaluation))
    integrity.seal(target.folder(), integrity.RELEASE, target.current() or {})
    runs.keep("2", WORSE)
    outcome = deploy(target, runs)
    assert (outcome.name, outcome.exit_code, target.log) == ("failed", 4, [])
    assert "the champion needs gone, which no longer exist" in outcome.message
    assert "make deploy ALLOW_SCHEMA_CHANGE=1" in outcome.message
    assert deploy(target, runs, allow=True).name == "released"
    assert served(target) == ("2", "2")


def test_a_damaged_champion_can_not_be_compared(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    (target.folder() / "model.onnx").write_bytes(b"")
    assert "not comparable" in deploy(target, runs).message
    assert deploy(target, runs, allow=True).name == "released"


@pytest.mark.parametrize("asked", ["target", "store"])
@pytest.mark.parametrize("allow", [False, True])
def test_that_aws_is_away_says_nothing_of_a_champion(
    target: Fake, runs: Runs, monkeypatch: pytest.MonkeyPatch, asked: str, allow: bool
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", BETTER)

    def away(*_: Any) -> None:
        raise CloudError("AWS throttles these calls")

    with monkeypatch.context() as patch:
        where, what = (target, "current") if asked == "target" else (preparation, "engineer")
        patch.setattr(where, what, away)
        with pytest.raises(CloudError, match="throttles"):
            deploy(target, runs, allow=allow)
    assert served(target) == ("1", "1")


def test_a_damaged_newest_run_is_walked_past(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    (runs.keep("2", BETTER) / "evaluation_model.onnx").write_bytes(b"cut")
    (runs.keep("3", BETTER) / "online_features.json").write_bytes(b"5")
    assert deploy(target, runs).name == "released"
    assert served(target) == ("1", "1")


def test_an_unreadable_champion_is_named_with_the_ways_out(
    target: Fake, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", BETTER)
    deploy(target, runs)

    def broken() -> None:
        raise UserError("what is served can't be read")

    with monkeypatch.context() as patched:
        patched.setattr(target, "current", broken)
        outcome = deploy(target, runs)
        assert (outcome.name, outcome.exit_code) == ("failed", 4)
        for message in ("what is served can't be read", "make rollback", "ALLOW_SCHEMA_CHANGE=1"):
            assert message in outcome.message
        assert deploy(target, runs, allow=True).name == "released"
    assert served(target) == ("2", "2")


def test_what_can_not_be_read_is_named_as_left_out(
    target: Fake, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.keep("1", PLAIN)
    (runs.keep("2", BETTER) / "evaluation.json").write_text("{")
    assert deploy(target, runs).name == "released"
    assert "runs/2/evaluation.json was changed since it was written" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"runs/2/evaluation\.json was changed"):
        deploy(target, runs, run="2")


def test_a_word_for_a_new_schema_lets_no_inferior_model_in(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    runs.keep("2", WORSE)
    assert deploy(target, runs, allow=True).name == "kept"


def test_back_to_the_release_before_by_the_same_steps(target: Fake, runs: Runs) -> None:
    runs.keep("1", PLAIN)
    deploy(target, runs)
    with pytest.raises(UserError, match="no earlier release"):
        Releaser(PROBLEM, target, RULES).roll_back()
    runs.keep("2", BETTER)
    deploy(target, runs)
    target.fault, target.log = ("pre_switch_server", "is wrong"), []
    assert Releaser(PROBLEM, target, RULES).roll_back().exit_code == 4
    assert served(target) == ("2", "2")
    target.fault, target.log = ("", ""), []
    outcome = Releaser(PROBLEM, target, RULES).roll_back()
    assert (outcome.name, outcome.exit_code) == ("rolled back", 0)
    assert target.log == ["pre_switch_server", "update", "live_server", "back"]
    assert served(target) == ("1", "1")


@pytest.mark.parametrize(
    ("found", "expected", "apart"),
    [
        ([{"a": 1.0, "b": "x"}], [{"a": 1.5, "b": "x"}], 0.5),
        ([{"a": 1.0, "b": "y"}], [{"a": 1.0, "b": "x"}], float("inf")),
        ([{"a": 1.0}], [{"a": 1.0, "b": "x"}], float("inf")),
        ([1, 2], [1], float("inf")),
        (None, 1.0, float("inf")),
        ([], [], 0.0),
    ],
)
def test_the_distance_of_answers(found: Any, expected: Any, apart: float) -> None:
    assert smoke_tests.distance(found, expected) == apart
