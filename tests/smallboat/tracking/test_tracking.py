"""A run reaches Comet or an archive, whole and with nothing in it that is nobody's business."""

import errno
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comet_server import Comet, serving
from copies import ROOT
from smallboat.cli import main
from smallboat.config.config import Settings, Store
from smallboat.errors import UserError
from smallboat.store import store
from smallboat.tracking import comet, tracking

KEY = "Zk3pQ9vXtW7nB2sL"
RUN = "1795000000000000"
NAMES = ["adaboost", "boosted", "ridge", "svr"]
HOST = "a-host-of-mine"
MODEL = {
    "model.onnx": b"\x08graph" * 999,
    "evaluation_model.onnx": b"\x08judged" * 99,
    "signature.json": b'{"inputs": []}\n',
    "online_features.json": b'{"as_of": "2024-12-08"}\n',
}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no configuration of the user's, and an address on loopback where nobody listens."""
    for name in [name for name in os.environ if name.startswith("COMET_")]:
        monkeypatch.delenv(name)
    for name, value in comet.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COMET_URL_OVERRIDE", "http://127.0.0.1:9/clientlib/")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Comet]:
    """A Comet that answers and knows the key, as the project's environment does."""
    with serving(Comet(KEY)) as it:
        monkeypatch.setenv("COMET_URL_OVERRIDE", it.url)
        monkeypatch.setenv("COMET_API_KEY", KEY)
        yield it


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """The configuration of a project whose store holds a run."""
    store.write_run(str(tmp_path), RUN, evaluation(), MODEL)
    return {
        "project": {"name": "project"},
        "store": {"root": str(tmp_path)},
        "training": {"seed": 7},
        "tracking": {"tracker": "comet"},
    }


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


def archives(root: Path, sent: bool = False) -> list[str]:
    """The names of the archives that wait, or that were sent."""
    folder = root / "tracking" / "sent" if sent else root / "tracking"
    return sorted(path.name for path in folder.glob("*.zip"))


EVERY = [f"{RUN}-{name}.zip" for name in NAMES]


def arrived_whole(server: Comet) -> None:
    """Every candidate stands at Comet as the run has it; a value sent twice counts once."""
    assert {one.project for one in server.experiments.values()} == {"project"}
    assert not any(one.open for one in server.experiments.values())
    winner, other, refused, failed = (
        server.named(f"{name}-{RUN}") for name in ("ridge", "boosted", "svr", "adaboost")
    )
    run = {"run": RUN, "snapshot": "0123456789abcdef", "commit": "a" * 40 + "+", "seed": 7}
    for one in (winner, other, refused):
        settings = {"alpha": 1.0, "depth": None}
        assert {k: v for k, v in one.parameters.items() if k != "curr_step"} == run | settings
        assert [t["settings"]["alpha"] for t in json.loads(one.assets["trials.json"])] == [0.1, 1]
    assert failed.parameters == run

    assert winner.tags == {RUN, "winner"}
    assert {name: list(dict.fromkeys(values)) for name, values in winner.metrics.items()} == {
        "validation_error": [(None, 3.0)],
        "validation_error_low": [(None, 2.9)],
        "validation_error_high": [(None, 3.1)],
        "validation_hits": [(None, 0.4)],
        "validation_baseline_error": [(None, 4.0)],
        "test_error": [(None, 2.8)],
        "test_error_low": [(None, 2.6)],
        "test_error_high": [(None, 3.0)],
        "test_hits": [(None, 0.5)],
        "test_baseline_error": [(None, 3.9)],
        "trial_score": [(1, 4.0), (2, 3.0)],
    }
    assert winner.others["gate size"] == "passed: 8 < 9"
    assert {name: winner.assets[name] for name in MODEL} == MODEL
    assert evaluation().items() <= json.loads(winner.assets["evaluation.json"]).items()

    assert other.tags == {RUN, "candidate"}
    assert list(dict.fromkeys(other.metrics["validation_score"])) == [(10, 3.4), (20, 3.2)]
    assert other.assets.keys() == {"trials.json"}
    assert "test_error" not in other.metrics

    assert refused.tags == {RUN, "disqualified"}
    assert refused.others["reason"] == "its ONNX graph differs by 2.0e-02"
    assert failed.tags == {RUN, "failed"}
    assert failed.others["reason"] == "timed out after 600 seconds"


def test_a_run_arrives_at_comet_whole(
    server: Comet, config: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tracking.track(config, RUN)
    arrived_whole(server)
    assert archives(tmp_path) == [] and archives(tmp_path, sent=True) == EVERY
    out, err = capfd.readouterr()
    assert out == f"tracking: Comet, online at {server.url}\ntracking: 4 of 4 experiments sent\n"
    assert err == ""


def test_without_a_key_a_run_waits_in_archives_and_is_sent_later(
    server: Comet,
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    comet.address()  # imports Comet
    monkeypatch.delenv("COMET_API_KEY")
    started = time.monotonic()
    tracking.track(config, RUN)
    assert time.monotonic() - started < 2, "Comet's own end() takes a second per experiment"
    assert archives(tmp_path) == EVERY and server.asked == []
    out, err = capfd.readouterr()
    where = tmp_path / "tracking"
    assert out == (
        f"tracking: offline (there is no COMET_API_KEY), archives in {where}; "
        "`make tracking-upload` sends them\n"
    )
    assert err == ""
    with pytest.raises(UserError, match=f"no COMET_API_KEY: 4 experiments kept in {where}"):
        tracking.upload(str(tmp_path), "project")

    monkeypatch.setenv("COMET_API_KEY", KEY)
    tracking.upload(str(tmp_path), "project")
    arrived_whole(server)
    assert archives(tmp_path) == [] and archives(tmp_path, sent=True) == EVERY
    asked = len(server.asked)
    tracking.upload(str(tmp_path), "project")
    assert len(server.asked) == asked
    assert "nothing to send" in capfd.readouterr().out


def test_a_key_in_comets_own_file_is_found(
    server: Comet, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMET_API_KEY")
    (tmp_path / ".comet.config").write_text(f"[comet]\napi_key={KEY}\n")
    tracking.track(config, RUN)
    arrived_whole(server)


def test_an_archive_holds_what_was_logged_and_nothing_else(
    server: Comet, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "of-the-environment")
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    server.api_key = "another"
    tracking.track(config, RUN)
    kinds, contents = set(), b""
    for name in archives(tmp_path):
        with zipfile.ZipFile(tmp_path / "tracking" / name) as archive:
            lines = archive.read("messages.json").splitlines()
            contents += b"".join(archive.read(member) for member in archive.namelist())
        kinds |= {json.loads(line)["type"] for line in lines}
        about = [json.loads(line)["payload"] for line in lines]
        others = {one["key"] for one in about if "key" in one}
        allowed = {"offline_experiment", "Name", "run", "status", "reason", "gate size"}
        assert others <= allowed
    assert kinds == {"parameter_msg", "metric_msg", "log_other", "file_upload"}
    for private in (KEY, "of-the-environment", HOST, sys.executable, str(tmp_path)):
        assert private.encode() not in contents


def test_where_nobody_listens_a_run_waits_in_archives(
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COMET_API_KEY", KEY)
    tracking.track(config, RUN)
    assert archives(tmp_path) == EVERY
    assert "offline (http://127.0.0.1:9/clientlib/ does not answer)" in capfd.readouterr().out
    with pytest.raises(UserError, match="does not answer: 4 experiments kept"):
        tracking.upload(str(tmp_path), "project")


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("COMET_URL_OVERRIDE", f"http://127.0.0.1:{port}/clientlib/")
        monkeypatch.setenv("COMET_API_KEY", KEY)
        yield


@pytest.mark.parametrize("hangs", ["connection", "name look-up"])
def test_a_host_that_hangs_costs_five_seconds_at_most(
    hangs: str, silent: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def look_up(*_: Any, **__: Any) -> None:
        over.wait(30)
        raise socket.gaierror("the test is over")

    comet.address()  # imports Comet
    if hangs == "name look-up":
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert comet.TIMEOUT <= 5
    monkeypatch.setattr(comet, "TIMEOUT", 0.2)
    started = time.monotonic()
    assert "does not answer" in (comet.obstacle() or "")
    assert time.monotonic() - started < 2
    over.set()


def test_a_key_that_comet_does_not_know_loses_nothing_and_is_not_shown(
    server: Comet, config: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.api_key = "another"
    tracking.track(config, RUN)
    assert archives(tmp_path) == EVERY and not server.experiments
    out, err = capfd.readouterr()
    assert "0 of 4 experiments sent" in out
    assert out.endswith("-ridge.zip: Comet does not know the COMET_API_KEY\n")
    assert sum(path.endswith("add/run") for path in server.asked) == 1
    assert KEY not in out + err


def test_a_key_that_is_damaged_is_told_without_showing_it(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMET_API_KEY", f"{KEY}*def")
    tracking.track(config, RUN)
    out, err = capfd.readouterr()
    assert out == "tracking: the COMET_API_KEY is damaged: copy it from Comet again\n"
    assert KEY not in err


@pytest.mark.parametrize("broken", ["experiment/metric", "asset/upload", "log-other", "add-tags"])
def test_what_arrived_by_half_stays_and_is_completed_by_the_next_try(
    broken: str,
    server: Comet,
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    patience = "comet_ml.connection.connection_upload.calculate_backoff_time"
    monkeypatch.setattr(patience, lambda **_: 0)
    server.broken = broken
    tracking.track(config, RUN)
    assert f"{RUN}-ridge.zip" in archives(tmp_path)
    out, err = capfd.readouterr()
    assert f"{RUN}-ridge.zip: " in out
    assert KEY not in out + err
    server.broken = ""
    tracking.upload(str(tmp_path), "project")
    arrived_whole(server)
    assert archives(tmp_path, sent=True) == EVERY


def test_an_archive_that_cannot_be_sent_stays_and_the_others_go(
    server: Comet, config: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.api_key = "another"
    tracking.track(config, RUN)
    server.api_key = KEY
    bad = tmp_path / "tracking" / f"{RUN}-boosted.zip"
    bad.write_bytes(b"not a zip")
    with pytest.raises(UserError, match=r"1 of them stay .*-boosted\.zip: BadZipFile"):
        tracking.upload(str(tmp_path), "project")
    assert archives(tmp_path) == [bad.name]
    assert archives(tmp_path, sent=True) == [name for name in EVERY if name != bad.name]


def test_a_server_that_goes_away_ends_the_sending(
    server: Comet, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMET_API_KEY")
    tracking.track(config, RUN)
    monkeypatch.setenv("COMET_API_KEY", KEY)
    asked = []

    def gone(archive: Path, project: str) -> str:
        asked.append(archive.name)
        monkeypatch.setenv("COMET_URL_OVERRIDE", "http://127.0.0.1:9/clientlib/")
        return "the connection was reset"

    monkeypatch.setattr(comet, "_send", gone)
    with pytest.raises(UserError, match="4 of them stay"):
        tracking.upload(str(tmp_path), "project")
    assert len(asked) == 1 and archives(tmp_path) == EVERY


def test_a_broken_comet_is_told_and_fails_nothing(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import comet_ml

    def broken(**_: Any) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(comet_ml, "start", broken)
    tracking.track(config, RUN)
    assert "failed, though the run did not: RuntimeError: out of order" in capfd.readouterr().out


def test_a_store_that_cannot_be_written_is_told_and_fails_nothing(
    config: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tracking").write_text("")
    tracking.track(config, RUN)
    assert "tracking: could not use" in capfd.readouterr().out


@pytest.mark.parametrize("where", ["the environment", "a file"])
def test_comet_disabled_by_its_own_settings_is_told_and_fails_nothing(
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    where: str,
) -> None:
    if where == "a file":
        (tmp_path / ".comet.config").write_text("[comet_auto_log]\ndisable=1\n")
    else:
        monkeypatch.setenv("COMET_AUTO_LOG_DISABLE", "1")
    tracking.track(config, RUN)
    said = "tracking: none, Comet is disabled by COMET_AUTO_LOG_DISABLE or .comet.config\n"
    assert capfd.readouterr().out == said
    assert archives(tmp_path) == []


def test_an_archive_that_is_torn_by_a_full_disk_is_told_and_not_kept(
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    tracking.track(config, RUN)
    out, err = capfd.readouterr()
    message = (
        r"tracking: could not use .+ in .*/tracking, with [\d,]+ bytes free: No space left on dev"
    )
    assert re.search(message, out)
    assert "Traceback" not in out + err and "COMET" not in err
    assert archives(tmp_path) == []


def in_a_process(code: str) -> str:
    """What Python prints that runs some code in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_disabled_comet_is_not_even_imported() -> None:
    printed = in_a_process(
        "import sys;"
        "from smallboat import cli;"
        "from smallboat.tracking import tracking;"
        "tracking.track({'tracking': {'tracker': 'none'}}, '1');"
        "print('comet_ml' in sys.modules)"
    )
    assert printed == "False\n"


def test_comet_leaves_the_libraries_and_the_errors_of_the_project_alone(
    config: dict[str, Any],
) -> None:
    printed = in_a_process(
        "import sklearn.linear_model;"
        "from smallboat.tracking import comet;"
        "comet.obstacle();"
        "import comet_ml, sentry_sdk;"
        "print(comet_ml.error_tracking.enabled_in_config(), sentry_sdk.get_client().is_active(),"
        "'comet' in sklearn.linear_model.Ridge.fit.__module__, hasattr(comet_ml, 'MODULE_FINDER'))"
    )
    assert printed == "False False False False\n"


def test_the_command_ends_with_2_if_it_could_not_send(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    here = settings.model_copy(update={"store": Store(root="store")})
    monkeypatch.setattr("smallboat.config.config.load", lambda *_: here)
    assert main(["tracking-upload"]) == 0
    Path("store", "tracking").mkdir(parents=True)
    Path("store", "tracking", "1-ridge.zip").touch()
    assert main(["tracking-upload"]) == 2
    out, err = capsys.readouterr()
    assert out == "tracking: nothing to send, there is no archive in store/tracking\n"
    assert err == "error: there is no COMET_API_KEY: 1 experiment kept in store/tracking\n"
