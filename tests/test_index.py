"""A project takes the library from a package index: three lines, and no `vendor`."""

import json
import re
import shutil
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import BIN, LIBRARY, Standalone
from lambda_events import rest
from test_docs import links

PAGE = LIBRARY / "docs" / "upgrading.md"
QUICK = """

from dataclasses import replace as _replace

CANDIDATES = tuple(_replace(each, grid=each.grid[:1]) for each in CANDIDATES[:1])
"""
"""For candidates.py: the first one competes, with one setting."""
IMAGES = """
import json, shutil, sys
from smallboat.aws import image

shutil.rmtree(sys.argv[1], ignore_errors=True)
with image._context(image.MODEL) as folder:
    shutil.copytree(folder, sys.argv[1])
print(image.content_hash(image.MODEL))
"""
"""Keeps the build context of the model server's image, and prints the image's tag."""
ZIP = """
import sys
from pathlib import Path
from smallboat.cloud import lambda_zip

files = lambda_zip.contents()
Path(sys.argv[1]).write_bytes(lambda_zip.pack(files))
print(lambda_zip.digest(files))
"""
ANSWERS = """
import json, sys
from pathlib import Path
from smallboat.emulator import runtime

code, modules = map(Path, sys.argv[1:3])
own, events = runtime.lambda_modules(modules), [json.loads(sys.argv[3])]
(answer,), printed = runtime.run(code, "handler.handler", events, own, ENDPOINT_NAME="endpoint")
print(json.dumps([answer, printed]))
"""
"""Sends the function an event, under AWS's own runtime client."""


class Index(SimpleHTTPRequestHandler):
    """A folder of wheels as a simple index: the list of a folder's files is a page of links."""

    asked: ClassVar[set[str]] = set()

    def log_message(self, format: str, *args: Any) -> None:
        """Remember what is asked for."""
        self.asked.add(self.path)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an index that has the library's wheel and nothing else."""
    folder = tmp_path_factory.mktemp("index")
    wheels = folder / "simple" / "smallboat"
    subprocess.run(
        [BIN / "uv", "build", "--quiet", "--wheel", "--out-dir", wheels, LIBRARY], check=True
    )
    (wheels / ".gitignore").unlink()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Index, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


@pytest.fixture(scope="module")
def vendored(tmp_path_factory: pytest.TempPathFactory) -> Standalone:
    """A project as it is made, with the library in `vendor`."""
    return Standalone(tmp_path_factory.mktemp("vendored"))


@pytest.fixture(scope="module")
def before(vendored: Standalone, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    """With `vendor`: the tag of the model server's image, the zip's digest, the image's files."""
    folder = tmp_path_factory.mktemp("before")
    tag = vendored.python("-c", IMAGES, folder / "context")
    return tag, vendored.python("-c", ZIP, folder / "api.zip"), folder / "context"


@pytest.fixture(scope="module")
def project(vendored: Standalone, before: object, index: str) -> Standalone:
    """The same project after what the page says."""
    lines = [
        line
        for line in PAGE.read_text().splitlines()
        if "smallboat = " in line or "index = [" in line
    ]
    own_index, date, source = (re.sub(r"https://[^\"]*", index, line) for line in lines)
    file = vendored.folder / "pyproject.toml"
    text = file.read_text()
    path = 'smallboat = { path = "vendor/smallboat", editable = true }'
    assert path in text and "[tool.uv]\n" in text
    text = text.replace("[tool.uv]\n", f"[tool.uv]\n{own_index}\n{date}\n")
    file.write_text(text.replace(path, source))
    shutil.rmtree(vendored.folder / "vendor")
    vendored.do("make", "setup")
    return vendored


def test_the_library_and_nothing_else_comes_from_the_index(project: Standalone, index: str) -> None:
    lock = tomllib.loads((project.folder / "uv.lock").read_text())
    from_index = [
        each["name"] for each in lock["package"] if each["source"].get("registry") == index
    ]
    assert from_index == ["smallboat"]
    assert {path.split("/")[2] for path in Index.asked} == {"smallboat"}
    place = project.python("-c", "import smallboat; print(smallboat.__file__)")
    assert Path(place.strip()).is_relative_to(project.folder / ".venv")


def test_the_documentation_comes_along(project: Standalone) -> None:
    readme = project.folder / "README.md"
    assert [link for link in links(readme) if not (readme.parent / link).exists()] == []
    pages = project.folder / ".venv" / "share" / "doc" / "smallboat"
    assert {page.name for page in pages.iterdir()} == {page.name for page in PAGE.parent.iterdir()}
    named = set(re.findall(r"`(\w+\.md)`", readme.read_text()))
    assert len(named) > 4 and named <= {page.name for page in pages.iterdir()}


def test_it_trains_releases_and_predicts(project: Standalone) -> None:
    with (project.folder / project.folder.name / "candidates.py").open("a") as file:
        file.write(QUICK)
    config = project.folder / "config" / "local.toml"
    config.write_text(re.sub(r"(?m)^latency_ms = .*", "latency_ms = 60_000", config.read_text()))
    assert "passed: model " in project.do("make", "train")
    assert "\nreleased: model " in project.do("make", "deploy")
    assert "model of run " in project.do("make", "predict")
    (run,) = (project.folder / "store" / "runs").iterdir()
    version = project.do(".venv/bin/smallboat", "--version").split()[-1]
    assert json.loads((run / "evaluation.json").read_text())["library"] == f"smallboat {version}"


def test_the_flows_code_takes_the_library_along(project: Standalone) -> None:
    command = "METAFLOW_USER=test .venv/bin/python flows/train.py --no-pylint package list 2>&1"
    listed = project.do("sh", "-c", command).splitlines()
    library = next((project.folder / ".venv").glob("lib/python*/site-packages/smallboat"))
    files = [file for file in library.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert len(files) > 100
    assert {str(file) for file in files} - set(listed) == set()


def test_the_image_of_the_model_server_has_the_same_files(
    project: Standalone, before: tuple[str, str, Path], tmp_path: Path
) -> None:
    tag, _, earlier = before
    assert project.python("-c", IMAGES, tmp_path / "context") == tag
    contexts = [
        {
            file.relative_to(folder): file.read_bytes()
            for file in folder.rglob("*")
            if file.is_file()
        }
        for folder in (earlier, tmp_path / "context")
    ]
    assert contexts[0] == contexts[1]
    # As the Dockerfile has it: the context is /srv.
    path = re.search(r"PYTHONPATH=(\S+)", contexts[0][Path("serving/model/Dockerfile")].decode())
    assert path
    code = "import smallboat.serving.model.server as server; print(server.__file__)"
    there = path[1].replace("/srv", str(tmp_path / "context"))
    found = project.do("env", f"PYTHONPATH={there}", ".venv/bin/python", "-c", code)
    assert found.startswith(str(tmp_path / "context" / "vendor"))


def test_the_training_image_installs_all_but_the_library(
    project: Standalone, tmp_path: Path
) -> None:
    recipe = (project.folder / "infra" / "train" / "Dockerfile").read_text().replace("\\\n", " ")
    words = re.search(r"uv (sync --frozen .*?) &&", recipe)
    assert words
    options = words[1].replace("${PYTHON}", project.python("-V").split()[1].rpartition(".")[0])
    command = f"UV_PROJECT_ENVIRONMENT={tmp_path / 'venv'} uv {options} --dry-run 2>&1"
    listed = re.findall(r"\+ ([\w-]+)==", project.do("sh", "-c", command))
    assert "metaflow" in listed and "smallboat" not in listed


def test_the_lambda_function_answers(
    project: Standalone, before: tuple[str, str, Path], tmp_path: Path
) -> None:
    assert project.python("-c", ZIP, tmp_path / "api.zip") == before[1]
    shutil.unpack_archive(tmp_path / "api.zip", tmp_path / "code")
    words = ["-c", ANSWERS, tmp_path / "code", tmp_path / "modules", json.dumps(rest("GET", "/"))]
    answer, printed = json.loads(project.python(*words))
    assert answer["statusCode"] == 200, printed
    assert "<!doctype html>" in answer["body"]
