"""The quick start and the walks through f1 and intent: their commands, as they stand there."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from conftest import BIN, ROOT, Project
from pages import blocks, missing

COMMANDS = tomllib.loads((ROOT / "tests" / "commands.toml").read_text())["literal"]
QUICK, F1, INTENT = (ROOT / "docs" / f"{name}.md" for name in ("quick-start", "f1", "intent"))
URL = "https://github.com/ORG/TEMPLATE"


def otto(session: int) -> str:
    """A session that buys, in OTTO's format."""
    events = [
        {"aid": session % 7, "ts": 1659304800025 + 10**7 * session + 1000 * at, "type": kind}
        for at, kind in enumerate(("clicks", "carts", "clicks", "orders"))
    ]
    return json.dumps({"session": session, "events": events}) + "\n"


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


class Reader:
    """Somebody who types a page's commands and compares what they print.

    The template is this repository, the port a free one, and the environment of a project is
    that of `project`, so that nothing is installed twice.
    """

    def __init__(self, folder: Path, project: Project | None = None, path: str = "") -> None:
        self.folder, self.project, self.port, self.printed = folder, project, free_port(), ""
        self.exported = ""
        self.path = path or f"{BIN}{os.pathsep}{os.environ['PATH']}"

    def read(self, page: Path, until: str = "", since: str = "") -> None:
        """Type the commands of a page, from a block that has `since` to one that has `until`."""
        every = blocks(page)
        first = next(at for at, block in enumerate(every) if since in block.text)
        last = next((at for at, block in enumerate(every) if until and until in block.text), None)
        for block in every[first:last]:
            if block.language == "sh":
                self.printed = self.type(block.text)
            else:
                assert missing(block.text, self.printed) == [], self.printed

    def type(self, commands: str) -> str:
        """The output of commands that must succeed; Return answers each question."""
        text = commands.replace(URL, str(ROOT)).replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        text = text.replace("make demo", f"make demo PORT={self.port}")
        text = text.replace("BACKGROUND=1", f"BACKGROUND=1 PORT={self.port}")
        if "<id>" in text:
            text = text.replace("<id>", max((self.folder / "store" / "runs").iterdir()).name)
        return "".join(map(self._run, text.splitlines()))

    def _run(self, line: str) -> str:
        if line.startswith("cd "):
            self.folder = self.folder / line[3:]
            return ""
        if line.startswith("export "):
            self.exported += f"{line}\n"
        words = ("sh", "-c", self.exported + line)
        if self.project is not None and (self.folder / "Makefile").exists():
            here = replace(self.project, path=self.folder)
            here.link()
            done = here.run(*words)
        else:
            done = subprocess.run(
                words, cwd=self.folder, env=os.environ | {"PATH": self.path}, input="\n" * 20,
                capture_output=True, text=True,
            )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


def without_uv(folder: Path) -> str:
    """A PATH with the basic tools and this Python, and no uv."""
    folder.mkdir()
    tools = {name: shutil.which(name) for name in ("make", "git", "sh", "sed", "touch", "env")}
    base = Path(sys.base_prefix, "bin", "python3")
    for name, tool in {**tools, "python3": str(base)}.items():
        assert tool is not None
        (folder / name).symlink_to(tool)
    return str(folder)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """The first half of the quick start, in a fresh clone, on a machine without uv."""
    folder = tmp_path_factory.mktemp("demo")
    reader = Reader(folder, path=without_uv(folder / "bin"))
    try:
        reader.read(QUICK, until="cruft create")
        yield reader
    finally:
        made = folder / "template" / "demo" / "f1_predictor"
        subprocess.run(["make", "stop"], cwd=made, check=False)


def test_the_quick_start_serves_the_race_to_come(demo: Reader) -> None:
    with urlopen(f"http://127.0.0.1:{demo.port}/model") as answer:
        served = json.load(answer)
    assert f"model of run {served['run']}, features as of " in demo.printed
    assert f"serving http://127.0.0.1:{demo.port} in the background" in demo.printed
    assert "warning: the grid is the order of qualifying" in demo.printed
    assert "know how this race" not in demo.printed


def test_the_walk_through_f1(demo: Reader) -> None:
    reader = Reader(demo.folder)
    reader.port = demo.port
    reader.read(F1)
    assert reader.printed.startswith("stopped process ")
    for command in COMMANDS["f1"]:
        reader.type(command)


def test_the_quick_start_makes_a_project(f1: Project, tmp_path: Path) -> None:
    reader = Reader(tmp_path, f1)
    reader.read(QUICK, since="cruft create")
    reader.type("cruft update --checkout HEAD")


def test_the_walk_through_intent(intent: Project, tmp_path: Path) -> None:
    reader = Reader(tmp_path, intent)
    try:
        reader.read(INTENT)
    finally:
        replace(intent, path=tmp_path / "purchase_intent").make("stop")
    assert reader.printed.count("stopped process ") == 1
    for command in COMMANDS["intent"]:
        reader.type(command)
    assert "3,000 made-up sessions" in reader.type("make data SESSIONS=3000 FORMAT=csv")
    (made,) = (reader.folder / ".cache" / "made-up").glob("*3000*")
    assert "snapshot " in reader.type(f"make data SOURCE=files DIR={made}")
    (reader.folder / "otto").mkdir()
    (reader.folder / "otto" / "train.jsonl").write_text("".join(map(otto, range(50))))
    assert "snapshot " in reader.type("make data SOURCE=files DIR=otto FORMAT=otto")


@pytest.mark.nightly
@pytest.mark.parametrize("use_case", ["intent", "tabular"])
def test_the_other_demos(demo: Reader, use_case: str) -> None:
    reader = Reader(demo.folder / "template")
    printed = reader.type(f"make demo USE_CASE={use_case}")
    (made,) = (path for path in (reader.folder / "demo").iterdir() if path.name in printed)
    assert f"serving http://127.0.0.1:{reader.port} in the background" in printed
    subprocess.run(["make", "stop"], cwd=made, check=True)
