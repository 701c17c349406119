"""A fork of the server is what a Python of its own would have been, and ends with whom it must."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from copies import ROOT, gone, here
from smallboat.training import fork_server, preloading
from toy.problem import PROBLEM

pytestmark = pytest.mark.skipif(not fork_server.available(), reason="needs Linux")

WHAT_IS_INHERITED = """
import ctypes, json, os, resource, signal, sys
print(json.dumps({
    "name": __name__, "file": __file__, "main": sys.modules["__main__"].__file__,
    "arguments": sys.argv, "path": sys.path, "folder": os.getcwd(), "input": sys.stdin.read(),
    "variables": {**os.environ, "SMALLBOAT_FORK_SERVER": ""},
    "in C": [ctypes.CDLL(None).getenv(name) for name in (b"GONE",)],
    "umask": os.umask(0), "group": os.getpgrp(), "session": os.getsid(0),
    "limits": [resource.getrlimit(n) for n in range(resource.RLIM_NLIMITS)]
        if hasattr(resource, "RLIM_NLIMITS") else [resource.getrlimit(n) for n in range(10)],
    "signals": {n: str(signal.getsignal(n)) for n in sorted(signal.valid_signals())
                if n not in (signal.SIGKILL, signal.SIGSTOP)},
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": len(os.listdir("/proc/self/task")),
    "files": sorted(os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in (0, 1, 2)),
    "hash": hash("a") if "PYTHONHASHSEED" in os.environ else 0,
    "gc": __import__("gc").isenabled(), "encoding": sys.stdout.encoding,
}))
print("error", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that has numpy, and a variable that its forks must not have."""
    with fork_server.running(["numpy"], os.environ | {"GONE": "x"}) as (path, _):
        yield path


def client(server: str, script: Path, *words: str, seconds: int = 0) -> list[str]:
    """The command of a task."""
    return [sys.executable, "-I", "-S", str(fork_server.CLIENT), server, str(seconds), str(script)]


def write(folder: Path, code: str) -> Path:
    script = folder / "script.py"
    script.write_text(code)
    return script


def forked(server: str, script: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a script in a fork."""
    return subprocess.run(client(server, script), capture_output=True, text=True, **options)


def test_a_fork_inherits_what_a_python_of_its_own_does(server: str, tmp_path: Path) -> None:
    script = write(tmp_path, WHAT_IS_INHERITED)
    own = tmp_path / "own"
    own.mkdir()
    variables = {key: value for key, value in os.environ.items() if key != "HOME"}
    variables |= {"PYTHONUNBUFFERED": "x", "PYTHONPATH": f"{own}:{tmp_path}", "NÄME": "ü\udcff"}

    def prepare() -> None:
        os.umask(0o27)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**21))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])

    plain, fork = (
        subprocess.run(
            [*start, "script.py", "a word", "--option"],
            cwd=tmp_path,
            env=variables,
            input="text",
            capture_output=True,
            text=True,
            preexec_fn=prepare,
        )
        for start in ([sys.executable], client(server, script)[:-1])
    )
    assert json.loads(fork.stdout) == json.loads(plain.stdout)
    assert (fork.returncode, fork.stderr) == (plain.returncode, plain.stderr) == (0, "error\n")


@pytest.mark.parametrize(
    "code",
    [
        "pass",
        "raise SystemExit(3)",
        "raise SystemExit('a sentence')",
        "import sys; sys.exit()",
        "raise SystemExit(300)",
        "raise SystemExit(-9)",
        "1 / 0",
        "raise KeyboardInterrupt",
        "import os; os._exit(7)",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.kill(os.getpid(), 15)",
        "import os; os.kill(os.getpid(), 2)",
        "import ctypes; ctypes.string_at(0)",
        "import os; os.abort()",
        "print('x', end=''); import atexit; atexit.register(print, 'at exit')",
        "import threading, time; threading.Timer(.3, lambda: print('late')).start()",
        "import os; os.fork() or os._exit(5); print(os.wait()[1] >> 8)",
        "from multiprocessing import Pool\nwith Pool(2) as pool: print(pool.map(abs, [-1]))",
        "import pickle\nclass A: pass\nprint(pickle.dumps(A()))",
    ],
)
def test_a_fork_ends_as_a_python_of_its_own_does(server: str, tmp_path: Path, code: str) -> None:
    script = write(tmp_path, code)
    plain = subprocess.run([sys.executable, script], capture_output=True, text=True)
    fork = forked(server, script)
    assert fork.returncode == plain.returncode
    assert fork.stdout == plain.stdout
    assert fork.stderr.splitlines()[-1:] == plain.stderr.splitlines()[-1:]


def test_two_forks_draw_different_numbers_and_names(server: str, tmp_path: Path) -> None:
    code = "import numpy, random, tempfile, uuid\nprint(random.random(), uuid.uuid4())\n"
    code += "print(numpy.random.random(), next(tempfile._get_candidate_names()))"
    script = write(tmp_path, code)
    first, second = (forked(server, script).stdout.split() for _ in range(2))
    assert len(first) == 4
    assert not set(first) & set(second)


def test_a_secret_of_one_task_is_neither_in_the_server_nor_in_another_task(
    server: str, tmp_path: Path
) -> None:
    code = "import ctypes, os; c = ctypes.CDLL(None); c.getenv.restype = ctypes.c_char_p\n"
    code += "print(os.environ.get('SECRET'), c.getenv(b'SECRET'), os.environ.get('GONE'))"
    script = write(tmp_path, code)
    told = forked(server, script, env=os.environ | {"SECRET": "s3"}).stdout
    assert told == "s3 b's3' None\n"
    assert forked(server, script).stdout == "None None None\n"
    process = forked(server, write(tmp_path, "import os; print(os.getppid())")).stdout
    memory = Path(f"/proc/{process.strip()}/environ").read_bytes()
    assert b"SECRET" not in memory and b"GONE" in memory


WAITING = "import os, time; print(os.getpid(), os.getppid(), flush=True); time.sleep(600)"
DEAF = "import ctypes, os; print(os.getpid(), flush=True); ctypes.PyDLL(None).sleep(600)"
"""In C, with the interpreter's lock: no line of Python runs, neither handler nor thread."""


def started(server: str, script: Path, **options: Any) -> tuple[subprocess.Popen[str], list[int]]:
    """A client whose fork waits, and what the fork has printed."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(client(server, script, **options), **pipes)  # type: ignore[call-overload]
    return process, [int(word) for word in process.stdout.readline().split()]


@pytest.mark.parametrize("code", [WAITING, DEAF])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_fork_ends_with_its_client(server: str, tmp_path: Path, code: str, number: int) -> None:
    process, (fork, *_) = started(server, write(tmp_path, code))
    process.send_signal(number)
    process.communicate()
    assert process.returncode == -number
    assert gone(fork)


def test_an_interrupt_of_the_group_or_of_the_client_alone(server: str, tmp_path: Path) -> None:
    script = write(tmp_path, f"try:\n    {WAITING}\nexcept KeyboardInterrupt: print('heard')")
    process, (fork, _) = started(server, script)
    assert os.getpgid(fork) == os.getpgid(process.pid)
    os.kill(fork, signal.SIGINT)
    assert process.communicate()[0] == "heard\n"
    process = subprocess.Popen(
        client(server, script), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)  # the fork is in the server's session
    assert process.communicate()[0] == "heard\n"
    assert process.returncode == 0


def test_a_fork_that_hangs_in_c_is_killed_after_its_time(server: str, tmp_path: Path) -> None:
    process, (fork,) = started(server, write(tmp_path, DEAF), seconds=1)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL
    assert errors == "killed: the step did not stop within 1 s\n"
    assert gone(fork)


def test_client_and_fork_end_with_the_runner(server: str, tmp_path: Path) -> None:
    words = client(server, write(tmp_path, DEAF))
    code = f"import subprocess; p = subprocess.Popen({words!r}); print(p.pid, flush=True); p.wait()"
    runner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert runner.stdout
    process, fork = (int(runner.stdout.readline()) for _ in range(2))
    runner.kill()
    runner.wait()
    assert gone(process) and gone(fork)


def test_with_the_server_its_forks_end_and_their_clients_say_so(tmp_path: Path) -> None:
    with fork_server.running([]) as (path, _):
        process, (fork, server) = started(path, write(tmp_path, WAITING))
        os.kill(server, signal.SIGKILL)
        _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert errors == "the fork server has ended, and this task with it\n"
        assert gone(fork)
        done = forked(path, write(tmp_path, "print('alone')"))
    assert done.stdout == "alone\n"
    assert done.stderr.startswith("this task starts a Python of its own: the fork server can't be ")


def test_the_server_ends_when_nobody_holds_its_file(tmp_path: Path) -> None:
    code = "import sys, time\nfrom smallboat.training import fork_server\n"
    code += "with fork_server.running([]) as (path, _): print(path, flush=True); time.sleep(600)"
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    path = owner.stdout.readline().strip()
    process, (fork, server) = started(path, write(tmp_path, WAITING))
    owner.kill()
    owner.wait()
    process.communicate()
    assert gone(server) and gone(fork)


def test_it_does_not_fork_once_an_import_has_started_threads(tmp_path: Path) -> None:
    code = "import threading, time\nthread = threading.Thread(target=time.sleep, args=[600])\n"
    code += "thread.daemon = True\nthread.start()"
    (tmp_path / "threading_module.py").write_text(code)
    script = write(tmp_path, "import sys; print('threading_module' in sys.modules)")
    variables = os.environ | {"PYTHONPATH": str(tmp_path)}
    with fork_server.running(["threading_module"], variables) as (path, _):
        done = forked(path, script)
    assert (done.returncode, done.stdout) == (0, "False\n")
    reason = "the import of threading_module has started threads"
    assert done.stderr == f"this task starts a Python of its own: {reason}\n"


def test_a_python_that_would_start_otherwise_is_no_fork(server: str, tmp_path: Path) -> None:
    script = write(tmp_path, "print(hash('a'))")
    seeded = os.environ | {"PYTHONHASHSEED": "7"}
    plain = subprocess.run([sys.executable, script], env=seeded, capture_output=True, text=True)
    done = forked(server, script, env=seeded)
    assert done.stdout == plain.stdout
    assert "the fork server has another PYTHONHASHSEED" in done.stderr


def test_what_cannot_be_imported_is_left_to_the_task(tmp_path: Path) -> None:
    (tmp_path / "broken_module.py").write_text("raise SystemExit('broken')")
    variables = os.environ | {"PYTHONPATH": str(tmp_path)}
    with fork_server.running(["broken_module", "no_module"], variables) as (path, _):
        done = forked(path, write(tmp_path, "import no_module"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'no_module'"


def test_a_long_path_is_none_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with fork_server.running([]) as (path, _):
        assert forked(path, write(tmp_path, "print('here')")).stdout == "here\n"
    assert list(folder.iterdir()) == []


def test_what_the_steps_import_starts_no_thread(tmp_path: Path) -> None:
    names = preloading.modules(PROBLEM)
    missing = f"import sys; print([n for n in {names!r} if n not in sys.modules])"
    with fork_server.running(names, here(ROOT)) as (path, _):
        until = time.monotonic() + 60
        while (done := forked(path, write(tmp_path, missing))).stdout != "[]\n":
            assert done.stderr == ""
            assert time.monotonic() < until, done.stdout
            time.sleep(0.5)
    assert {"great_expectations.expectations", "sklearn.linear_model", "toy.features"} <= {*names}
