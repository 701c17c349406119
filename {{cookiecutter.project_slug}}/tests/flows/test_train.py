"""The whole flow: once through Metaflow's Runner, then the ways in which it must stop."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from metaflow import Runner

from {{ cookiecutter.project_slug }}.mlops import bundle, config, store

ROOT = Path.cwd()


@pytest.fixture(scope="module")
def run(sysroot: Path) -> Iterator[Any]:
    """A finished run on the sample; the current folder is the one that it ran in."""
    with pytest.MonkeyPatch.context() as patch:
        copy(sysroot)
        patch.chdir(sysroot)
        (sysroot / ".metaflow").mkdir()
        snapshot = store.make_snapshot("store", config.load("local").data.model_dump())
        store.make_newest("store", snapshot)
        runner = Runner("flows/train.py", show_output=False, pylint=False)
        with runner.run(snapshot=snapshot, max_workers=2) as running:
            assert running.status == "successful", running.stderr
            yield running.run


def test_the_store_holds_what_the_run_made(run: Any) -> None:
    folder = store.run_folder("store", run.id)
    kept = store.read_json(folder / "evaluation.json")
    signature = store.read_json(folder / "signature.json")
    onnx = (folder / "model.onnx").read_bytes()
    assert bundle.model_hash(onnx, signature) == kept["model_hash"] == run.data.model_hash
    assert kept["run"] == run.id
    assert kept["snapshot"] == store.newest_snapshot("store")
    assert kept["passed"] == all(gate["passed"] for gate in kept["gates"])
    assert (folder / "judged.onnx").read_bytes() == run.data.judged["onnx"] != onnx
    assert store.read_json(folder / "lookup.json") == run.data.lookup


def test_every_family_was_tried_beside_the_others(run: Any) -> None:
    evaluation = run.data.evaluation
    assert evaluation["failures"] == {}
    assert len(evaluation["candidates"]) >= 5
    assert sum(len(result["trials"]) for result in evaluation["candidates"]) >= 40
    best = min(evaluation["candidates"], key=lambda result: result["score"])
    assert evaluation["winner"] == best["candidate"]


def test_heavy_steps_have_a_card(run: Any) -> None:
    from metaflow.cards import get_cards

    for step in ("validate_data", "engineer_features", "make_bundle"):
        (shown,) = get_cards(next(iter(run[step])))
        assert "<html" in shown.get()


def copy(folder: Path) -> None:
    """Copy what a training run needs."""
    for name in ("{{ cookiecutter.project_slug }}", "flows", "config", "data"):
        shutil.copytree(name, folder / name)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, to be changed."""
    monkeypatch.chdir(ROOT)
    copy(tmp_path)
    return tmp_path


def here(project: Path) -> dict[str, str]:
    """The environment in which a copy's own package is imported and its runs stay with it."""
    own = {"PYTHONPATH": str(project), "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(project)}
    return os.environ | own


def train(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "{{ cookiecutter.project_slug }}", "train", *words],
        cwd=project,
        env=here(project),
        capture_output=True,
        text=True,
    )


def compete(project: Path, line: str) -> None:
    """Replace the candidates of a project's copy."""
    with (project / "{{ cookiecutter.project_slug }}" / "candidates.py").open("a") as file:
        file.write(
            "\n\nfrom dataclasses import replace\nfrom time import sleep\n"
            "def _crash(seed, **_): raise RuntimeError('boom')\n"
            "def _sleep(seed, **_): sleep(600)\n"
            "good = CANDIDATES[-1]\n"
            "crashing = replace(good, name='crashing', make=_crash)\n"
            "sleeping = replace(good, name='sleeping', make=_sleep)\n"
            f"CANDIDATES = ({line},)\n"
        )
    file = project / "config" / "local.toml"
    text = file.read_text().replace("retries = 1", "retries = 0")
    file.write_text(text.replace("timeout_seconds = 600", "timeout_seconds = 10"))


def test_a_candidate_that_crashes_or_hangs_is_reported_and_the_others_go_on(project: Path) -> None:
    compete(project, "good, crashing, sleeping")
    done = train(project)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (project / "store" / "runs").iterdir()
    evaluation = store.read_json(folder / "evaluation.json")
    assert set(evaluation["failures"]) == {"crashing", "sleeping"}
    assert "crashing" in done.stdout and "failed: boom" in done.stdout
    assert "timed out" in evaluation["failures"]["sleeping"]


def test_when_no_candidate_is_left_the_exit_code_says_so(project: Path) -> None:
    compete(project, "crashing")
    done = train(project)
    assert done.returncode == 3
    assert done.stderr.strip().endswith("error: no candidate can be served: crashing: boom")
    assert not (project / "store" / "runs").exists()


def test_a_winner_that_fails_a_gate_is_kept_and_the_exit_code_says_so(project: Path) -> None:
    compete(project, "good")
    with (project / "{{ cookiecutter.project_slug }}" / "metrics.py").open("a") as file:
        file.write("\n\ndef baseline(frame): return frame['target'].to_numpy()\n")
    done = train(project)
    assert done.returncode == 3
    assert "FAILED  better than the baseline: expected < 0" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("not passed: model ")
    (folder,) = (project / "store" / "runs").iterdir()
    assert store.read_json(folder / "evaluation.json")["passed"] is False


def test_code_that_breaks_is_told_with_its_line(project: Path) -> None:
    with (project / "{{ cookiecutter.project_slug }}" / "features.py").open("a") as file:
        file.write("\n\ndef build(tables): return tables['nothing']\n")
    done = train(project)
    assert done.returncode == 2
    assert "KeyError: 'nothing' in features.py, line " in done.stderr.splitlines()[-1]


def test_a_step_that_crashes_is_named_after_its_traceback(project: Path) -> None:
    compete(project, "good")
    with (project / "{{ cookiecutter.project_slug }}" / "mlops" / "bundle.py").open("a") as file:
        file.write("\n\ndef files(*_): raise RuntimeError('boom')\n")
    done = train(project)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "failed in make_bundle: its traceback stands above"
    )
    assert "RuntimeError: boom" in done.stdout + done.stderr
    assert not (project / "store" / "runs").exists()


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("results", "one row for each race_id and driver_id"),
        ("drivers", "one row for each driver_id"),
    ],
)
def test_a_broken_expectation_stops_the_run_before_anything_is_trained(
    project: Path, table: str, says: str
) -> None:
    file = project / "data" / "sample" / f"{table}.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[-1]]) + "\n")
    done = train(project)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert "nothing was trained" in last and says in last
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
    file = project / "config" / "local.toml"
    file.write_text(file.read_text().replace("[steps.train_candidate]", "[steps.train_candidat]"))
    told = flow(project, "run", "--snapshot", "x")
    assert "unknown step 'train_candidat' in [steps]: did you mean 'train_candidate'?" in told
    assert "Traceback" not in told


def test_a_remote_step_asks_for_what_aws_batch_needs(project: Path) -> None:
    file = project / "config" / "local.toml"
    file.write_text(file.read_text().replace("retries = 1", "retries = 1\nremote = true"))
    assert "@batch decorator requires --datastore=s3" in flow(project, "run", "--snapshot", "x")


def test_the_code_package_holds_the_package(project: Path) -> None:
    listed = flow(project, "package", "list")
    assert "{{ cookiecutter.project_slug }}/mlops/training.py" in listed
    assert "{{ cookiecutter.project_slug }}/features.py" in listed
