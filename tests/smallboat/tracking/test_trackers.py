"""Each tracker gives the same guarantees: a run arrives whole or waits, with nothing private."""

import errno
import getpass
import json
import os
import re
import socket
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import mlflow_server
import pytest
from answering import answering
from smallboat.config.config import Settings, Store
from smallboat.config.sections import Project, Tracking
from smallboat.errors import UserError
from smallboat.process_environment import cleaned
from smallboat.store import store
from smallboat.tracking import sending, tracking
from trackers import KEY, TRACKERS, Seen, Tracker, plain

RUN = "1795000000000000"
NAMES = ["adaboost", "boosted", "ridge", "svr"]
EVERY = [f"{RUN}-{name}.zip" for name in NAMES]
CACHE = Path(__file__).resolve().parents[3] / ".cache"
GUARD = Path(__file__).parents[1] / "guard"
MODEL = {
    "model.onnx": b"\x08graph" * 999,
    "evaluation_model.onnx": b"\x08judged" * 99,
    "signature.json": b'{"inputs": []}\n',
    "online_features.json": b'{"as_of": "2024-12-08"}\n',
}
GIT = re.compile(rb"\"git|github|\.git\b", re.IGNORECASE)
"""What tells of a repository; a hash may hold the letters."""


def evaluation() -> dict[str, Any]:
    """A run with a winner, a disqualified candidate, another and one that failed."""
    ridge = candidate("ridge", 3.0)
    return {
        "run": RUN,
        "snapshot": "0123456789abcdef",
        "commit": "a" * 40 + "+",
        "candidates": [
            ridge,
            candidate("svr", 3.2, disqualified="its ONNX graph differs by 2.0e-02"),
            candidate("boosted", 3.1, curve=[[10, 3.4], [20, 3.2]]),
        ],
        "failures": {"adaboost": "timed out after 600 seconds"},
        "winner": "ridge",
        "settings": ridge["settings"],
        "metrics": {"validation": ridge["metrics"], "test": {"error": 2.8, "hits": 0.5}},
        "intervals": {"validation": ridge["intervals"], "test": {"error": [2.6, 3.0]}},
        "baseline": {"validation": ridge["baseline"], "test": {"error": 3.9}},
        "gates": [{"gate": "size", "expected": "< 9", "actual": "8", "passed": True}],
    }


def candidate(
    name: str, error: float, curve: list[list[float]] | None = None, disqualified: str | None = None
) -> dict[str, Any]:
    """A candidate that was tried twice."""
    tried = [
        {"settings": {"alpha": alpha, "depth": None}, "metrics": {"error": score}, "score": score}
        for alpha, score in ((0.1, error + 1), (1.0, error))
    ]
    return {
        "candidate": name,
        "complexity": 1,
        "settings": tried[1]["settings"],
        "metrics": {"error": error, "hits": 0.4},
        "intervals": {"error": [error - 0.1, error + 0.1]},
        "score": error,
        "baseline": {"error": 4.0},
        "trials": tried,
        "learning_curve": curve or [],
        "disqualified": disqualified,
    }


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """No key, an empty home folder, the network's guard, and a proxy that would be asked."""
    for name in [name for name in os.environ if name.startswith(("COMET_", "MLFLOW_", "WANDB_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(GUARD))
    monkeypatch.chdir(tmp_path)
    outside: list[str] = []

    def refuse(path: str) -> tuple[int, bytes]:
        outside.append(path)
        return 503, b""

    with answering(refuse) as proxy:  # the guard does not reach what is not Python
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "127.0.0.1")
        yield outside
    assert outside == []


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path]]:
    """Where the address of MLflow's own server stands, which is started when it is asked for."""
    folder = tmp_path_factory.mktemp("mlflow")
    running: list[Any] = []

    def start() -> Path:
        if not running:
            command = mlflow_server.installed(CACHE)
            running.append(mlflow_server.started(command, folder))
            (folder / "address").write_text(running[0].__enter__())
        return folder

    yield start
    for each in running:
        each.__exit__(None, None, None)


@pytest.fixture(params=TRACKERS.values(), ids=TRACKERS)
def tracker(request: pytest.FixtureRequest) -> Tracker:
    """Each of them."""
    return request.param


@pytest.fixture
def server(tracker: Tracker, kept: Callable[[], Path], tmp_path: Path) -> Iterator[Any]:
    """The tracker's server, which nobody has told the run of yet."""
    with tracker.serving(kept() if tracker.name == "mlflow" else tmp_path) as it:
        yield it


@pytest.fixture
def online(tracker: Tracker, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that reach the server."""
    for name, value in tracker.variables(server).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def run(tracker: Tracker, settings: Settings, tmp_path: Path) -> Settings:
    """The settings of a project whose store holds a run."""
    store.write_run(str(tmp_path), RUN, evaluation(), MODEL)
    return settings.model_copy(
        update={
            "project": Project(name=tmp_path.name, aws_region="mx-central-1"),
            "store": Store(root=str(tmp_path)),
            "tracking": Tracking(tracker=tracker.name),
        }
    )


def processes(home: Path) -> list[str]:
    """The commands that run with this home folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
    return found


def waiting(root: Path, sent: bool = False) -> list[str]:
    """The names of the archives that wait, or that were sent."""
    folder = root / "tracking" / "sent" if sent else root / "tracking"
    return sorted(path.name for path in folder.glob("*.zip"))


def arrived_whole(tracker: Tracker, server: Any, run: Settings) -> None:
    """Every candidate stands at the tracker as the run has it; nothing is there twice."""
    winner, other, refused, failed = (
        tracker.seen(server, run.project.name, f"{name}-{RUN}")
        for name in ("ridge", "boosted", "svr", "adaboost")
    )
    seed = run.training.seed
    about = {"run": RUN, "snapshot": "0123456789abcdef", "commit": "a" * 40 + "+", "seed": seed}
    tried = json.loads(winner.files.pop("trials.json"))
    assert [trial["settings"]["alpha"] for trial in tried] == [0.1, 1]
    evaluated = json.loads(winner.files.pop("bundle/evaluation.json"))
    assert evaluation().items() <= evaluated.items()
    assert winner == Seen(
        status="winner",
        failed=False,
        parameters=plain(about | {"alpha": 1.0, "depth": None}),
        notes={"status": "winner", "gate size": "passed: 8 < 9"},
        metrics={
            "validation_error": 3.0,
            "validation_error_low": 2.9,
            "validation_error_high": 3.1,
            "validation_hits": 0.4,
            "validation_baseline_error": 4.0,
            "test_error": 2.8,
            "test_error_low": 2.6,
            "test_error_high": 3.0,
            "test_hits": 0.5,
            "test_baseline_error": 3.9,
        },
        series={"trial_score": [(1, 4.0), (2, 3.0)]},
        files={f"bundle/{name}": content for name, content in MODEL.items()},
    )
    assert other.series["validation_score"] == [(10, 3.4), (20, 3.2)]
    assert (other.status, other.failed, list(other.files)) == ("candidate", False, ["trials.json"])
    assert "test_error" not in other.metrics
    assert refused.notes == {
        "status": "disqualified",
        "reason": "its ONNX graph differs by 2.0e-02",
    }
    reason = "timed out after 600 seconds"
    assert failed == Seen(
        "failed", True, plain(about), {"status": "failed", "reason": reason}, {}, {}, {}
    )


def test_a_run_arrives_whole_and_leaves_nothing_else(
    tracker: Tracker,
    server: Any,
    online: None,
    run: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("A_SECRET", "of-the-environment")
    tracking.track(run, RUN)
    arrived_whole(tracker, server, run)
    assert waiting(tmp_path) == [] and waiting(tmp_path, sent=True) == EVERY
    out, err = capfd.readouterr()
    said, sent = out.splitlines()
    assert said.startswith(f"tracking: {tracker.called}, online at {server.url}")
    assert sent == "tracking: 4 of 4 experiments sent" and err == ""
    assert list((tmp_path / "home").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"home", "runs", "tracking"}
    assert {path.name for path in (tmp_path / "tracking").iterdir()} == {"sent"}
    private = ["of-the-environment", f'"{socket.gethostname()}"', sys.executable, str(tmp_path)]
    contents = b"".join(server.bodies)
    assert [each for each in private if each.encode() in contents] == []
    assert not GIT.search(contents) and getpass.getuser().encode() not in contents
    assert processes(tmp_path / "home") == []


def test_a_run_waits_without_a_setting_and_each_archive_is_sent_later_that_can_be(
    tracker: Tracker,
    server: Any,
    run: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    tracking.track(run, RUN)
    assert waiting(tmp_path) == EVERY and server.asked == []
    out, err = capfd.readouterr()
    where = tmp_path / "tracking"
    assert out == (
        f"tracking: offline (there is no {tracker.setting}), archives in {where}; "
        "`make tracking-upload` sends them\n"
    )
    assert err == ""
    expected = f"no {tracker.setting}: 4 experiments kept in {where}"
    with pytest.raises(UserError, match=expected):
        tracking.upload(run)

    lines = [f"{name}='{value}'\n" for name, value in tracker.variables(server).items()]
    (tmp_path / ".env").write_text(f"# of mine\nOTHER=1\n{''.join(lines)}")
    damaged = where / f"{RUN}-boosted.zip"
    whole = damaged.read_bytes()
    damaged.write_bytes(b"not a zip")
    with pytest.raises(UserError, match=r"1 of them stay .*-boosted\.zip: BadZipFile"):
        tracking.upload(run)
    assert waiting(tmp_path) == [damaged.name]
    damaged.write_bytes(whole)
    tracking.upload(run)
    arrived_whole(tracker, server, run)
    assert waiting(tmp_path) == [] and waiting(tmp_path, sent=True) == EVERY
    asked = len(server.asked)
    tracking.upload(run)
    assert len(server.asked) == asked
    assert "nothing to send" in capfd.readouterr().out


def test_an_archive_holds_what_is_logged_and_is_the_same_for_each_tracker(
    run: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "of-the-environment")
    tracking.track(run, RUN)
    with zipfile.ZipFile(tmp_path / "tracking" / f"{RUN}-ridge.zip") as archive:
        names = set(archive.namelist())
        record = json.loads(archive.read("smallboat.json"))
        contents = b"".join(archive.read(name) for name in names)
    bundle = {f"bundle/{name}" for name in (*MODEL, "evaluation.json")}
    assert names == {"smallboat.json", "trials.json"} | bundle
    assert record.keys() == {
        *("project", "run", "candidate", "status", "created", "parameters", "notes"),
        *("metrics", "series", "files"),
    }
    for private in ("of-the-environment", f'"{socket.gethostname()}"', str(tmp_path)):
        assert private.encode() not in contents


def test_where_nobody_listens_a_run_waits(
    tracker: Tracker,
    run: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(tracker.key, KEY)
    monkeypatch.setenv(tracker.url, "http://me:s3cret@127.0.0.1:9/?key=s3cret")
    tracking.track(run, RUN)
    assert waiting(tmp_path) == EVERY
    assert "offline (http://127.0.0.1:9/ does not answer)" in capfd.readouterr().out
    with pytest.raises(UserError, match="does not answer: 4 experiments kept"):
        tracking.upload(run)
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "1")
    tracking.track(run, RUN)
    said = "none (http://127.0.0.1:9/ does not answer), and a job keeps no archives"
    assert said in capfd.readouterr().out
    assert waiting(tmp_path) == []


def test_names_of_any_characters_arrive(
    tracker: Tracker, server: Any, online: None, run: Settings, tmp_path: Path
) -> None:
    text = json.dumps(evaluation()).replace('"ridge"', '"ridge é/2"')
    odd = json.loads(text.replace('"error"', '"error@5 (%)"').replace(RUN, "2"))
    store.write_run(str(tmp_path), "2", odd, MODEL)
    tracking.track(run, "2")
    assert waiting(tmp_path) == [] and len(waiting(tmp_path, sent=True)) == len(EVERY)


def test_what_is_refused_or_arrives_by_half_stays_and_the_next_try_completes_it(
    tracker: Tracker,
    server: Any,
    online: None,
    run: Settings,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for server.broken in ("", *tracker.broken):
        server.api_key = KEY if server.broken else "another"
        tracking.track(run, RUN)
        assert f"{RUN}-ridge.zip" in waiting(tmp_path)
        out, err = capfd.readouterr()
        assert f"{RUN}-ridge.zip: " in out
        assert KEY not in out + err
    server.broken = ""
    tracking.upload(run)
    arrived_whole(tracker, server, run)
    assert waiting(tmp_path, sent=True) == EVERY


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os._exit(9)", "the tracker's client crashed (exit code 9)"),
        ("raise RuntimeError('out of order')", "out of order"),
        (
            "import signal, time; signal.alarm(1); time.sleep(60)",
            "the tracker took longer than a minute",
        ),
    ],
    ids=["it crashes", "it can't be imported", "it hangs"],
)
def test_a_broken_client_is_told_and_fails_nothing(
    tracker: Tracker,
    code: str,
    said: str,
    run: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fake, temporary = tmp_path / "fake", tmp_path / "temporary"
    fake.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (fake / f"{tracker.module}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(fake))
    with answering(lambda _: (200, b"")) as address:
        monkeypatch.setenv(tracker.url, address)
        monkeypatch.setenv(tracker.key, KEY)
        tracking.track(run, RUN)
    assert said in capfd.readouterr().out
    assert sorted(each.name for each in (tmp_path / "tracking").iterdir()) == EVERY
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("job", "told"), [("", "4 of them stay in "), ("1", "4 of them are lost, as a job keeps no")]
)
def test_a_job_says_that_what_was_refused_is_lost(
    run: Settings,
    job: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if job:
        monkeypatch.setenv("AWS_BATCH_JOB_ID", job)
    monkeypatch.setattr(sending, "send", lambda *given, **_: sending.Outcome(given[2]))
    tracking.track(run, RUN)
    assert told in capfd.readouterr().out


def test_a_client_that_is_not_installed_is_told_with_what_to_do(
    tracker: Tracker,
    run: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def absent(name: str) -> str:
        assert name == tracker.package
        raise PackageNotFoundError(name)

    monkeypatch.setattr(sending, "version", absent)
    tracking.track(run, RUN)
    assert (
        f"offline ({tracker.package} is not installed: add {tracker.name} to the extras of "
        "smallboat in pyproject.toml, then run make setup)"
    ) in capfd.readouterr().out
    assert waiting(tmp_path) == EVERY


def test_the_variables_of_each_tracker_pass_and_no_other_of_it(tracker: Tracker) -> None:
    own = import_module(f"smallboat.tracking.{tracker.name}").VARIABLES
    assert {tracker.url, tracker.key} <= set(own)
    prefix = tracker.url.partition("_")[0]
    given = dict.fromkeys([*own, f"{prefix}_MODE", f"{prefix}_ANYTHING"], "x")
    assert {name for name in cleaned(given) if name.startswith(prefix)} == set(own)


def test_a_store_that_cannot_be_written_is_told_and_fails_nothing(
    run: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tracking").write_text("")
    tracking.track(run, RUN)
    assert "tracking: could not use" in capfd.readouterr().out


def test_an_archive_that_is_torn_by_a_full_disk_is_told_and_not_kept(
    run: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    tracking.track(run, RUN)
    message = r"could not use .+ in .*/tracking, with [\d,]+ bytes free: No space left on dev"
    assert re.search(message, capfd.readouterr().out)
    assert f"{RUN}-ridge.zip" not in waiting(tmp_path)
