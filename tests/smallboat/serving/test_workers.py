"""Workers that are killed, that fail, and whose parent is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from smallboat.serving.model import server

CODE = """
import sys, time
from smallboat.serving.workers import Workers
def work():
    print("working", flush=True)
    while True:
        time.sleep(0.05)
        if {fails}:
            raise ValueError("broken")
sys.exit(0 if Workers(2, work, lambda number: print("stopping", flush=True)).run() else 1)
"""


def start(log: Path, fails: str = "False") -> "subprocess.Popen[bytes]":
    """A process with two workers."""
    command = [sys.executable, "-c", CODE.format(fails=fails)]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What the processes say."""
    return tmp_path / "log"


@pytest.fixture
def parent(log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A process whose two workers work."""
    process = start(log)
    eventually(lambda: log.read_text().count("working") == 2)
    yield process
    process.kill()
    process.wait()


def workers(process: "subprocess.Popen[bytes]") -> list[int]:
    tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in tasks.read_text().split()]


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_killed_worker_is_replaced(parent: "subprocess.Popen[bytes]", log: Path) -> None:
    killed, kept = workers(parent)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: log.read_text().count("working") == 3)
    assert kept in workers(parent) and killed not in workers(parent)
    assert len(workers(parent)) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all(
    parent: "subprocess.Popen[bytes]", log: Path, number: signal.Signals
) -> None:
    below = workers(parent)
    parent.send_signal(number)
    assert parent.wait(20) == 0
    assert all(ended(pid) for pid in below)
    assert log.read_text().count("stopping") == 1


def test_a_worker_that_fails_ends_all(log: Path) -> None:
    assert start(log, fails="True").wait(20) == 1
    assert "ValueError: broken" in log.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_none_outlives_a_parent_that_was_killed(parent: "subprocess.Popen[bytes]") -> None:
    below = workers(parent)
    parent.kill()
    eventually(lambda: all(ended(pid) for pid in below))


def test_a_container_can_be_told_how_many_workers_to_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    (tmp_path / "release.json").touch()
    assert server._workers(tmp_path) == server.MAX_WORKERS
    monkeypatch.setenv("MODEL_WORKERS", "1")
    assert server._workers(tmp_path) == 1
