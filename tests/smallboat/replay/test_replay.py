"""`make replay` on the toy problem: real models, the cache, the files that it writes."""

import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import bundles
import numpy as np
import pandas as pd
import pytest
from smallboat import cli
from smallboat.config import config
from smallboat.errors import UserError
from smallboat.replay import cache, command, processes
from smallboat.replay.protocol import Release, Trainer
from smallboat.store import store
from smallboat.training import training
from toy import data, features
from toy.problem import PROBLEM
from toy_project import lay

RANGE = ("2024", "2024-03-20")
"""Six moments."""
CHANGE = "2023-01-01"


def made(folder: Path, changed: bool = False) -> Path:
    """A toy project with a snapshot; if `changed`, the floors take five minutes from CHANGE on."""
    lay(folder)
    parcels = data.made_up(24, 1)
    later = changed & (parcels["date"] >= CHANGE)
    parcels.loc[later, "minutes"] += 4 * parcels.loc[later, "floor"]
    (folder / "raw").mkdir()
    parcels.to_csv(folder / "raw" / "parcels.csv", index=False)
    chosen = {"source": "files", "directory": str(folder / "raw")}
    options = config.override(PROBLEM, config.load(PROBLEM, "local"), **chosen)
    root = str(folder / "store")
    store.make_newest(root, store.make_snapshot(PROBLEM, root, options.model_dump()))
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("replayed"))


@pytest.fixture
def alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, which trains in this process."""
    monkeypatch.chdir(project)
    base = Path("config", "base.toml")
    base.write_text(base.read_text().replace("workers = 2", "workers = 1"))
    return project


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The candidates that are fitted."""
    done: list[str] = []
    known = training.fit

    def fit(problem: Any, name: str, *others: Any) -> Any:
        done.append(name)
        return known(problem, name, *others)

    monkeypatch.setattr(training, "fit", fit)
    return done


def found(project: Path, name: str) -> Any:
    return json.loads((project / "store" / "replay" / name / "replay.json").read_text())


def test_an_interrupted_replay_resumes_and_a_second_one_fits_nothing(
    alone: Path, fits: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with monkeypatch.context() as patch:
        known, calls = training.export, []

        def export(*given: Any) -> Any:
            calls.append(given)
            if len(calls) == 8:
                raise KeyboardInterrupt
            return known(*given)

        patch.setattr(training, "export", export)
        with pytest.raises(KeyboardInterrupt):
            command.replay(PROBLEM, "local", *RANGE)
    assert not (alone / "store" / "replay").exists()
    begun = list(fits)
    fits.clear()
    assert command.replay(PROBLEM, "local", *RANGE) == 0
    assert 0 < len(fits) < len(begun) + 12
    assert "boosting" not in fits  # the competition was over
    fits.clear()
    first = found(alone, "2024-2024-03-20")
    capsys.readouterr()
    assert command.replay(PROBLEM, "local", *RANGE) == 0
    assert fits == []
    assert "0 retrainings done, 6 from the cache" in capsys.readouterr().out
    again = found(alone, "2024-2024-03-20")
    assert first | {"created": ""} == again | {"created": ""}


def test_processes_side_by_side_find_the_same(alone: Path, project: Path, tmp_path: Path) -> None:
    if Path(cache.FOLDER).exists():
        Path(cache.FOLDER).rename(tmp_path / "others")
    command.replay(PROBLEM, "local", *RANGE)
    expected = found(project, "2024-2024-03-20")
    cached = sorted(file.name for file in Path(cache.FOLDER).iterdir())
    Path(cache.FOLDER).rename(tmp_path / "cache")
    base = Path("config", "base.toml")
    base.write_text(base.read_text().replace("workers = 1", "workers = 2"))
    command.replay(PROBLEM, "local", *RANGE)
    assert sorted(file.name for file in Path(cache.FOLDER).iterdir()) == cached
    assert found(project, "2024-2024-03-20")["policies"] == expected["policies"]


def test_the_report_and_the_table_show_each_policy(alone: Path, capsys: Any) -> None:
    command.replay(PROBLEM, "local", *RANGE)
    out = capsys.readouterr().out
    page = (alone / "store" / "replay" / "2024-2024-03-20" / "report.html").read_text()
    told = found(alone, "2024-2024-03-20")
    assert [line.split("  ")[0] for line in out.splitlines() if "[" in line and "  " in line][
        :3
    ] == ["yearly", "weekly", "on drift"]
    assert set(told["policies"]) == {"never", "yearly", "weekly", "on drift"}
    assert told["answer"]["title"] in out
    assert told["answer"]["title"] in page
    assert "<svg" in page
    assert not re.search(r"<text[^>]*>\d{4}-\d\d-\d\d<", page)  # dates so long overlap
    assert "<script" not in page
    weekly = told["policies"]["weekly"]
    assert len(weekly["retrainings"]) == weekly["released"] + weekly["kept"] == 5
    assert told["rows"] == 48
    assert told["moments"] == 6
    assert told["curve"]["over"] == 3
    assert told["curve"]["days"][-1] == weekly["retrainings"][-1]["day"]
    assert {len(line) for line in told["curve"]["errors"].values()} == {4}


def test_no_policy_learns_from_what_it_predicts(alone: Path, monkeypatch: Any) -> None:
    seen: list[tuple[str, Any]] = []
    known = training.fit

    def fit(problem: Any, name: str, settings: Any, frame: pd.DataFrame, seed: int) -> Any:
        seen.append((name, frame["date"].max()))
        return known(problem, name, settings, frame, seed)

    monkeypatch.setattr(training, "fit", fit)
    command.replay(PROBLEM, "local", "2024-08-01", "2024-09-30")
    days = pd.read_csv(alone / "raw" / "parcels.csv")["date"].drop_duplicates()
    moments = days[days.between("2024-08-01", "2024-09-30")].tolist()
    searched = [day for name, day in seen if name == "boosting"]
    assert max(searched) < pd.Timestamp(moments[0])
    latest = sorted({f"{day:%Y-%m-%d}" for _, day in seen if day >= pd.Timestamp("2024-07-01")})
    assert latest == [days[days < moment].max() for moment in moments]


def test_retraining_on_drift_beats_never_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made(tmp_path / "project", changed=True))
    base = Path("config", "base.toml")
    rules = base.read_text().replace("window_rows = 500", "window_rows = 40")
    rules = rules.replace("workers = 2", "workers = 1")
    base.write_text(rules.replace("ignored = []", 'ignored = ["depot_minutes"]'))
    command.replay(PROBLEM, "local", "2023", "2024-06-30")
    told = found(tmp_path / "project", "2023-2024-06-30")
    never, drift = (told["policies"][name] for name in ("never", "on drift"))
    assert any(window["worse"] for window in never["windows"])
    assert drift["released"] >= 1
    assert drift["retrainings"][0]["drift"]
    assert drift["against_never"]["high"] < 0
    assert told["answer"]["helps"]


def test_wrong_calls_are_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(lay(tmp_path / "empty"))
    with pytest.raises(UserError, match="the store store has no snapshot: `make data` makes one"):
        command.replay(PROBLEM, "local", "2023", "2024")
    with pytest.raises(UserError, match="exchange them"):
        command.replay(PROBLEM, "local", "2024", "2023")
    assert cli.main(["replay", "--from", "2023"]) == 2
    assert "--to" in capsys.readouterr().err


def test_too_little_past_is_told(alone: Path) -> None:
    with pytest.raises(UserError, match="FROM=2020 leaves too little data before it to train"):
        command.replay(PROBLEM, "local", "2020", "2024")


def test_a_candidate_that_can_not_be_fitted_is_no_release(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = training.fit

    def fit(problem: Any, name: str, settings: Any, frame: pd.DataFrame, seed: int) -> Any:
        if frame["date"].max() > pd.Timestamp("2024-11-01"):
            raise ValueError("not today")
        return known(problem, name, settings, frame, seed)

    monkeypatch.setattr(training, "fit", fit)
    command.replay(PROBLEM, "local", "2024-10-15", "2024-12-20")
    weekly = found(alone, "2024-10-15-2024-12-20")["policies"]["weekly"]
    assert weekly["kept"] > 0
    assert "the traceback is in" in weekly["retrainings"][-1]["message"]


@pytest.mark.parametrize("day", ["2021-06-01", "2024-03-01"])
def test_the_rows_of_a_day_are_what_the_snapshot_of_that_morning_gives(day: str) -> None:
    parcels = data.made_up(24, 1)
    whole = features.build({"parcels": parcels})
    cut = features.build({"parcels": parcels[parcels["date"] <= day]})
    pd.testing.assert_frame_equal(whole.iloc[: len(cut)], cut)


def test_files_of_the_cache_depend_on_rows_and_settings(frame: pd.DataFrame) -> None:
    kept = cache.Cache(PROBLEM, frame)
    index = frame.index[:100]
    path = kept.path("fit", index, {"alpha": 1})
    assert path == cache.Cache(PROBLEM, frame).path("fit", index, {"alpha": 1})
    assert path != kept.path("fit", index, {"alpha": 2})
    assert path != kept.path("fit", frame.index[:101], {"alpha": 1})
    changed = frame.assign(target=frame["target"] + np.eye(1, len(frame), 50)[0])
    assert path != cache.Cache(PROBLEM, changed).path("fit", index, {"alpha": 1})
    grown = cache.Cache(PROBLEM, pd.concat([frame, frame.tail(3)], ignore_index=True))
    assert path == grown.path("fit", index, {"alpha": 1})


def test_progress_is_told_every_few_seconds(monkeypatch: Any, capsys: Any) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(processes.time, "monotonic", lambda: next(clock))
    tell = processes._progress(9, "models")
    for _ in range(9):
        tell()
    assert capsys.readouterr().err.splitlines()[0] == "  2 of 9 models"


def test_a_challenger_is_released_by_the_rule_of_a_deployment(
    frame: pd.DataFrame,
    settings: config.Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    limits = settings.gates.model_dump()
    options = settings.training.model_dump()
    trainer = Trainer(PROBLEM, frame, options, limits, 0.25, cache.Cache(PROBLEM, frame))

    def facts(name: str, weights: dict[str, float], failures: str = "") -> Any:
        graph = b64encode(bundles.linear(tuple(weights.items()))).decode()
        (tmp_path / name).write_text(json.dumps({"onnx": graph}))
        file = str(tmp_path / name)
        known = {"served": file, "evaluated": file, "evaluated_until": "2023-12-31"}
        return {"failures": failures, "model_hash": name, **known}

    def released(champion: Any, challenger: Any) -> Any:
        monkeypatch.setattr(Trainer, "challenger", lambda *_: challenger)
        first = Release(day, champion, PROBLEM)
        return trainer.released(day, ("linear", {}), first)

    day = pd.Timestamp("2024-12-31")
    good, bad = facts("good", bundles.BETTER), facts("bad", bundles.WORSE)
    found, message = released(bad, good)
    assert found.facts == good
    assert message.startswith("not inferior: mae -")
    found, message = released(good, bad)
    assert found is None
    assert message.startswith("inferior: mae +")
    assert released(good, good) == (None, "it is the model that is served")
    assert released(bad, {**good, "failures": "no leakage"}) == (None, "no leakage")
    day = pd.Timestamp("2024-02-01")  # two days that neither has seen
    found, message = released(bad, good)
    assert found is None
    assert message.startswith("not comparable: 2 groups")
