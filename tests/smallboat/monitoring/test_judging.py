"""Windows beside their outcomes: what counts, what waits, and what the challenger answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bundles
import numpy as np
import pandas as pd
import pytest
from bundles import BETTER, PLAIN, Runs
from captured_lines import local
from smallboat import unexpected
from smallboat.captured.archive import Window
from smallboat.config import config
from smallboat.errors import UserError
from smallboat.evaluation import bootstrap, comparison
from smallboat.monitoring import shadow
from smallboat.monitoring.judging import Judge
from smallboat.monitoring.outcomes import Outcomes
from smallboat.store import bundle, release_bundle, store
from toy import features, inputs, metrics
from toy.problem import PROBLEM

NAMES = list(inputs.NAMES)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A run that has seen the parcels until 2023, one kept out, and a snapshot of all parcels."""
    root = tmp_path_factory.mktemp("judging") / "store"
    values = config.load(PROBLEM, "local").data.model_dump()
    old = store.make_snapshot(PROBLEM, str(root), values | {"newest": "2023-12-31"})
    store.make_newest(str(root), old)
    made = bundles.empty(root)
    store.make_newest(str(root), made.snapshot)
    made = replace(made, snapshot=old)
    made.keep("1", PLAIN)
    made.keep("2", BETTER)
    return made


def window(runs: Runs, rows: pd.DataFrame, **changed: Any) -> Window:
    """What run 1 was asked: parcels, named as their outcomes are."""
    values = rows[NAMES].to_numpy(dtype=np.float32)
    folder = store.run_folder(runs.root, "1")
    facts = {
        "time": pd.Timestamp("2024-06-01"),
        "release": "a-b",
        "features_run": "1",
        "request": rows["group"].factorize()[0],
        "key": rows["entity"].astype(str).to_numpy(),
    }
    made = Window(
        model=store.read_json(folder / "evaluation.json")["model_hash"],
        run="1",
        features_runs={"1"},
        releases=["a-b"],
        first=pd.Timestamp("2024-06-01"),
        last=pd.Timestamp("2024-06-02"),
        rows=len(rows),
        complete=True,
        facts=pd.DataFrame(facts),
        inputs=values,
        outputs=np.asarray(bundle.predict((folder / "model.onnx").read_bytes(), values)),
        redacted=(),
    )
    return replace(made, **changed)


def rows(runs: Runs, since: str, until: str) -> pd.DataFrame:
    """The parcels of some days."""
    frame = runs.frame
    return frame[frame["date"].between(since, until)].reset_index(drop=True)


def judge(runs: Runs, asked: pd.DataFrame, other: str | None = None) -> Judge:
    outcomes = Outcomes(PROBLEM, runs.root, asked["entity"].astype(str).tolist())
    settings = local(Path(runs.root).parent)
    return Judge(PROBLEM, settings, outcomes, shadow.Shadow(runs.root, other) if other else None)


def test_a_prediction_counts_if_nobody_could_know_its_outcome(runs: Runs) -> None:
    asked = pd.concat(
        [rows(runs, "2023-06-01", "2023-12-31"), rows(runs, "2024-01-01", "2024-12-31")]
    )
    asked = asked.reset_index(drop=True)
    found = judge(runs, asked).window(window(runs, asked))
    late = int((asked["date"] > "2023-12-31").sum())
    assert (found["live"]["rows"], found["known"]) == (late, len(asked) - late)
    assert (found["waiting"], found["replaced"]) == (0, 0)
    expected = np.abs(asked["depot_minutes"] - asked["target"])[asked["date"] > "2023-12-31"].mean()
    assert found["live"]["metrics"]["mae"] == pytest.approx(expected, rel=1e-5)
    assert found["live"]["baseline"]["mae"] == pytest.approx(expected, rel=1e-5)


def test_the_last_answer_of_a_key_counts_and_what_has_no_outcome_waits(runs: Runs) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    again = pd.concat([asked, asked.head(8)], ignore_index=True)
    made = window(runs, again)
    made.outputs[:8] = 1e6
    keys = made.facts["key"].to_numpy(copy=True)
    keys[20:28], keys[28:30] = [f"new-{n}" for n in range(8)], ""
    made = replace(made, facts=made.facts.assign(key=keys))
    found = judge(runs, again).window(made)
    assert (found["replaced"], found["waiting"]) == (8, 10)
    assert found["live"]["rows"] == len(asked) - 10
    assert found["live"]["metrics"]["mae"] < 100


def test_a_corrected_outcome_takes_the_place_of_the_earlier_one(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    before = judge(runs, asked).window(window(runs, asked))["live"]["metrics"]["bias"]
    truth = features.truth

    def corrected(tables: Any, keys: list[str]) -> pd.DataFrame:
        found = truth(tables, keys)
        return found.assign(target=found["target"] + 5)

    monkeypatch.setattr(features, "truth", corrected)
    after = judge(runs, asked).window(window(runs, asked))["live"]["metrics"]["bias"]
    assert after == pytest.approx(before - 5)


def test_it_is_told_until_when_outcomes_are_known(runs: Runs) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    keys = asked["entity"].astype(str).tolist()
    assert Outcomes(PROBLEM, runs.root, keys).until == "2025-01-01"
    assert Outcomes(PROBLEM, runs.root, ["nobody"]).until is None
    assert Outcomes(PROBLEM, runs.root, []).until is None


def test_without_truth_or_keys_drift_is_still_measured_and_it_is_said(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    nameless = judge(runs, asked.head(0))
    found = nameless.window(window(runs, asked))
    assert found["live"] is None and found["drift"]
    assert "no request says what its predictions are of" in next(iter(nameless.notes))
    monkeypatch.delattr(features, "truth")
    without = judge(runs, asked)
    without.window(window(runs, asked))
    assert "features.py has no function `truth`" in next(iter(without.notes))


def test_what_is_redacted_is_not_monitored_and_it_is_said(runs: Runs) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    values = asked[NAMES].assign(floor=np.nan).to_numpy(dtype=np.float32)
    judged = judge(runs, asked)
    found = judged.window(window(runs, asked, inputs=values, redacted=("floor",)))
    assert "floor" not in {each["name"] for each in found["drift"]}
    assert found["live"]["rows"] == len(asked)
    assert next(iter(judged.notes)).endswith("api.capture_redact leaves it out: floor")


def test_answers_that_are_redacted_are_compared_with_nothing(runs: Runs) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    blank = np.full(len(asked), np.nan)
    judged = judge(runs, asked)
    found = judged.window(window(runs, asked, outputs=blank, redacted=("minutes",)))
    assert found["live"] is None and found["expected"] is None
    assert "output" not in {each["of"] for each in found["drift"]}


def test_outcomes_that_can_not_be_read_are_a_note(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(unexpected, "FOLDER", tmp_path)
    monkeypatch.setattr(features, "truth", lambda *_: 1 / 0)
    asked = rows(runs, "2024-01-01", "2024-12-31")
    judged = judge(runs, asked)
    assert judged.window(window(runs, asked))["drift"]
    assert judged.truth() == {"snapshot": store.newest_snapshot(runs.root), "until": None}
    (note,) = judged.notes
    assert note.startswith("live quality is not measured: the outcomes can't be read: ")


def test_a_run_that_is_gone_costs_its_own_windows_only(runs: Runs) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    judged = judge(runs, asked)
    gone = judged.window(window(runs, asked, run="9", model="gone"))
    assert (gone["drift"], gone["live"], gone["waiting"]) == ([], None, len(asked))
    assert judged.models["gone"].promise is None and judged.live("gone") is None
    assert next(iter(judged.notes)) == (
        "what run 9 answered is not judged: the store has it no more"
    )
    found = judged.window(window(runs, asked))
    assert found["drift"] and found["live"]["rows"] == len(asked)


def test_inputs_of_another_model_are_a_note(runs: Runs) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    judged = judge(runs, asked)
    made = window(runs, asked)
    found = judged.window(replace(made, inputs=made.inputs[:, :-1]))
    assert (found["drift"], found["live"]) == ([], None)
    told = f"{len(NAMES) - 1} inputs were captured, its model has {len(NAMES)}"
    assert told in next(iter(judged.notes))


def test_a_metric_that_fails_costs_live_quality_only(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(unexpected, "FOLDER", tmp_path)
    asked = rows(runs, "2024-01-01", "2024-12-31")

    def fails(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(metrics, "score", fails)
    judged = judge(runs, asked, other="2")
    made = window(runs, asked)
    found = judged.window(made)
    assert found["drift"] and found["live"] is None
    assert (judged.live(made.model), judged.against_shadow(made.model)) == (None, (0, None))
    assert all("the traceback is in " in note for note in judged.notes)
    assert any(note.startswith("live quality is not measured: ") for note in judged.notes)


def test_more_groups_than_intervals_can_be_made_of_are_the_newest(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "MOST_GROUPS", 20)
    asked = rows(runs, "2024-01-01", "2024-12-31")
    assert asked["group"].nunique() > 20
    judged = judge(runs, asked)
    made = window(runs, asked)
    found = judged.window(made)
    assert found["live"]["groups"] == 20 and found["worse"] is not None
    again = judged.live(made.model)
    assert again is not None and again["groups"] == 20
    frame, predicted, _ = judged.pooled(made.model)
    newest = asked["group"].drop_duplicates().tail(20)
    assert set(frame["group"]) == set(newest) and len(predicted) == len(frame)


def test_the_last_answer_of_a_key_counts_also_over_windows(runs: Runs) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    judged = judge(runs, asked, other="2")
    made = window(runs, asked)
    judged.window(replace(made, outputs=made.outputs + 1e6))
    judged.window(made)
    live = judged.live(made.model)
    assert live is not None and live["rows"] == len(asked) and live["metrics"]["mae"] < 100
    assert judged.against_shadow(made.model)[0] == len(asked)
    assert judged.pooled(made.model)[0]["entity"].is_unique


def test_a_promise_of_another_metric_is_none(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    monkeypatch.setattr(metrics, "PRIMARY", "rmse")
    judged = judge(runs, asked)
    made = window(runs, asked)
    assert judged.window(made)["worse"] is None
    assert judged.models[made.model].promise is None


def test_a_challenger_is_no_evidence_on_inputs_that_are_redacted_or_without_its_snapshot(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    values = asked[NAMES].assign(floor=np.nan).to_numpy(dtype=np.float32)
    judged = judge(runs, asked, other="2")
    made = window(runs, asked, inputs=values, redacted=("floor",))
    assert judged.window(made)["live"]["rows"] == len(asked)
    assert judged.against_shadow(made.model) == (0, None)
    assert judged.broken(made.model) == []
    without = judge(runs, asked, other="2")
    seen_by = Outcomes.seen_by

    def gone(self: Outcomes, run: str) -> Any:
        if run == "2":
            raise UserError("the store has no snapshot")
        return seen_by(self, run)

    monkeypatch.setattr(Outcomes, "seen_by", gone)
    assert without.window(window(runs, asked))["live"]["rows"] == len(asked)
    assert list(without.notes) == ["the challenger is not compared: the store has no snapshot"]


def test_the_challenger_answers_the_same_requests(runs: Runs) -> None:
    asked = rows(runs, "2024-01-01", "2024-12-31")
    judged = judge(runs, asked, other="2")
    made = window(runs, asked)
    judged.window(made)
    count, difference = judged.against_shadow(made.model)
    assert count == len(asked)
    assert difference is not None
    assert difference["high"] < 0 and difference["groups"] == asked["group"].nunique()
    found = shadow.evidence(made.model, "2", count, difference)
    assert found["difference"] == difference
    few = shadow.evidence(made.model, "2", 8, difference | {"groups": 9})
    assert few["difference"] is None


def test_the_next_comparison_reads_what_the_shadow_showed(runs: Runs) -> None:
    """The snapshot has no rows that both had not seen: only live requests can tell."""
    champion, challenger = (
        release_bundle.read(store.run_folder(runs.root, run)) for run in ("1", "2")
    )
    against = comparison.against
    before = against(PROBLEM, runs.root, challenger, champion, 0.25)
    assert before["outcome"] == "not comparable"
    worse = {"value": 2.0, "low": 1.5, "high": 2.5, "groups": 40}
    model_hash = champion.release["model_hash"]
    for run, outcome in (("2", "inferior"), ("3", "not comparable")):
        evidence = shadow.evidence(model_hash, run, 400, worse)
        store.replace(runs.root, comparison.SHADOW, store.to_json(evidence))
        found = against(PROBLEM, runs.root, challenger, champion, 0.25)
        assert found["outcome"] == outcome
    Path(runs.root, comparison.SHADOW).unlink()


def test_the_newest_challenger_that_was_kept_out_of_what_is_served_is_the_shadow() -> None:
    def run(hour: int, model: str, passed: bool = True) -> Any:
        return {"created": f"2026-11-21T{hour:02}", "model_hash": model, "passed": passed}

    evaluations = {"4": run(4, "d", False), "3": run(3, "c"), "2": run(2, "b"), "1": run(1, "a")}
    kept = [{"run": run} for run in ("1", "2", "3", "4", "gone")]
    served = {"run": "2", "model_hash": "b"}
    assert shadow.challenger(evaluations, served, kept) == "3"
    assert shadow.challenger(evaluations, served, kept[:2]) is None
    assert shadow.challenger(evaluations, {"run": "3", "model_hash": "c"}, kept) is None
