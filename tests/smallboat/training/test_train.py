"""The whole flow: once through Metaflow's Runner, then the ways in which it must stop."""

import gzip
import re
import resource
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import edits
import pytest
from copies import ROOT, SIMPLEST, command, compete, here, trust
from smallboat import look
from smallboat.store import bundle, store
from toy import candidates
from toy.problem import PROBLEM


def test_the_store_holds_what_the_run_made(run: Any) -> None:
    folder = store.run_folder("store", run.id)
    kept = store.read_json(folder / "evaluation.json")
    signature = store.read_json(folder / "signature.json")
    onnx = (folder / "model.onnx").read_bytes()
    assert signature["calibration"] == kept["calibration"]
    assert bundle.model_hash(onnx, signature) == kept["model_hash"] == run.data.model_hash
    assert kept["run"] == run.id
    assert kept["snapshot"] == store.newest_snapshot("store")
    assert kept["passed"] == all(gate["passed"] for gate in kept["gates"])
    assert (folder / "evaluation_model.onnx").read_bytes() == run.data.evaluated["onnx"] != onnx
    assert store.read_json(folder / "online_features.json") == run.data.online
    kept = store.read_json(folder / "reference.json")
    assert kept["rows"] == len(run.data.parts.held_out)
    assert list(kept["inputs"]) == [each["name"] for each in signature["inputs"]]
    assert list(kept["output"]) == [signature["output"]["name"]]


def test_every_family_was_tried_beside_the_others(run: Any) -> None:
    evaluation = run.data.evaluation
    assert evaluation["failures"] == {}
    tried = {each["candidate"]: len(each["trials"]) for each in evaluation["candidates"]}
    assert tried == {each.name: len(each.grid) for each in candidates.CANDIDATES}
    assert len(tried) == 2
    tied = [each for each in evaluation["candidates"] if each["candidate"] in evaluation["tied"]]
    assert min(each["score"] for each in tied) == min(
        each["score"] for each in evaluation["candidates"]
    )
    simplest = min(tied, key=lambda each: each["complexity"])
    assert evaluation["winner"] == simplest["candidate"]


def test_data_candidates_and_the_whole_report_are_cards_that_ask_no_other_host(run: Any) -> None:
    from metaflow.cards import get_cards

    pages = {}
    for step in ("accept_data", "select_winner", "make_bundle"):
        (shown,) = get_cards(next(iter(run[step])))
        pages[step] = shown.get()
        assert len(pages[step]) < 2 * 2**20
        assert not re.findall(r"(?:src|href|url)\W{1,3}(?:https?:)?//", pages[step])
    parts = re.findall('<section[^>]* id="([a-z]+)"', pages["make_bundle"])
    assert parts == ["winner", "candidates", "data", "run"]
    report = store.run_folder("store", run.id) / "report.html"
    assert report.read_text() == pages["make_bundle"]


def test_the_bundle_has_a_model_card_of_its_winner(run: Any) -> None:
    card = (store.run_folder("store", run.id) / "model_card.html").read_text()
    assert len(card.encode()) < 60_000
    for told in (run.id, run.data.model_hash, run.data.snapshot, run.data.evaluation["winner"]):
        assert told in card


def test_the_documented_look_into_a_run_prints_what_the_run_made(run: Any) -> None:
    page = ROOT / "vendor" / "smallboat" / "docs" / "runs.md"
    block, *_ = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    evaluation = run.data.evaluation
    told = done.stdout
    assert re.search(rf"^{run.id} .* ended well$", told, re.M)
    assert f"snapshot {evaluation['snapshot']}\nmetrics {evaluation['metrics']['test']}\n" in told
    assert all(f"passed {gate['gate']}" in told for gate in evaluation["gates"])
    assert f"TrainFlow/{run.id}/make_bundle/" in told and "'model_hash'" in told
    assert re.search(r"^\d+ expectations: 0 errors", told, re.M)
    settings = [str(each["settings"]) for each in evaluation["candidates"]]
    assert told.splitlines()[-1] in settings


def train(project: Path) -> subprocess.CompletedProcess[str]:
    return command(project, "train")


def test_who_crashes_hangs_or_is_killed_is_reported_and_the_others_go_on(project: Path) -> None:
    trust(project)
    compete(project, "good, crashing, sleeping, dying", timeout_seconds=20)
    done = train(project)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (project / "store" / "runs").iterdir()
    evaluation = store.read_json(folder / "evaluation.json")
    assert set(evaluation["failures"]) == {"crashing", "sleeping", "dying"}
    assert "crashing" in done.stdout and "failed: boom" in done.stdout
    assert "timed out" in evaluation["failures"]["sleeping"]
    assert "kept failing" in evaluation["failures"]["dying"]


def test_when_no_candidate_is_left_the_exit_code_says_so(project: Path) -> None:
    trust(project)
    compete(project, "crashing")
    done = train(project)
    assert done.returncode == 3
    reason = "no candidate can be served: crashing: boom"
    assert f"FAILED  a candidate that can be served: expected at least 1, found {reason}" in (
        done.stdout
    )
    assert done.stdout.splitlines()[-2] == "not passed: no model"
    (folder,) = (project / "store" / "runs").iterdir()
    kept = {file.name for file in folder.iterdir()}
    assert kept == {"evaluation.json", "online_features.json", "report.html", "signature.json"}
    assert store.read_json(folder / "evaluation.json")["passed"] is False
    assert f"{folder.name}  " in command(project, "runs").stdout
    resumed = command(project, "resume")
    assert resumed.returncode == 3 and reason in resumed.stdout


def test_a_winner_that_fails_a_gate_is_kept_and_the_exit_code_says_so(project: Path) -> None:
    trust(project)
    compete(project, "good")
    with (project / "toy" / "metrics.py").open("a") as file:
        file.write("\n\ndef baseline(frame): return frame['target'].to_numpy()\n")
    done = train(project)
    assert done.returncode == 3
    assert "FAILED  not worse than the baseline: expected 95 % interval" in done.stdout
    last = done.stdout.splitlines()[-2:]
    assert last[0].startswith("not passed: model ")
    assert last[1].startswith("next: correct what failed; make deploy gives the champion")
    (folder,) = (project / "store" / "runs").iterdir()
    assert store.read_json(folder / "evaluation.json")["passed"] is False


@pytest.mark.parametrize("kib", [4, 48])
def test_wherever_the_disk_is_full_a_run_ends_with_a_sentence_and_can_be_repeated(
    project: Path, kib: int
) -> None:
    """In Metaflow's own store, in a step or in a database: no file may pass a limit."""
    trust(project)
    compete(project, "good")
    assert command(project, "data").returncode == 0
    limit = kib * 1024
    done = subprocess.run(
        [sys.executable, "-m", "smallboat", "train"],
        cwd=project,
        env=here(project) | {"PYTHONDONTWRITEBYTECODE": "1"},  # it keeps cut-off .pyc files
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert re.match(r"error: could not use .+, with [\d,]+ bytes free: File too large; noth", last)
    assert "Traceback" not in done.stdout + done.stderr
    assert command(project, "train").returncode in {0, 3}


def test_code_that_breaks_is_told_with_its_line(project: Path) -> None:
    trust(project)
    with (project / "toy" / "features.py").open("a") as file:
        file.write("\n\ndef build(tables): return {}['nothing']\n")
    done = train(project)
    assert done.returncode == 2
    found = re.search(
        r"features\.py, line \d+, failed; the traceback is in (\S+\.txt)",
        done.stderr.splitlines()[-1],
    )
    assert found and "KeyError: 'nothing'" in (project / found[1]).read_text()
    assert "Traceback" not in done.stdout + done.stderr


def test_tables_that_break_the_code_are_a_sentence(project: Path) -> None:
    trust(project)
    with (project / "toy" / "data.py").open("a") as file:
        file.write("\n\ndef collect(config, folder): import pandas; return pandas.DataFrame(1)\n")
    done = train(project)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert re.match(
        r"error: the raw tables can't be read: data\.py, line \d+, failed; the tr", last
    )
    assert "Traceback" not in done.stdout + done.stderr


def test_a_step_that_crashes_is_named_after_its_traceback(project: Path) -> None:
    trust(project)
    compete(project, "good")
    with (project / "vendor/smallboat/smallboat" / "store" / "bundle.py").open("a") as file:
        file.write("\n\ndef files(*_): raise RuntimeError('boom')\n")
    done = train(project)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("failed in make_bundle: see its traceback above")
    assert "RuntimeError: boom" in done.stdout + done.stderr
    assert not (project / "store" / "runs").exists()


@pytest.mark.parametrize("message", edits.DAMAGES)
def test_a_broken_expectation_stops_the_run_before_anything_is_trained(
    project: Path, message: str
) -> None:
    edits.DAMAGES[message](project)
    done = train(project)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert "nothing was trained" in last and message in last
    assert "Traceback" not in done.stdout + done.stderr
    assert "train_candidate" not in done.stdout
    assert not (project / "store" / "runs").exists()
    assert store.newest_snapshot(str(project / "store")) is None


def flow(project: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "flows/train.py", "--no-pylint", *words],
        cwd=project,
        env=here(project),
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def test_a_step_that_the_flow_does_not_have_is_named(project: Path) -> None:
    file = project / "config" / "base.toml"
    file.write_text(file.read_text().replace("[steps.train_candidate]", "[steps.train_candidat]"))
    told = flow(project, "run", "--snapshot", "x")
    assert "unknown step 'train_candidat' in [steps]: did you mean 'train_candidate'?" in told
    assert "Traceback" not in told


def test_a_remote_step_is_refused_where_there_is_no_aws(project: Path) -> None:
    file = project / "config" / "base.toml"
    file.write_text(file.read_text().replace("retries = 0", "retries = 0\nremote = true"))
    done = command(project, "train")
    assert done.returncode == 2
    assert "steps.train_candidate.remote: this environment is not on AWS" in done.stderr
    assert not (project / "store").exists()


def test_the_code_package_holds_the_package(project: Path) -> None:
    listed = flow(project, "package", "list")
    assert "smallboat/training/training.py" in listed
    assert "toy/features.py" in listed


SECRET = "a-secret-7d1c52e9"


def contents(file: Path) -> list[bytes]:
    """What a file holds, unpacked if it is an archive."""
    raw = file.read_bytes()
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            return [archive.read(name) for name in archive.namelist()]
    return [gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw]


def test_no_secret_of_the_environment_is_kept_or_printed(project: Path) -> None:
    compete(project, "good")
    settings = project / "config" / "base.toml"
    settings.write_text(settings.read_text().replace('tracker = "none"', 'tracker = "comet"'))
    address = "http://127.0.0.1:9/"  # nobody listens: the run falls back and keeps its archives
    done = command(
        project, "train", COMET_API_KEY=SECRET, COMET_URL_OVERRIDE=address, DB_PASSWORD=SECRET
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"tracking: offline ({address}" in done.stdout
    assert list((project / "store" / "tracking").glob(f"*-{SIMPLEST.name}.zip"))
    assert SECRET not in done.stdout + done.stderr
    files = [file for file in project.rglob("*") if file.is_file()]
    assert any("mf.cards" in file.parts for file in files)
    assert [file for file in files for held in contents(file) if SECRET.encode() in held] == []


def test_a_notebook_shows_the_numbers_of_the_evaluation(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look.process_environment, "clean", lambda on_aws: None)
    shown = look.newest()
    known, primary = shown.bundle.evaluation, PROBLEM.metrics.PRIMARY
    assert shown.metrics().index[0] == primary
    assert shown.metrics()["value"].to_dict() == known["metrics"]["test"]
    assert (
        shown.metrics().loc[primary, ["low", "high"]].tolist()
        == (known["intervals"]["test"][primary])
    )
    candidates = shown.candidates()
    assert candidates[primary].is_monotonic_increasing
    assert candidates.index[candidates["won"]].tolist() == [known["winner"]]
    assert shown.plot().count("<svg") == 1 and "--ink: currentColor" in shown.plot()
    assert shown.slices()["difference"].is_monotonic_decreasing
    assert len(shown.slices()) == len(known["slices"])
    errors = shown.errors()
    assert errors["error"].is_monotonic_decreasing
    first, last = known["periods"]["test"]
    assert errors["period"].between(first, last).all()
    again = PROBLEM.metrics.score(errors, errors["answer"].to_numpy())
    assert again[primary] == pytest.approx(known["metrics"]["test"][primary])
