"""`make deploy`, `serve` and what goes with them, over the real servers and real processes."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import bundles
import faulty_server
import numpy as np
import pytest
import requests
import smallboat
import toy
from bundles import BETTER, BREAKS, PLAIN, WRONG, Runs
from smallboat.release.targets import local
from smallboat.serving import servers, serving
from smallboat.store import store
from toy import service
from toy.problem import PROBLEM

TOY = Path(toy.__file__).parents[1]
SLOW = {"how": "is slow", "seconds": 2.1}
"""More than the toy's `latency_ms`, which a busy machine keeps."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return bundles.empty(tmp_path_factory.mktemp("sample") / "store")


class Project:
    """A project's folder, and its commands as processes."""

    def __init__(self, folder: Path, runs: Runs) -> None:
        self.folder, self.runs = folder, runs

    def start(self, *words: str, code: str = "") -> subprocess.Popen[str]:
        command = ["-c", code] if code else ["-m", "smallboat", *words]
        paths = self.folder / "faulty", Path(smallboat.__file__).parents[1]
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str, code: str = "") -> tuple[int, str]:
        """Exit code and output."""
        process = self.start(*words, code=code)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def do(self, *words: str) -> str:
        """The output of a command that must succeed."""
        code, output = self.run(*words)
        assert code == 0, output
        return output

    def status(self) -> dict[str, Any]:
        return json.loads(self.do("status"))

    @property
    def endpoint(self) -> local.LocalTarget:
        return local.LocalTarget(PROBLEM, self.folder / "endpoint")

    def served(self) -> tuple[str, str]:
        """The runs of the model and of the features that are served."""
        release = self.endpoint.current()
        assert release is not None
        return release["run"], release["features_run"]

    def server(self) -> Any:
        """What serves this folder, or None."""
        return serving.running(self.folder / "endpoint")

    def configure(self, old: str, new: str) -> None:
        for file in (self.folder / "config").glob("*.toml"):
            file.write_text(file.read_text().replace(old, new))


@pytest.fixture(scope="module")
def first(sample: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder whose run 1 is released."""
    folder = tmp_path_factory.mktemp("first")
    shutil.copytree(TOY / "config", folder / "config")
    for name in ("pyproject.toml", "serving", "toy"):
        (folder / name).symlink_to(TOY / name)
    shutil.copytree(Path(sample.root, "snapshots"), folder / "store" / "snapshots")
    project = Project(folder, replace(sample, root=str(folder / "store")))
    project.runs.keep("1", PLAIN)
    output = project.do("deploy").splitlines()
    assert output[-2].startswith("released: model ") and output[-1] == "next: make serve"
    return folder


@pytest.fixture
def project(first: Path, sample: Runs, tmp_path: Path) -> Iterator[Project]:
    """A copy of that folder."""
    shutil.copytree(first, tmp_path, symlinks=True, dirs_exist_ok=True)
    project = Project(tmp_path, replace(sample, root=str(tmp_path / "store")))
    yield project
    serving.stop(tmp_path / "endpoint")


@pytest.fixture
def faulty(project: Project) -> Project:
    """The same with the server that can be told to fail."""
    library = Path(smallboat.__file__).parent
    place = project.folder / "faulty" / "smallboat"
    for room in (Path(), Path("serving"), Path("serving", "model")):
        (place / room).unlink(missing_ok=True)
        (place / room).mkdir(parents=True)
        for path in (library / room).iterdir():
            (place / room / path.name).symlink_to(path)
    (place / "serving" / "model" / "__main__.py").unlink()
    (place / "serving" / "model" / "__main__.py").symlink_to(faulty_server.__file__)
    return project


@pytest.fixture
def fresh(faulty: Project) -> Project:
    """The same before its first release."""
    shutil.rmtree(faulty.folder / "endpoint")
    return faulty


def free_port() -> str:
    return str(servers.free_port())


def eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(600):
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_from_a_run_to_an_answer_and_back(project: Project) -> None:
    assert project.do("deploy").startswith("kept: run 1 is the same")
    status = project.status()
    assert status["environment"] == "local"
    assert status["release"] == project.endpoint.current()
    assert (status["previous"], status["server"]) == (None, None)
    table = project.do("predict").splitlines()
    assert columns(project) in [line.split() for line in table[:2]]
    assert table[-1].startswith("model of run 1, features as of ")

    project.runs.keep("2", BETTER)
    assert "released: model " in project.do("deploy")
    assert project.served() == ("2", "2")
    assert project.status()["previous"] == status["release"]["release"]
    head, newer, older = project.do("runs").splitlines()
    assert head.endswith("release") and newer.endswith("model and features")
    assert older.split()[0] == "1" and not older.endswith("features")
    assert project.do("rollback").splitlines()[-2].startswith("rolled back: model ")
    assert project.served() == ("1", "1")
    code, output = project.run("rollback")
    assert code == 2 and "no earlier release to go back to" in output
    first, second, third = project.status()["releases"]
    assert first["evaluation"] == {
        "metric": "mae", "value": 1.0, "interval": [1.0, 1.0], "baseline": 1.0,
    }  # fmt: skip
    assert [first["came"], third["came"]] == ["the first release", "a rollback"]
    assert first["went"] == f"replaced by run 2: {second['came']}"
    assert second["came"].startswith("run 2 is not inferior: mae -")
    assert [second["went"], third["went"], third["until"]] == ["rolled back", None, None]
    assert store.read_json(project.folder / "store" / store.RELEASES) == [first, second, third]


def test_a_log_of_an_older_library_is_still_read(project: Project) -> None:
    log = project.folder / "endpoint" / "history.json"
    (event,) = store.read_json(log)
    old = {name: event[name] for name in ("at", "event", "release")}
    log.write_bytes(store.to_json([old]))
    project.runs.keep("2", BETTER)
    project.do("deploy")
    first, second = project.status()["releases"]
    assert (first["run"], first["came"], first["evaluation"]["value"]) == ("1", "not recorded", 1.0)
    assert first["went"] == f"replaced by run 2: {second['came']}"
    assert project.do("rollback").splitlines()[-2].startswith("rolled back: model ")


def test_a_list_that_can_not_be_written_takes_no_release_back(project: Project) -> None:
    (project.folder / "store" / "monitoring" / "live.json").write_text("cut")
    project.runs.keep("2", BETTER)
    output = project.do("deploy")
    assert "the list of releases was not written: store/monitoring/live.json is no JSON" in output
    assert project.served() == ("2", "2")


def columns(project: Project) -> list[str]:
    """What a prediction tells, by name."""
    online = project.runs.online
    example = service.example(online)
    rows, _ = service.features(example, online)
    evaluation = store.read_json(project.endpoint.folder() / "evaluation.json")
    return list(service.predictions(example, np.zeros(len(rows)), rows, evaluation)[0])


def test_a_release_that_answers_wrongly_or_late_is_walked_past(fresh: Project) -> None:
    fresh.runs.keep("2", PLAIN, as_of="2030-01-01")
    fresh.runs.keep("3", WRONG, evaluation_trained_until="2030-01-01")
    fresh.runs.keep("4", PLAIN, fault={"where": ["pre_switch_server"], **SLOW})
    output = fresh.do("deploy")
    assert "run 4 failed: pre-switch check failed: milliseconds of all" in output, output
    assert f"run 3 failed: pre-switch check failed: {BREAKS}" in output, output
    assert fresh.served() == ("2", "2")


@pytest.mark.parametrize("where", ["pre_switch_server", "endpoint"])
@pytest.mark.parametrize(
    "fault", [{"how": "is wrong"}, SLOW, {"how": "crashes"}], ids=lambda fault: fault["how"]
)
def test_a_server_that_fails_leaves_the_old_release(
    faulty: Project, where: str, fault: dict[str, Any]
) -> None:
    faulty.runs.keep("2", PLAIN, as_of="2030-01-01", fault={"where": [where], **fault})
    code, output = faulty.run("deploy")
    assert code == 4, output
    check = "pre-switch check" if where == "pre_switch_server" else "post-switch check"
    assert f"failed: run 2 failed: {check} failed: " in output
    assert faulty.served() == ("1", "1")


def test_a_running_server_goes_back_as_well_and_answers_all_the_time(faulty: Project) -> None:
    faulty.do("serve", "--background", "--port", free_port())
    fault = {"where": ["endpoint"], **SLOW}
    faulty.runs.keep("2", PLAIN, as_of="2030-01-01", fault=fault)
    before = faulty.status()["server"]
    deploying = faulty.start("deploy")
    statuses = []
    while deploying.poll() is None:
        statuses.append(requests.get(before["url"] + "/health", timeout=10).status_code)
        time.sleep(0.02)
    assert deploying.returncode == 4, deploying.communicate()[0]
    assert set(statuses) == {200}
    assert faulty.status()["server"] == before


DYING = """
import os, signal
from smallboat.cli import main
from smallboat.release.targets.local import LocalTarget
from smallboat.serving import servers

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def writing(self, file, content):
    if (file.name, "before") == {point!r}: die()
    write(self, file, content)
    if (file.name, "after") == {point!r}: die()

write = LocalTarget._write
LocalTarget._write = writing
if {point!r}[1] == "method":
    setattr(servers if {point!r}[0] == "temporary_model_server" else LocalTarget, {point!r}[0], die)
main(["deploy"])
"""


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(("temporary_model_server", "method"), marks=pytest.mark.nightly),
        pytest.param(("update", "method"), marks=pytest.mark.nightly),
        pytest.param(("current", "before"), marks=pytest.mark.nightly),
        pytest.param(("current", "after"), marks=pytest.mark.nightly),
        ("live_server", "method"),
        pytest.param(("history.json", "before"), marks=pytest.mark.nightly),
        pytest.param(("history.json", "after"), marks=pytest.mark.nightly),
    ],
    ids="-".join,
)
def test_a_deployment_killed_at_any_point_succeeds_when_repeated(
    project: Project, point: tuple[str, str]
) -> None:
    first = project.endpoint.folder().name
    project.runs.keep("2", PLAIN, as_of="2030-01-01")
    code, output = project.run(code=DYING.format(point=point))
    assert code == -signal.SIGKILL, output
    assert project.endpoint.current() is not None
    assert project.do("deploy").splitlines()[-2].startswith("kept: run 2 is the same")
    assert project.served() == ("1", "2")
    previous = project.endpoint.previous()
    assert previous is not None and previous.name == first
    assert len(list(previous.parent.iterdir())) == 2
    assert [event["event"] for event in project.endpoint.history()] == ["released"] * 2


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_a_deployment_killed_at_a_random_time_succeeds_when_repeated(
    project: Project, seed: int
) -> None:
    project.runs.keep("2", PLAIN, as_of="2030-01-01")
    deploying = project.start("deploy")
    time.sleep(random.Random(seed).uniform(0.1, 3))
    deploying.kill()
    deploying.communicate(timeout=120)
    assert project.endpoint.current() is not None
    project.do("deploy")
    assert project.served() == ("1", "2")
    assert eventually(lambda: not using(project.folder))


@pytest.mark.nightly
def test_a_first_deployment_that_was_killed_succeeds_when_repeated(fresh: Project) -> None:
    fresh.run(code=DYING.format(point=("live_server", "method")))
    assert fresh.do("deploy").splitlines()[-2].startswith("released")


def test_an_ended_deployment_goes_back_and_leaves_no_process(fresh: Project) -> None:
    fresh.runs.keep("2", PLAIN, fault={"where": ["endpoint"], "how": "is slow"})
    deploying = fresh.start("deploy")
    assert eventually(lambda: fresh.endpoint.current() is not None)
    deploying.send_signal(signal.SIGTERM)
    deploying.communicate(timeout=120)
    assert deploying.returncode == 130
    assert fresh.endpoint.current() is None
    assert not using(fresh.folder)


def using(folder: Path) -> list[str]:
    """The processes whose working folder or arguments lie in a folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_text()
            where = (process / "cwd").readlink()
        except OSError:
            continue
        if process.name != str(os.getpid()) and (str(folder) in words or where == folder):
            found.append(words)
    return found


def test_two_deployments_at_once_exclude_each_other(project: Project) -> None:
    project.runs.keep("2", PLAIN, as_of="2030-01-01")
    with project.endpoint.locked():
        code, output = project.run("deploy")
        assert code == 2 and "another deployment is running" in output
        assert project.run("rollback")[0] == 2
    both = [project.start("deploy"), project.start("deploy")]
    outputs = [process.communicate()[0] for process in both]
    assert {process.returncode for process in both} <= {0, 2}, outputs
    assert project.served() == ("1", "2")
    assert len(project.endpoint.history()) == 2


def test_old_releases_go_but_never_the_one_to_go_back_to(project: Project) -> None:
    project.configure("keep = 5", "keep = 2")
    for run in ("2", "3"):
        project.runs.keep(run, PLAIN, as_of=f"203{run}-01-01")
        project.do("deploy")
    releases = project.folder / "endpoint" / "releases"
    assert set(releases.iterdir()) == {project.endpoint.previous(), project.endpoint.folder()}
    project.do("rollback")
    assert project.served() == ("1", "2")
    code, output = project.run("rollback")
    assert code == 2 and "no earlier release" in output


def test_nothing_is_served_before_the_first_release(fresh: Project) -> None:
    for command in ("serve", "predict"):
        code, output = fresh.run(command)
        assert code == 2 and "nothing is released yet: `make deploy`" in output
    assert "nothing is running" in fresh.do("stop")
    assert fresh.status()["release"] is None


def test_a_server_in_the_background_follows_the_release(project: Project) -> None:
    port = free_port()
    for words in (["--port", port], ["--port", port], []):
        output = project.do("serve", "--background", *words)
        assert f"serving http://127.0.0.1:{port}" in output
    for words in ([], ["--background"]):
        code, output = project.run("serve", "--port", free_port(), *words)
        assert code == 2 and f"served already at http://127.0.0.1:{port}" in output
        assert "`make stop`" in output
    project.runs.keep("2", PLAIN, as_of="2030-01-01")
    assert project.do("deploy").splitlines()[-1] == f"serving http://127.0.0.1:{port}"
    server = project.status()["server"]
    assert server["release"] == project.endpoint.folder().name
    assert "features as of 2030-01-01" in project.do("predict")
    assert requests.get(f"{server['url']}/model/card", timeout=10).text == "<html>run 1</html>"
    project.do("rollback")
    told = requests.get(f"{server['url']}/releases", timeout=10).json()
    assert told == project.status()["releases"]
    assert [each["features_run"] for each in told] == ["1", "2", "1"]
    assert "features as of 2030-01-01" not in project.do("predict")
    assert f"stopped process {server['pid']}" in project.do("stop")
    assert not listening(server)
    assert project.status()["server"] is None
    captured = (project.folder / "store" / "captured.jsonl").read_text().splitlines()
    assert len(captured) == 2
    private = (project.folder / "store" / "captured.jsonl", project.folder / "endpoint/serve.log")
    assert [oct(path.stat().st_mode & 0o777) for path in private] == ["0o600", "0o600"]


def test_a_server_answers_to_the_names_that_are_configured_and_no_others(project: Project) -> None:
    project.configure("allowed_hosts = []", 'allowed_hosts = ["model.example.org"]')
    log = project.folder / "endpoint" / "serve.log"
    log.touch(0o644)  # as an earlier version left it
    project.do("serve", "--background", "--port", free_port())
    assert log.stat().st_mode & 0o777 == 0o600
    server = project.status()["server"]

    def status(url: str, host: str) -> int:
        return requests.get(url, headers={"Host": host}, timeout=10).status_code

    api, model = f"{server['url']}/health", f"{server['model_url']}/ping"
    assert [status(api, host) for host in ("localhost", "model.example.org")] == [200, 200]
    assert [status(url, "attacker.example") for url in (api, model)] == [403, 403]


def listening(server: dict[str, Any]) -> bool:
    """Whether the API or the model server still listens."""
    ports = [int(server[name].rpartition(":")[2]) for name in ("url", "model_url")]
    for port in ports:
        with closing(socket.socket()) as client:
            if client.connect_ex((servers.HOST, port)) == 0:
                return True
    return False


def test_a_port_in_use_is_said(project: Project) -> None:
    with closing(socket.create_server((servers.HOST, 0))) as taken:
        port = taken.getsockname()[1]
        for words in ([], ["--background"]):
            code, output = project.run("serve", "--port", str(port), *words)
            assert code == 2
            assert f"error: port {port}: address already in use; choose another" in output


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "\u00b2"])
def test_what_is_no_port_is_said(project: Project, port: str) -> None:
    code, output = project.run("serve", f"--port={port}")
    assert code == 2
    assert "Error: Invalid value for '--port': " in output


def test_only_what_matters_is_said_in_the_foreground(project: Project) -> None:
    serving_ = project.start("serve", "--port", free_port())
    assert eventually(lambda: project.server() is not None)
    serving_.send_signal(signal.SIGINT)
    assert "[INFO]" not in serving_.communicate(timeout=120)[0]


@pytest.mark.parametrize("content", [None, "5", "{}"])
def test_a_broken_champion_bars_no_way_out(project: Project, content: str | None) -> None:
    served, run = project.endpoint.folder(), project.runs.keep("2", BETTER).name
    if content is None:
        shutil.rmtree(served)
    else:
        (served / "release.json").write_text(content)
    code, output = project.run("deploy")
    assert code == 4, output
    assert f"run {run} is not comparable: what is served can't be read: " in output
    assert "release it with `make deploy ALLOW_SCHEMA_CHANGE=1`" in output
    assert "what is served can't be read: " in project.do("runs")
    project.do("deploy", "--allow-schema-change")
    assert project.served() == ("2", "2")


def test_a_broken_release_is_told_in_a_sentence(project: Project) -> None:
    (project.endpoint.folder() / "model.onnx").write_bytes(b"cut")
    code, output = project.run("predict")
    assert code == 4
    assert "the model server is not ready (503): refused a release in" in output
    code, output = project.run("serve", "--background", "--port", free_port())
    assert code == 2, output
    assert "the model server is not ready (503): " in output
    assert f"see {Path('endpoint', 'serve.log')}" in output


def test_an_interrupted_start_in_the_background_leaves_no_process(project: Project) -> None:
    starting = project.start("serve", "--background", "--port", free_port())
    assert eventually(lambda: bool(children(starting.pid)))
    starting.send_signal(signal.SIGINT)
    starting.communicate(timeout=120)
    assert starting.returncode == 130
    assert not using(project.folder)


def test_a_killed_tether_leaves_no_server(project: Project) -> None:
    port = free_port()
    project.do("serve", "--background", "--port", port)
    server = project.server()
    for child_process in children(server["pid"]):
        os.kill(child_process, signal.SIGKILL)
    assert eventually(lambda: not listening(server) and project.server() is None)
    project.do("serve", "--background", "--port", port)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.nightly),
        pytest.param(signal.SIGTERM, marks=pytest.mark.nightly),
        signal.SIGKILL,
    ],
)
def test_however_serving_ends_both_servers_end_and_it_can_start_again(
    project: Project, ending: signal.Signals
) -> None:
    port = free_port()
    foreground = project.start("serve", "--port", port)
    assert eventually(lambda: project.server() is not None)
    server = project.server()
    foreground.send_signal(ending)
    foreground.communicate(timeout=120)
    assert foreground.returncode == (-ending if ending == signal.SIGKILL else 0)
    assert project.server() is None
    assert eventually(lambda: not listening(server))
    project.do("serve", "--background", "--port", port)


def test_a_stale_record_ends_nobody(project: Project) -> None:
    record = {"pid": os.getpid(), "url": "http://127.0.0.1:1", "model_url": "http://127.0.0.1:1"}
    (project.folder / "endpoint" / "serving.json").write_text(json.dumps(record))
    assert "nothing is running" in project.do("stop")


@pytest.mark.parametrize("name", ["model_url", pytest.param("url", marks=pytest.mark.nightly)])
def test_a_killed_server_is_started_again_a_few_times(project: Project, name: str) -> None:
    project.do("serve", "--background", "--port", free_port())
    server = project.server()
    log = project.folder / "endpoint" / "serve.log"
    for left in reversed(range(serving.RESTARTS)):
        os.kill(listener(server["pid"], server[name]), signal.SIGKILL)
        message = f"ended (137); started it again ({left} restarts left)"
        assert eventually(lambda text=message: text in log.read_text())
        assert eventually(lambda: answers(server["model_url"] + "/ping"))
        assert eventually(lambda: answers(server["url"] + "/model"))
    assert project.server() == server
    os.kill(listener(server["pid"], server[name]), signal.SIGKILL)
    assert eventually(lambda: project.server() is None)
    assert not listening(server)
    assert eventually(lambda: "ended; start again with `make serve`" in log.read_text())
    project.do("serve", "--background", "--port", free_port())


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).ok
    except requests.RequestException:
        return False


def listener(pid: int, url: str) -> int:
    """The grandchild of a process that listens at an address."""
    port = url.rpartition(":")[2]
    for child_process in children(pid):
        for process in children(child_process):
            if f"\0--port\0{port}\0" in Path(f"/proc/{process}/cmdline").read_text():
                return process
    raise AssertionError(f"nobody listens at {url}")


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
