"""One baked project a use case, and one environment each, for all tests that run it."""

import importlib.util
import os
import re
import resource
import runpy
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import forks
import pytest
from cookiecutter.main import cookiecutter
from hypothesis import HealthCheck, settings

from combinations import USE_CASES, Combination

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "{{cookiecutter.project_slug}}" / "vendor" / "smallboat"
process_environment = runpy.run_path(str(LIBRARY / "smallboat" / "process_environment.py"))
process_environment["clean"](startup=True)
GUIDE = ROOT / "CONTRIBUTING.md"
SMALL_PART = 10
"""Seconds for a part of the tests that CONTRIBUTING.md does not name."""
BIN = Path(sys.executable).parent

# How long an example takes depends on what else runs.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


def room(test: str) -> str:
    """The part of the tests that a test belongs to: a folder of the library's, or a file."""
    path = Path(test.partition("::")[0])
    return str(path if path.parent == Path("tests") else path.parent)


@cache
def budget(part: str) -> int:
    """The seconds that CONTRIBUTING.md allows a part of the tests."""
    found = re.search(rf"^\| `{re.escape(part)}` \| (\d+) \|", GUIDE.read_text(), re.MULTILINE)
    return int(found[1]) if found else SMALL_PART


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in its own hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest parts, and give one process all tests of a use case.

    Those share a project and its environment; combinations of answers have another for each.
    """
    items.sort(key=lambda item: -budget(room(item.nodeid)))
    for item in items:
        chosen = getattr(item, "callspec", None)
        chosen = chosen.params.values() if chosen else ()
        used = {*getattr(item, "fixturenames", ()), *map(str, chosen)}
        group = next((name for name in USE_CASES if name in used), item.path.stem)
        if combined := [each for each in chosen if isinstance(each, Combination)]:
            group = f"combinations of {combined[0].use_case}"
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long each part of the tests took, beside its budget in CONTRIBUTING.md."""
    taken: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                taken[room(report.nodeid)] += report.duration
    terminalreporter.section("seconds of each part, and its budget")
    for part, seconds in sorted(taken.items(), key=lambda item: -item[1]):
        over = "  over its budget" if seconds > budget(part) else ""
        terminalreporter.write_line(f"{seconds:7.0f} {budget(part):4} {part}{over}")


def hook(name: str) -> ModuleType:
    """A hook as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "hooks" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pre = hook("pre_gen_project")


@dataclass(frozen=True)
class Project:
    """A generated project, and its commands as its user types them."""

    path: Path
    use_case: str
    variables: Mapping[str, str] = field(default_factory=dict)
    shared: str = "venv"

    @property
    def venv(self) -> Path:
        """The environment that bakes of a use case share."""
        return ROOT / ".cache" / f"{self.use_case}-{self.shared}"

    def link(self) -> None:
        """Use the shared environment."""
        if not (self.path / ".venv").exists():
            self.venv.mkdir(parents=True, exist_ok=True)
            (self.path / ".venv").symlink_to(self.venv)

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run make in the project, in the shared environment."""
        self.link()
        return self.run("make", "--no-print-directory", *words)

    def run(
        self, *words: str | Path, kib: int | None = None, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of that environment in the project; no file may pass `kib` KiB.

        `typed` answers its questions.
        """
        # The environment may have been set up for another bake since.
        own = os.pathsep.join(map(str, (self.path, self.path / "vendor" / "smallboat")))
        path = f"{self.venv / 'bin'}:{os.environ['PATH']}"
        environment = os.environ | self.variables | {"PATH": path, "PYTHONPATH": own}
        if kib is not None:  # Python keeps cut-off .pyc files
            environment["PYTHONDONTWRITEBYTECODE"] = "1"

        def limit() -> None:
            if kib is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (kib * 1024, kib * 1024))

        return subprocess.run(
            words, cwd=self.path, env=environment, input=typed, capture_output=True, text=True,
            preexec_fn=limit,
        )  # fmt: skip

    def fresh(self) -> None:
        """Forget the environment: its scripts name the project that it was made in."""
        shutil.rmtree(self.venv, ignore_errors=True)


def bake(folder: Path, **answers: Any) -> Project:
    """Generate a project in a folder."""
    baked = cookiecutter(str(ROOT), no_input=True, output_dir=str(folder), extra_context=answers)
    return Project(Path(baked), answers.get("use_case", "f1"))


def share_bytecode(venv: Path) -> None:
    """Give an environment the bytecode of the template's own, which Python checks when it loads it.

    uv compiles nothing, so each environment would compile the same packages anew.
    """
    ours, theirs = (
        next(each.glob("lib/python3*/site-packages")) for each in (ROOT / ".venv", venv)
    )
    for file in ours.rglob("*.pyc"):
        target = theirs / file.relative_to(ours)
        if target.parent.parent.is_dir() and not target.exists():
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target)


@contextmanager
def ready(folder: Path, use_case: str) -> Iterator[Project]:
    """The project of a use case, with its environment set up, and a fork server of that one."""
    project = bake(folder, use_case=use_case)
    project.fresh()
    done = project.make("setup")
    assert done.returncode == 0, done.stderr
    share_bytecode(project.venv)
    with forks.shared(project.venv / "bin" / "python") as variables:
        yield replace(project, variables=variables)


class Standalone:
    """The default project with an environment of its own, for tests that change both."""

    def __init__(self, folder: Path) -> None:
        self.folder = bake(folder).path
        self.do("make", "setup")
        share_bytecode(self.folder / ".venv")

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command in the project."""
        environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        return subprocess.run(
            words, cwd=self.folder, env=environment, capture_output=True, text=True
        )

    def do(self, *words: str | Path) -> str:
        """The output of a command that must succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def python(self, *words: str | Path) -> str:
        """The output of the project's Python."""
        return self.do(".venv/bin/python", *words)


@pytest.fixture(scope="session")
def f1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The default project."""
    with ready(tmp_path_factory.mktemp("f1"), "f1") as made:
        yield made


@pytest.fixture(scope="session")
def intent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project that predicts who buys."""
    with ready(tmp_path_factory.mktemp("intent"), "intent") as made:
        yield made


@pytest.fixture(scope="session")
def tabular(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project of a table."""
    with ready(tmp_path_factory.mktemp("tabular"), "tabular") as made:
        yield made


@pytest.fixture(params=USE_CASES)
def project(request: pytest.FixtureRequest) -> Project:
    """The project of each use case in turn."""
    found: Project = request.getfixturevalue(request.param)
    return found


def real(variable: str) -> str:
    """The folder of real data that an environment variable names, or a skip that says so."""
    if variable not in os.environ:
        pytest.skip(f"set {variable} to a folder with the Ergast CSV tables to run this test")
    return os.environ[variable]
