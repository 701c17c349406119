"""A base for images where no registry can be asked: Debian with Python, as Docker's is laid out.

It is made once and kept as an archive in IMAGE_CACHE, or .cache/image. It takes half a minute.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[2]
SUITES = {"3.11": "bookworm", "3.13": "trixie"}
"""The Debian that has a Python; none has 3.12."""
LEFT_OUT = ("./proc/*", "./sys/*", "./dev/*", "./var/cache/apt/*", "./var/lib/apt/lists/*")
SYSTEM_CERTIFICATES = "system-certs = true\n"
"""uv trusts its own else, and not who is trusted here."""
OF_THIS_MACHINE = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
"""Which package index is asked, and who is trusted."""


def archive(python: str) -> Path:
    """The archive of a Python's base, made if it is not there; needs root, debootstrap and uv."""
    folder = Path(os.environ.get("IMAGE_CACHE", TEMPLATE / ".cache" / "image"))
    file = folder / f"{SUITES[python]}-python{python}.tar"
    if not file.is_file():
        stage = folder / "stage"
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(parents=True)
        _make(stage, python)
        _run("tar", "-C", stage, *(f"--exclude={it}" for it in LEFT_OUT), "-cf", f"{file}.new", ".")
        os.replace(f"{file}.new", file)
        shutil.rmtree(stage)
    return file


def _make(root: Path, python: str) -> None:
    options = ("--variant=minbase", "--include=python3,ca-certificates")
    _run("debootstrap", *options, SUITES[python], root)
    (root / "usr/bin/python").symlink_to("python3")
    # Docker's Python is nobody's but pip's.
    (root / f"usr/lib/python{python}/EXTERNALLY-MANAGED").unlink()
    packages = root / f"usr/local/lib/python{python}/dist-packages"
    uv = Path(sys.executable).with_name("uv")
    _run(uv, "pip", "install", "--quiet", "--target", packages, "pip")
    for name in OF_THIS_MACHINE:
        if Path(name).is_file():
            shutil.copy(name, root / name[1:])
    (root / "etc/uv").mkdir()
    (root / "etc/uv/uv.toml").write_text(SYSTEM_CERTIFICATES)


def _run(*words: str | Path) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{words[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
