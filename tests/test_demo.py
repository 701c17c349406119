"""The README's first command, in a fresh clone, on a machine without uv."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT


def without_uv(folder: Path) -> dict[str, str]:
    """This environment with a PATH that has the basic tools and this Python, and no uv."""
    tools = {name: shutil.which(name) for name in ("make", "git", "sh", "sed", "touch", "env")}
    base = Path(sys.base_prefix, "bin", "python3")
    for name, tool in {**tools, "python3": str(base)}.items():
        assert tool is not None
        (folder / name).symlink_to(tool)
    outer = {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "MAKEFLAGS", "MAKELEVEL"}
    kept = {key: value for key, value in os.environ.items() if key not in outer}
    return kept | {"PATH": str(folder)}


def test_demo_in_a_fresh_clone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    done = subprocess.run(
        ["make", "demo"],
        cwd=clone,
        env=without_uv(tmp_path / "bin"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("passed: model ")
    (run,) = (clone / "demo" / "f1_predictor" / "store" / "runs").iterdir()
    assert (run / "model.onnx").is_file()
