"""What `make doctor` tells of a machine: programs, versions, the environment, variables, files."""

import ast
import os
import platform
import pwd
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smallboat import doctor
from smallboat.doctor import __main__ as start
from smallboat.doctor import machine, programs, rows, surroundings, trackers
from smallboat.doctor.rows import MISSING, NOTE, OK, WRONG, Row
from smallboat.process_environment import ALLOWED, IGNORED, IGNORED_AT_START
from smallboat.tracking import comet, mlflow, sending, wandb
from toy_project import SHARED

START = Path(doctor.__file__).parent
EARLY = ("__main__", "machine", "programs", "rows", "surroundings")
"""The modules that any Python must be able to run."""
OTHERS = {path.parts[-3]: path for path in Path.home().glob(".pyenv/versions/3.*/bin/python3")}
PYTHONS = {platform.python_version(): Path(sys.executable)}
PYTHONS |= dict(sorted(OTHERS.items(), key=lambda each: programs._numbers(each[0]))[:1])
"""This one, and the oldest one that lies on this machine."""

VARIABLES = {"comet": comet.VARIABLES, "mlflow": mlflow.VARIABLES, "wandb": wandb.VARIABLES}
Install = Callable[..., None]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that has been made just now."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nrequires-python = ">=3.11,<3.14"\n[tool.uv]\nrequired-version = ">=0.9"\n'
    )
    (tmp_path / "infra").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put programs that print a version onto a PATH that has no other programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def installed(**printed: str) -> None:
        for name, text in printed.items():
            program(folder / name.replace("_", "."), text)

    return installed


def program(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho '{text}'\n")
    file.chmod(0o755)


def by_name(found: list[Row]) -> dict[str, Row]:
    return {row.name: row for row in found}


def test_of_an_empty_machine_it_says_what_is_missing_and_for_which_command(
    place: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    found = by_name(machine.rows())
    assert rows.failed(list(found.values())) == ["uv", "make", "git"]
    assert "apt-get install python3-venv" in found["uv"].to_do
    needed = {name: (row.state, row.needed_for) for name, row in found.items()}
    assert needed["node"] == (MISSING, "make deploy ENV=staging|prod")
    assert needed["images"] == (MISSING, "make image ENV=staging")
    assert needed["skopeo"] == (MISSING, "make image ENV=prod")
    assert needed["commit"] == (MISSING, "make reproduce, the workflows")
    assert found["node"].to_do == "install Node 20 or newer, with npm"
    assert found["images"].to_do.startswith("images need a running Docker, or buildah")
    assert found[".venv"][1:3] == (NOTE, "none yet")


def test_of_a_machine_with_everything_it_shows_the_versions(place: Path, install: Install) -> None:
    (place / "tests").mkdir()
    (place / "tests" / "browsing.py").touch()
    install(
        uv="uv 0.13.8", make="GNU Make 4.3", git="git version 2.39.5", node="v22.1.0", npm="10.1.0",
        buildah="buildah version 1.28.2", skopeo="skopeo version 1.9.3",
        chromium="Chromium 156.0.8078.108", chromedriver="ChromeDriver 156.0.8078.108",
    )  # fmt: skip
    found = by_name(machine.rows())
    assert rows.failed(list(found.values())) == []
    versions = {name: row.found for name, row in found.items() if row.state == OK}
    assert versions["uv"] == "0.13.8"
    assert versions["make"] == "4.3"
    assert versions["git"] == "2.39.5"
    assert versions["node"] == "22.1.0"
    assert versions["images"] == "buildah"
    assert versions["skopeo"] == "1.9.3"
    assert versions["chromium"] == "156.0.8078.108"
    assert versions["python"] == platform.python_version()
    assert "GiB" in versions["memory"] and "GiB free" in versions["disk"]


def test_what_is_too_old_is_named_with_what_it_must_be(place: Path, install: Install) -> None:
    install(uv="uv 0.8.22", make="GNU Make 4.3", git="git version 2.39.5", node="v18.0.0", npm="9")
    found = by_name(machine.rows())
    assert found["uv"][1:3] == (WRONG, "0.8.22, it must be >=0.9")
    assert found["node"][1:4] == (WRONG, "18.0.0", "make deploy ENV=staging|prod")
    assert rows.failed(list(found.values())) == ["uv"]


def test_node_without_npm_deploys_nothing(place: Path, install: Install) -> None:
    install(node="v22.1.0")
    assert programs.node()[1:3] == (MISSING, "no npm")


def test_of_a_wrong_python_it_names_one_that_fits(
    place: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "3.9.18")
    assert programs.python().to_do == "install one, then make ... PYTHON=python3.12"
    install(python3_13="Python 3.13.0", python3_14="Python 3.14.0", python3_10="Python 3.10.1")
    found = programs.python()
    assert found[1:3] == (WRONG, "3.9.18, it must be >=3.11,<3.14")
    assert found.to_do == "make ... PYTHON=python3.13"
    assert found.required
    assert "node" not in by_name(machine.rows())


@pytest.mark.parametrize(
    ("version", "fits"),
    [("3.11.0", True), ("3.13.9", True), ("3.14.0", False), ("3.10.13", False), ("4.0", False)],
)
def test_ranges(version: str, fits: bool) -> None:
    assert programs.in_range(version, ">=3.11,<3.14") == fits


def test_without_a_cloud_nothing_of_it_is_shown(place: Path, install: Install) -> None:
    (place / "infra").rmdir()
    (place / ".npmrc").touch()
    found = [*machine.rows(), *surroundings.files(place)]
    shown = rows.table(found, 200, False)
    assert not re.search("node|skopeo|image|ENV=staging|npmrc", shown)


def venv(place: Path, version: str = "3.12.1", folder: Path | None = None) -> Path:
    """An environment as `make setup` leaves it."""
    program(place / ".venv" / "bin" / "python", f"Python {version}")
    made_for = folder or place
    program(place / ".venv" / "bin" / "smallboat", "")
    (place / ".venv" / "bin" / "smallboat").write_text(f"#!{made_for}/.venv/bin/python\n")
    ready = place / ".venv" / ".ready"
    ready.touch()
    stamp(place / "pyproject.toml", -60)
    return ready


def stamp(file: Path, seconds: float) -> None:
    """Make a file older or newer than it is."""
    time = file.stat().st_mtime + seconds
    os.utime(file, (time, time))


def test_an_environment_is_fresh_or_stale(place: Path) -> None:
    venv(place)
    assert machine.environment()[1:3] == (OK, "Python 3.12.1, fresh")
    (place / "uv.lock").touch()
    stamp(place / "uv.lock", 60)
    found = machine.environment()
    assert found[1:3] == (NOTE, "Python 3.12.1, stale: uv.lock is newer")
    assert machine.usable([found])


@pytest.mark.parametrize(
    ("version", "found"),
    [("3.14.0", "Python 3.14.0, it must be >=3.11,<3.14"), ("", "its Python is gone")],
)
def test_an_environment_that_can_not_be_used(place: Path, version: str, found: str) -> None:
    venv(place, version)
    told = machine.environment()
    assert told[1:3] == (WRONG, found)
    assert told.to_do == "rm -r .venv && make setup"
    assert not machine.usable([told])


def test_the_environment_of_a_project_that_was_moved(place: Path) -> None:
    venv(place, folder=place / "elsewhere")
    assert machine.environment()[1] == WRONG
    assert "was moved or copied" in machine.environment().found


def test_the_makefile_names_the_same_files() -> None:
    rule = re.search(r"(?m)^\.venv/\.ready: (.*)$", (SHARED / "Makefile").read_text())
    assert rule
    assert tuple(re.sub(r"\$\(wildcard|\)", "", rule[1]).split()) == machine.SOURCES


def test_a_port_that_is_in_use(place: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        number = server.getsockname()[1]
        (place / "config").mkdir()
        (place / "config" / "local.toml").write_text(f"[serve]\nport = {number}\n")
        assert machine.port()[:3] == (f"port {number}", NOTE, "in use")
    assert machine.port().state == OK


def test_little_disk_and_memory(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(9, 8, 1))
    monkeypatch.setattr(os, "sysconf", lambda name: 2**15)
    assert machine.disk()[1:3] == (WRONG, "0.0 GiB free")
    assert machine.disk().required
    assert machine.memory()[1:3] == (NOTE, "1.0 GiB")


def test_a_commit(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # of a git hook
    assert programs.commit().state == MISSING
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    clean = {name: value for name, value in os.environ.items() if name != "GIT_DIR"}
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "First commit")):
        subprocess.run(["git", *words], check=True, env=clean)
    assert programs.commit().state == OK
    assert re.fullmatch("[0-9a-f]{7,}", programs.commit().found)
    (place / "new").touch()
    assert programs.commit().found.endswith(", with uncommitted changes")
    (place / "inside").mkdir()
    monkeypatch.chdir(place / "inside")
    assert programs.commit()[1:3] == (NOTE, "this folder lies inside of another repository")


def test_variables_are_named_and_their_values_are_not() -> None:
    given = {"AWS_PROFILE": "s3cret", "COMET_API_KEY": "s3cret", "MY_OWN": "s3cret", "PATH": "/bin"}
    given |= {"GIT_DIR": "s3cret", "MAKELEVEL": "1", "PYTHON": "s3cret", "HTTPS_PROXY": "s3cret"}
    ignored, used = surroundings.variables(given, "local")
    assert ignored.found == "AWS_PROFILE, GIT_DIR"
    assert used.found == "COMET_API_KEY, HTTPS_PROXY, and 2 that no tool of the project knows"
    ignored, used = surroundings.variables(given, "staging")
    assert ignored.found == "GIT_DIR"
    assert used.found.startswith("AWS_PROFILE, COMET_API_KEY, HTTPS_PROXY, and 2")
    (alone,) = surroundings.variables({"PATH": "/bin"}, "local")
    assert alone.state == OK


NAMES = st.sampled_from(sorted(IGNORED | IGNORED_AT_START | ALLOWED)).map(
    lambda pattern: pattern.replace("*", "X")
)
SECRETS = st.text("ABCdef0123456789", min_size=12, max_size=40)


@given(given=st.dictionaries(NAMES | st.just("MY_OWN"), SECRETS), environment=st.text(max_size=9))
def test_no_value_of_a_variable_is_shown(given: dict[str, str], environment: str) -> None:
    shown = rows.table(surroundings.variables(given, environment), 10_000, False)
    assert [value for value in given.values() if value in shown] == []


@given(key=SECRETS, user=SECRETS, password=SECRETS)
@pytest.mark.parametrize("name", sending.PACKAGES)
def test_nothing_secret_of_a_tracker_is_shown(
    name: str, key: str, user: str, password: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trackers, "version", lambda package: "1.2")
        for variable in VARIABLES[name]:
            address = f"https://{user}:{password}@tracker.example:8443/{key}?{key}"
            patch.setenv(variable, address if "_UR" in variable else key)
        patch.setattr("smallboat.tracking.comet._key", lambda: key)
        row = trackers.row(name)
    shown = rows.table([row], 10_000, False)
    assert [secret for secret in (key, user, password) if secret in shown] == []
    assert row.state == OK and "1.2, https://tracker.example:8443; what it needs is set" in shown


@pytest.mark.parametrize(
    ("name", "variable"),
    [("comet", "COMET_API_KEY"), ("mlflow", "MLFLOW_TRACKING_URI"), ("wandb", "WANDB_API_KEY")],
)
def test_what_a_tracker_needs_is_looked_for(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.setattr(trackers, "version", lambda package: "1.2")
    monkeypatch.setattr("smallboat.tracking.comet._key", lambda: "s3cret")
    monkeypatch.setenv("HOME", str(place))
    for each in VARIABLES[name]:
        monkeypatch.setenv(each, "")  # so that it is as it was afterwards
        monkeypatch.delenv(each)
    row = trackers.row(name)
    assert row.state == NOTE
    assert row.found.endswith(f" 1.2; there is no {variable}")
    (place / ".env").write_text(f"{variable}=s3cret\n")
    assert trackers.row(name).state == OK
    assert "s3cret" not in str(trackers.row(name))


def test_a_tracker_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sending.PACKAGES, "comet", "nothing-of-this-name")
    row = trackers.row("comet")
    assert row[1:3] == (MISSING, "no nothing-of-this-name")
    assert row.to_do.startswith("add comet to the extras of smallboat in pyproject.toml")
    assert trackers.row("none")[1:3] == (OK, "none")


def test_files_of_the_tools_that_a_project_has(place: Path) -> None:
    home = place / "home"
    for name, *_ in surroundings.FILES:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("s3cret")
    found = by_name(surroundings.files(home))
    assert found["~/.metaflowconfig"].found == "ignored"
    assert found["~/.aws/config"][2:4] == ("read", "make ... ENV=staging|prod")
    assert "~/.dbt/profiles.yml" not in found
    (place / "warehouse").mkdir()
    (place / "orchestration").mkdir()
    found = by_name(surroundings.files(home))
    assert list(found) == [f"~/{name}" for name, *_ in surroundings.FILES]
    assert found["~/.dbt/profiles.yml"].to_do == "edit warehouse/profiles.yml"
    assert "s3cret" not in rows.table(list(found.values()), 200, False)
    assert surroundings.files(place / "empty") == []


@pytest.mark.parametrize("damage", ["bytes", "folder"])
def test_files_that_can_not_be_read_do_not_end_it(
    place: Path, install: Install, damage: str
) -> None:
    (place / "config").mkdir()
    for file in (place / "pyproject.toml", place / "config" / "local.toml"):
        file.unlink(missing_ok=True)
        _ = file.write_bytes(b"# \xe9\nport = 1") if damage == "bytes" else file.mkdir()
    assert by_name(machine.rows())["python"].state == OK


def test_a_home_that_can_not_be_read_or_is_not_known_does_not_end_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "x" * 300)  # no system call takes it
    assert [row.name for row in surroundings.rows("local") if row.name.startswith("~")] == []
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    assert [row.name for row in surroundings.rows("local") if row.name.startswith("~")] == []


@pytest.mark.parametrize("ends", ["print('[[no'); raise SystemExit", "raise SystemExit(1)"])
def test_code_that_ends_the_process_is_a_row(place: Path, ends: str) -> None:
    venv(place)
    python = place / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{ends}"\n')
    (row,) = start._of_the_project("local")
    assert row[:3] == ("project", WRONG, "its code can't be loaded")


def test_what_code_prints_does_not_hide_the_rows(place: Path) -> None:
    venv(place)
    program(place / ".venv" / "bin" / "python", 'hello [["served", "ok"]]\nbye')
    assert start._of_the_project("local") == [Row("served", OK)]


@given(width=st.integers(80, 200), texts=st.lists(st.text("abc d", max_size=90), max_size=9))
def test_no_line_is_wider_than_the_terminal(width: int, texts: list[str]) -> None:
    found = [Row("name", OK, text, text[:50], text) for text in texts]
    lines = rows.table(found, width, False).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].split()[:3] == ["name", "state", "found"]
    words = " ".join(lines[1:]).replace(" ", "")
    assert all(words.count(letter) >= text.count(letter) for text in texts for letter in "abcd")


def test_only_a_terminal_gets_colours() -> None:
    found = [Row("node", MISSING, "", "make deploy ENV=staging"), Row("make", OK, "4.3")]
    assert "\033" not in rows.table(found, 120, False)
    coloured = rows.table(found, 120, True)
    assert "\033[31mmissing\033[0m" in coloured and "\033[32mok     \033[0m" in coloured
    assert re.sub("\033.*?m", "", coloured) == rows.table(found, 120, False)


@pytest.mark.parametrize("module", EARLY)
def test_what_runs_first_is_in_the_language_of_an_old_python(module: str) -> None:
    ast.parse((START / f"{module}.py").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("version", PYTHONS)
def test_any_python_shows_the_table(version: str, place: Path) -> None:
    given = dict.fromkeys(("AWS_PROFILE", "COMET_API_KEY", "GIT_DIR"), "s3cret")
    (place / "vendor").symlink_to(SHARED / "vendor")
    done = subprocess.run(
        ["make", "-f", SHARED / "Makefile", "doctor", f"PYTHON={PYTHONS[version]}"],
        env={"PATH": os.environ["PATH"], "HOME": str(place), **given},
        cwd=place,
        capture_output=True,
        text=True,
    )
    fits = programs.in_range(version, ">=3.11,<3.14")
    assert done.returncode == (0 if fits else 2), done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.match(rf"python +{'ok' if fits else 'wrong'} +{re.escape(version)}", lines[1])
    assert re.search(r"(?m)^variables ignored +note +AWS_PROFILE, GIT_DIR", done.stdout)
    assert re.search(r"(?m)^\.venv +note +none yet", done.stdout)
    assert "s3cret" not in done.stdout + done.stderr and "Traceback" not in done.stderr
    assert lines[-1].startswith("everything" if fits else "not ready for local work: python")
