"""The README's first command, in a fresh clone, on a machine without uv."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from conftest import ROOT


def without_uv(folder: Path) -> dict[str, str]:
    """This environment with a PATH that has the basic tools and this Python, and no uv."""
    tools = {name: shutil.which(name) for name in ("make", "git", "sh", "sed", "touch", "env")}
    base = Path(sys.base_prefix, "bin", "python3")
    for name, tool in {**tools, "python3": str(base)}.items():
        assert tool is not None
        if not (folder / name).exists():
            (folder / name).symlink_to(tool)
    return os.environ | {"PATH": str(folder)}


def test_demo_in_a_fresh_clone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    clone = tmp_path / "a clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    project = clone / "demo" / "f1_predictor"

    def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        environment = without_uv(tmp_path / "bin")
        return subprocess.run(
            ["make", *words], cwd=folder, env=environment, capture_output=True, text=True
        )

    try:
        done = make(clone, "demo", f"PORT={port}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "released: model " in done.stdout
        assert f"serving http://127.0.0.1:{port} in the background" in done.stdout
        with urlopen(f"http://127.0.0.1:{port}/model") as answer:
            served = json.load(answer)
        (run,) = (project / "store" / "runs").iterdir()
        assert served["run"] == run.name
        assert f"model of run {run.name}, features as of " in done.stdout
        # The example is the race to come, not a finished one.
        assert "circuit bellacosta, round 11, season 2025" in done.stdout
        assert "warning: the grid is the order of qualifying" in done.stdout
        assert "know how this race" not in done.stdout
    finally:
        stopped = make(project, "stop")
    assert stopped.stdout.startswith("stopped process ")
