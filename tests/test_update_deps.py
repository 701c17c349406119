"""`make update-deps`: newer packages in a project that trains with them, or none at all."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import tomllib
import zipfile
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import BIN, ROOT, Standalone

import update_deps

FILES = ("pyproject.toml", "uv.lock", "serving/model/requirements.lock")
TRIAL = Path(".cache", "update-deps")
REPORT = Path(".cache", "update-deps.md")
RELEASES = {
    "1.0.0": ("2026-11-10T12:00:00Z", "ALPHA = 10"),
    "2.0.0": ("2026-11-15T12:00:00Z", "ALPHA = 100_000"),
    "3.0.0": ("2026-11-16T12:00:00Z", "raise RuntimeError('pacer 3 is broken')"),
}
"""When each version of a package was uploaded, and its code."""
CANDIDATE = """

from dataclasses import replace as _replace

import pacer

CANDIDATES = tuple(
    _replace(each, grid=({"alpha": pacer.ALPHA},)) for each in CANDIDATES if each.name == "ridge"
)
"""


def wheel(version: str) -> str:
    return f"pacer-{version}-py3-none-any.whl"


def build(folder: Path, version: str, code: str) -> None:
    """A wheel with one module."""
    name = f"pacer-{version}.dist-info"
    files = {
        "pacer.py": code,
        f"{name}/METADATA": f"Metadata-Version: 2.1\nName: pacer\nVersion: {version}\n",
        f"{name}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{name}/RECORD": "",
    }
    with zipfile.ZipFile(folder / wheel(version), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


class Index(SimpleHTTPRequestHandler):
    """A package index that says when a file was uploaded: its pages are JSON."""

    extensions_map: ClassVar[dict[str, str]] = {".html": "application/vnd.pypi.simple.v1+json"}

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


def page(folder: Path) -> str:
    """The list of the wheels in a folder."""
    files = [
        {
            "filename": wheel(version),
            "url": wheel(version),
            "hashes": {"sha256": sha256((folder / wheel(version)).read_bytes()).hexdigest()},
            "upload-time": uploaded,
        }
        for version, (uploaded, _) in RELEASES.items()
    ]
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "pacer", "files": files})


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an index with one package."""
    folder = tmp_path_factory.mktemp("index")
    package = folder / "simple" / "pacer"
    package.mkdir(parents=True)
    for version, (_, code) in RELEASES.items():
        build(package, version, code)
    (package / "index.html").write_text(page(package))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Index, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


@pytest.fixture(scope="module")
def project(index: str, tmp_path_factory: pytest.TempPathFactory) -> Standalone:
    """A project with one candidate, which needs that package."""
    project = Standalone(tmp_path_factory.mktemp("project"))
    file = project.folder / "pyproject.toml"
    own = f'index = [{{ name = "team", url = "{index}", explicit = true }}]'
    text = file.read_text().replace('    "pandas>=', '    "pacer>=1",\n    "pandas>=', 1)
    text = text.replace("[tool.uv]\n", f"[tool.uv]\n{own}\n", 1)
    text = text.replace("[tool.uv.sources]\n", '[tool.uv.sources]\npacer = { index = "team" }\n', 1)
    file.write_text(text)
    with (project.folder / project.folder.name / "candidates.py").open("a") as code:
        code.write(CANDIDATE)
    project.do("make", "setup")
    return project


def state(project: Standalone) -> list[object]:
    """What an update may change."""
    return [*((project.folder / name).read_bytes() for name in FILES), installed(project)]


def installed(project: Standalone) -> str:
    code = "from importlib.metadata import version; print(version('pacer'))"
    return project.python("-c", code).strip()


def day(project: Standalone) -> str:
    tables = tomllib.loads((project.folder / "pyproject.toml").read_text())
    return str(tables["tool"]["uv"]["exclude-newer"])


def test_if_it_is_killed_all_is_as_before_and_meanwhile_nobody_else_may(
    project: Standalone,
) -> None:
    before = state(project)
    words = [project.folder / ".venv" / "bin" / "smallboat", "update-deps", "--date", "2026-11-16"]
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    running = subprocess.Popen(words, cwd=project.folder, env=environment, process_group=0)
    until = time.monotonic() + 60
    while not (project.folder / TRIAL / "after").exists() and time.monotonic() < until:
        time.sleep(0.05)
    second = project.run("make", "update-deps", "DATE=2026-11-16")
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert second.returncode and "is running: wait until it ends" in second.stderr
    assert state(project) == before


def test_if_no_versions_fit_together_all_is_as_before(project: Standalone) -> None:
    before = state(project)
    failed = project.run("make", "update-deps", "DATE=2026-11-10")
    assert failed.returncode and state(project) == before
    assert "error: no versions of 2026-11-10 fit together: " in failed.stderr
    assert "pacer" in failed.stderr and "are as before" in failed.stderr
    assert not (project.folder / TRIAL).exists() and not (project.folder / REPORT).exists()


def test_newer_packages_come_with_their_metrics(project: Standalone) -> None:
    assert installed(project) == "1.0.0"
    printed = project.do("make", "update-deps", "DATE=2026-11-16")
    report = (project.folder / REPORT).read_text()
    assert report in printed
    assert report.startswith("### Packages until 2026-11-16, before until 2026-11-15\n")
    assert "| pacer | 1.0.0 | 2.0.0 | **major** |" in report
    metric = r"[\d.]+ \([\d.]+ to [\d.]+\)"
    (shown,) = re.findall(rf"(?m)^\| mae \(decides\) \| ({metric}) \| ({metric}) \|$", report)
    assert shown[0] != shown[1]
    assert "Both were trained on the same snapshot" in report
    assert installed(project) == "2.0.0" and day(project) == "2026-11-16T00:00:00Z"
    lock = (project.folder / "uv.lock").read_text()
    assert 'exclude-newer = "2026-11-16T00:00:00Z"' in lock
    project.do(BIN / "uv", "lock", "--check")
    assert not (project.folder / TRIAL).exists() and not (project.folder / "store").exists()


def test_the_same_day_again_changes_nothing(project: Standalone) -> None:
    before = state(project)
    printed = project.do("make", "update-deps", f"DATE={day(project)[:10]}")
    assert printed == f"nothing to do: packages are taken up to {day(project)[:10]} already\n"
    assert state(project) == before


@pytest.mark.nightly
def test_if_training_fails_with_them_all_is_as_before(project: Standalone) -> None:
    before = state(project)
    failed = project.run("make", "update-deps", "DATE=2026-11-17")
    assert failed.returncode and state(project) == before
    assert "pacer 3 is broken" in failed.stdout + failed.stderr
    assert "error: training fails with the newer packages" in failed.stderr
    assert re.search(r"New versions: .*pacer 2\.0\.0 -> 3\.0\.0", failed.stderr)
    assert not (project.folder / TRIAL).exists()


def test_template_and_projects_take_packages_of_one_date_and_uvs_of_one_version() -> None:
    made = ROOT / "{{cookiecutter.project_slug}}"
    assert update_deps.date(ROOT) == update_deps.date(made)
    text = [(folder / "pyproject.toml").read_text() for folder in (ROOT, made)]
    needed = {each for one in text for each in re.findall(r'(?m)^required-version = "(.+)"', one)}
    makefiles = [(folder / "Makefile").read_text() for folder in (ROOT, made)]
    assert needed == {each for one in makefiles for each in re.findall(r"'uv(.+?)'", one)}


def test_what_the_template_takes_over_is_written_only_if_all_goes_well(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("old")
    with pytest.raises(SystemExit), update_deps.written({file: "new"}):
        assert file.read_text() == "new"
        raise SystemExit("no versions")
    assert file.read_text() == "old"


def test_the_template_takes_date_and_the_servers_versions_of_the_first_project(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "serving" / "model"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('exclude-newer = "2026-11-23T00:00:00Z"\n')
    (folder / "requirements.lock").write_text("numpy==9\n")
    taken = update_deps.taken([tmp_path])
    assert len(taken) == 3
    for file, text in taken.items():
        if file.name == "pyproject.toml":
            date = update_deps.date(file.parent)
            assert text == file.read_text().replace(date, "2026-11-23T00:00:00Z")
        else:
            assert text == "numpy==9\n" and file.read_text() != text
