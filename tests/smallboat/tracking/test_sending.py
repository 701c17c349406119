"""The process that sends: a silent host, the end of its parent, and what only one tracker has."""

import os
import shutil
import socket
import struct
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
from smallboat import disk
from smallboat.cli import main
from smallboat.config.config import Settings, Store
from smallboat.config.sections import Tracking
from smallboat.errors import UserError
from smallboat.tracking import archives, comet, mlflow, sender, sending
from smallboat.tracking import wandb as offline
from smallboat.tracking.archives import Experiment
from toy_project import SHARED
from trackers import KEY
from wandb.proto import wandb_internal_pb2

ARCHIVE = "17-ridge.zip"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, and an empty home folder."""
    for name in [name for name in os.environ if name.startswith(("COMET_", "MLFLOW_", "WANDB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def experiment() -> Experiment:
    """Of a winner."""
    return Experiment(
        project="project",
        run="17",
        candidate="ridge",
        status="winner",
        created=1_795_000_000_000,
        parameters={"alpha": 1.0},
        notes={"status": "winner"},
        metrics={"validation_error": 3.0},
        series={"trial_score": [(1, 4.0), (2, 3.0)]},
        files=["trials.json", "bundle/model.onnx"],
    )


@pytest.fixture
def archive(experiment: Experiment, tmp_path: Path) -> Path:
    """The experiment waits."""
    files = {"trials.json": "[]", "bundle/model.onnx": "a model"}
    return archives.write(experiment, dict(files), tmp_path / "tracking")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Comet]:
    """A Comet that answers and knows the key."""
    with serving(Comet(KEY)) as it:
        monkeypatch.setenv("COMET_URL_OVERRIDE", it.url)
        monkeypatch.setenv("COMET_API_KEY", KEY)
        yield it


@pytest.mark.parametrize("hangs", ["connection", "name look-up"])
def test_a_host_that_hangs_costs_five_seconds_at_most(
    hangs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def look_up(*_: Any, **__: Any) -> None:
        over.wait(30)
        raise socket.gaierror("the test is over")

    if hangs == "name look-up":
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert sender.TIMEOUT <= 5
    monkeypatch.setattr(sender, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.monotonic()
        assert not sender.answers(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        assert time.monotonic() - started < 2
    over.set()


def test_a_sender_and_what_it_started_end_with_its_parent(tmp_path: Path) -> None:
    fake = tmp_path / "comet_ml.py"
    note = tmp_path / "note"
    fake.write_text(
        "import os, subprocess, time\n"
        f"child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(note)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} ')\n"
        "time.sleep(60)\n"
    )
    code = (
        "from pathlib import Path; from smallboat.tracking import sending;"
        "sending.send('comet', 'project', [Path('x.zip')], False)"
    )
    variables = os.environ | {"PYTHONPATH": str(tmp_path), "COMET_API_KEY": KEY}
    parent = subprocess.Popen([sys.executable, "-c", code], env=variables)
    until = time.monotonic() + 30
    while not note.exists() or not note.read_text().endswith(" "):
        assert time.monotonic() < until
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    for process in note.read_text().split():
        while _runs(process):
            assert time.monotonic() < until, "it outlives its parent"
            time.sleep(0.02)


def _runs(process: str) -> bool:
    try:
        state = Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_only_the_process_that_sends_imports_a_client() -> None:
    code = (
        "import sys; from smallboat import cli; from smallboat.release import after_run;"
        "from smallboat.tracking import comet, mlflow, tracking, wandb;"
        "print({'comet_ml', 'mlflow', 'wandb'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_command_ends_with_2_if_it_could_not_send(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    here = settings.model_copy(
        update={"store": Store(root="store"), "tracking": Tracking(tracker="comet")}
    )
    monkeypatch.setattr("smallboat.config.config.load", lambda *_: here)
    assert main(["tracking-upload"]) == 0
    Path("store", "tracking").mkdir(parents=True)
    Path("store", "tracking", "1-ridge.zip").touch()
    assert main(["tracking-upload"]) == 2
    here = here.model_copy(update={"tracking": Tracking(tracker="none")})
    assert main(["tracking-upload"]) == 2
    out, err = capsys.readouterr()
    assert out == "tracking: nothing to send, there is no archive in store/tracking\n"
    assert err.splitlines() == [
        "error: there is no COMET_API_KEY: 1 experiment kept in store/tracking",
        'error: [tracking] tracker is "none": name a tracker to send to; '
        "1 experiment kept in store/tracking",
    ]


def test_an_archive_is_sent_by_one_process_at_a_time(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Experiment] = []
    monkeypatch.setattr(offline, "send", lambda experiment, _: sent.append(experiment))
    with disk.locked(archive, ""):
        assert sender._send(offline, archive, "project") == "another process sends it"
    assert sent == [] and sender._send(offline, archive, "project") == "" and len(sent) == 1
    outcome = sending.Outcome([archive])
    for _ in range(2):  # the second time another has moved it
        sending._take({"kind": "sent", "archive": str(archive)}, outcome)
        assert sender._send(offline, archive, "project") == ""
    outcome.check()
    assert len(sent) == 1


@pytest.mark.parametrize(
    "address",
    ["https://s3cret@host/a", "https://me:s3@cret@host/a", "https://host/a?password=s3cret"],
)
def test_no_message_shows_what_is_private_in_an_address(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert sender._public(mlflow.address()) == "https://host/a"
    told = sender._told(OSError(f"nobody at {address} answers"), mlflow)
    assert told == "OSError: nobody at https://host/a answers"


def test_a_file_of_settings_that_cannot_be_read_is_told(archive: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"COMET_API_KEY=\xe9")
    outcome = sending.send("comet", "project", [archive], patient=False)
    assert outcome.obstacle.startswith("UnicodeDecodeError") and not outcome.failures


def test_a_key_in_comets_own_file_is_found(
    server: Comet, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMET_API_KEY")
    (tmp_path / ".comet.config").write_text(f"[comet]\napi_key={KEY}\n")
    sending.send("comet", "project", [archive], patient=False).check()
    assert len(server.experiments) == 1


def test_a_damaged_key_of_comet_is_told_without_showing_it(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMET_API_KEY", f"{KEY}*def")
    outcome = sending.send("comet", "project", [archive], patient=False)
    assert outcome.obstacle == "the COMET_API_KEY is damaged: copy it from Comet again"


def test_a_file_of_comet_that_cannot_be_read_is_told(archive: Path, tmp_path: Path) -> None:
    (tmp_path / ".comet.config").write_text("[comet\n")
    outcome = sending.send("comet", "project", [archive], patient=False)
    assert outcome.obstacle.startswith("Comet can't start (") and archive.exists()


@pytest.mark.parametrize("where", ["the environment", "a file"])
def test_comets_own_settings_may_forbid_experiments(
    where: str, server: Comet, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "a file":
        (tmp_path / ".comet.config").write_text("[comet_auto_log]\ndisable=1\n")
    else:
        monkeypatch.setenv("COMET_AUTO_LOG_DISABLE", "1")
    outcome = sending.send("comet", "project", [archive], patient=False)
    assert outcome.disabled == "Comet is disabled by COMET_AUTO_LOG_DISABLE or .comet.config"
    assert server.asked == []


def test_an_archive_of_an_older_library_is_sent_to_comet_and_to_no_other(
    server: Comet, experiment: Experiment, archive: Path, tmp_path: Path
) -> None:
    """Smallboat 0.3 kept archives in Comet's own format."""
    code = (
        "import sys; from pathlib import Path; from smallboat.tracking import archives, comet\n"
        "with archives.opened(Path(sys.argv[1])) as (experiment, folder):\n"
        "    (folder / archives.RECORD).unlink()\n"
        "    comet._write(experiment, folder)\n"
        "    next(folder.glob('*.zip')).replace(sys.argv[2])\n"
    )
    older = archive.with_name("16-ridge.zip")
    subprocess.run([sys.executable, "-c", code, archive, older], check=True)
    with zipfile.ZipFile(older) as opened:
        assert {"messages.json"} < set(opened.namelist())
    said = sender._send(offline, older, "project")
    assert said == 'an archive in Comet\'s format: send it with [tracking] tracker = "comet"'
    sending.send("comet", "project", [older], patient=False).check()
    assert server.named("ridge-17").metrics["validation_error"] == [(None, 3.0)]


def test_comet_that_only_logs_its_errors_is_believed(
    experiment: Experiment, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    for name, value in comet.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with archives.opened(archive) as (opened, folder):
        assert opened and opened.key == experiment.key
        monkeypatch.setattr(zipfile.ZipFile, "write", full)
        with pytest.raises(UserError, match="No space left"):
            comet.send(opened, folder)


@pytest.mark.nightly
def test_a_file_that_comet_refuses_is_not_lost(server: Comet, archive: Path) -> None:
    """Comet's client tries four times, which takes half a minute."""
    server.broken = "asset/upload"
    outcome = sending.send("comet", "project", [archive], patient=False)
    assert archive.exists() and outcome.failures


def test_what_mlflow_keeps_in_a_project_is_none_of_its_code(tmp_path: Path) -> None:
    """Else each later run would be of uncommitted edits."""
    shutil.copy(SHARED / ".gitignore", tmp_path)
    made = ["mlflow.db", "mlruns/1/a", "mlartifacts/1/a"]
    subprocess.run(["git", "init", "-q"], check=True)
    done = subprocess.run(["git", "check-ignore", *made], capture_output=True, text=True)
    assert done.stdout.splitlines() == made


def test_wandb_writes_an_offline_run_of_its_own_format(archive: Path, tmp_path: Path) -> None:
    code = (
        "import os, shutil, sys; from pathlib import Path\n"
        "from smallboat.tracking import archives, wandb\n"
        "os.environ.update(wandb.ENVIRONMENT)\n"
        "with archives.opened(Path(sys.argv[1])) as (experiment, folder):\n"
        "    shutil.copy(wandb.write(experiment, folder), sys.argv[2])\n"
    )
    written = tmp_path / "run.wandb"
    variables = os.environ | {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, archive, written], check=True, env=variables)
    logged = [wandb_internal_pb2.Record.FromString(raw) for raw in records(written)]
    kinds = {record.WhichOneof("record_type") for record in logged}
    assert {"run", "history", "summary", "artifact", "exit"} <= kinds
    assert not {"stats", "output", "output_raw", "environment", "files"} & kinds
    (run,) = (record.run for record in logged if record.HasField("run"))
    assert (run.project, run.run_group, run.display_name) == ("project", "17", "ridge-17")
    assert not run.HasField("git")


def records(file: Path) -> Iterator[bytes]:
    """What W&B's file holds: LevelDB's log format, after a header of 7 bytes."""
    raw, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(raw):
        if (left := -at % 32_768) and left < 7:  # a block ends with zeros
            at += left
            continue
        length, kind = struct.unpack("<HB", raw[at + 4 : at + 7])
        parts += raw[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""
