"""The flow's tasks are forks of a server, and nothing else about a run is different."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from copies import PLAIN, command, compete, trust, without_forks
from smallboat.store import store
from smallboat.training import fork_server

pytestmark = [
    pytest.mark.skipif(not fork_server.available(), reason="needs Linux"),
    pytest.mark.usefixtures("own_server"),
]

TELLING = """

from pathlib import Path
def _tell(seed, **settings):
    command = Path(f"/proc/{os.getppid()}/cmdline").read_text().split(chr(0))
    print("child of", Path(command[1]).name)
    return good.make(seed, **settings)
CANDIDATES = (good, replace(good, name="telling", make=_tell))
"""


def told(output: str) -> list[tuple[str, str]]:
    """What the tasks printed, by step."""
    return sorted(re.findall(r"\[\d+/(\w+)/\d+ \(pid \d+\)\] (.*)", output))


def comparable(run: Path) -> Any:
    """An evaluation without the run's name and times, which digest, report and card have, too."""
    kept = store.read_json(run / "evaluation.json")
    del kept["run"], kept["created"], kept["digest"]
    del kept["files"]["report.html"], kept["files"]["model_card.html"]
    return json.loads(re.sub(r'"seconds": [\d.e-]+', '"seconds": 0', json.dumps(kept)))


def tasks(project: Path, run: str) -> dict[str, int]:
    """How many tasks each step of a run had."""
    steps = (project / ".metaflow" / "TrainFlow" / run).iterdir()
    return {step.name: len([*step.glob("[0-9]*")]) for step in steps}


def test_with_and_without_the_server_a_run_is_the_same(project: Path) -> None:
    forked = command(project, "train")
    without_forks(project)
    plain = command(project, "train")
    assert forked.returncode == plain.returncode == 0, forked.stderr + plain.stderr
    first, second = sorted((project / "store" / "runs").iterdir())
    assert comparable(first) == comparable(second)
    assert {file.name for file in first.iterdir()} == {file.name for file in second.iterdir()}
    for name in ("model.onnx", "evaluation_model.onnx", "online_features.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert tasks(project, first.name) == tasks(project, second.name)
    assert told(forked.stdout) == told(plain.stdout)


@pytest.mark.parametrize("off", [False, True])
def test_each_task_is_a_fork_unless_the_configuration_says_otherwise(
    project: Path, off: bool
) -> None:
    trust(project)
    compete(project, "good")
    with (project / "toy" / "candidates.py").open("a") as file:
        file.write(TELLING)
    if off:
        without_forks(project)
    done = command(project, "train")
    assert done.returncode == 0, done.stdout + done.stderr
    parent = "train.py" if off else fork_server.PROCESS.name
    assert set(re.findall(r"child of (\S+)", done.stdout)) == {parent}
    assert "a Python of its own" not in done.stdout


def test_a_server_of_the_session_serves_a_training(project: Path) -> None:
    trust(project)
    compete(project, "good")
    with fork_server.running(["numpy", "sklearn.linear_model"]) as (path, _):
        done = command(project, "train", **{fork_server.VARIABLE: path})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a Python of its own" not in done.stdout


def test_a_killed_server_is_a_killed_task_and_the_run_is_resumed(project: Path) -> None:
    trust(project)
    compete(project, "good")
    with (project / "toy" / "features.py").open("a") as file:
        file.write(
            "\n\nimport os\n_build = build\ndef build(tables):\n"
            "    if os.environ.get('KILL'): os.kill(os.getppid(), 9); import time; time.sleep(60)\n"
            "    return _build(tables)\n"
        )
    done = command(project, "train", KILL="1")
    assert done.returncode == 1
    assert "the fork server has ended, and this task with it" in done.stdout
    assert re.search(r"was killed \(.*engineer_features", done.stderr)  # and what ran beside it
    resumed = command(project, "resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr


def test_a_candidate_that_hangs_in_c_is_out_and_the_others_go_on(project: Path) -> None:
    trust(project)
    compete(project, "good", timeout_seconds=5)
    with (project / "toy" / "candidates.py").open("a") as file:
        file.write(
            "\n\nfrom itertools import repeat\ndef _hang(seed, **_): sum(repeat(0))\n"
            "CANDIDATES = (good, replace(good, name='deaf', make=_hang))\n"
        )
    with (project / "vendor/smallboat/smallboat/training/metaflow_private.py").open("a") as file:
        file.write("\n\nSECONDS_TO_STOP = 1\n")
    done = command(project, "train")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed: the step did not stop within 6 s" in done.stdout
    (folder,) = (project / "store" / "runs").iterdir()
    failures = store.read_json(folder / "evaluation.json")["failures"]
    assert list(failures) == ["deaf"] and "kept failing" in failures["deaf"]


@pytest.mark.nightly
def test_the_flows_tests_pass_without_the_server() -> None:
    here = Path(__file__).parent
    files = [here / f"test_{name}.py" for name in ("train", "resume", "reproduce")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", *files],
        cwd=here.parents[2],
        env=os.environ | {PLAIN: "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
