"""What of this machine the commands need: programs, the environment, disk, memory, a port."""

import os
import re
import shutil
import socket
from pathlib import Path

from . import programs
from .rows import NOTE, OK, WRONG, Row

GIB = 2**30
VENV = Path(".venv")
READY = VENV / ".ready"
SOURCES = ("pyproject.toml", "vendor/smallboat/pyproject.toml", "uv.lock")
"""What the Makefile's rule of `.venv/.ready` names: if one is newer, make installs again."""
AGAIN = "rm -r .venv && make setup"
DISK = {True: GIB // 2, False: 3 * GIB}
"""Free bytes that are needed, with and without an environment, which takes a GiB."""
MEMORY = 2 * GIB
"""What a training on the samples needs."""


def rows() -> "list[Row]":
    """A row for each thing that the project's commands need of this machine."""
    found = [programs.python(), programs.uv(), programs.program("make"), programs.program("git")]
    found += [programs.commit(), environment(), *programs.browser(), disk(), memory(), port()]
    if on_cloud() and found[0].state == OK:  # what looks for images needs a newer Python
        found += [programs.node(), *programs.images()]
    return found


def usable(found: "list[Row]") -> bool:
    """Whether the Python of `.venv` can go on."""
    return READY.exists() and any(r.name == VENV.name and r.state in (OK, NOTE) for r in found)


def on_cloud() -> bool:
    """Whether the project has what it needs on AWS: without, nothing of the cloud is shown."""
    return Path("infra").is_dir()


def environment() -> Row:
    """Whether `.venv` is there, works, and is as new as what it was made of."""
    if not READY.exists():
        return Row(".venv", NOTE, "none yet", to_do="nothing: the next command makes it")
    version, spec = (
        programs.version_of(str(VENV / "bin" / "python"), "--version"),
        programs.python_range(),
    )
    if not version:
        found = "its Python is gone"
    elif not programs.in_range(version, spec):
        found = f"Python {version}, it must be {spec}"
    elif _moved():
        found = "made for another folder: the project was moved or copied"
    elif _older():
        found = "Python {}, stale: {} is newer".format(version, " and ".join(_older()))
        return Row(".venv", NOTE, found, to_do="nothing: the next command renews it")
    else:
        return Row(".venv", OK, f"Python {version}, fresh", required=True)
    return Row(".venv", WRONG, found, to_do=AGAIN, required=True)


def disk() -> Row:
    """Free space in the project's folder."""
    free = shutil.disk_usage(str(Path.cwd())).free
    found, least = f"{free / GIB:.1f} GiB free", DISK[READY.exists()]
    if free >= least:
        return Row("disk", OK, found, required=True)
    to_do = f"free {(least - free) / GIB:.1f} GiB; make clean KEEP=10 removes old runs"
    return Row("disk", WRONG, found, to_do=to_do, required=True)


def memory() -> Row:
    """Memory that a training can have."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")  # of a container
    if limit.is_file() and limit.read_text().strip().isdigit():
        size = min(size, int(limit.read_text()))
    found = f"{size / GIB:.1f} GiB"
    if size >= MEMORY:
        return Row("memory", OK, found, "make train")
    to_do = "set workers = 1 under [training] in config/local.toml"
    return Row("memory", NOTE, found, "make train", to_do)


def port() -> Row:
    """Whether `make serve` can have its port."""
    stated = re.search(r"(?m)^port = (\d+)", programs.text(Path("config/local.toml")))
    number = int(stated.group(1)) if stated else 8000
    name = f"port {number}"
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", number))
        except OSError:
            to_do = "make stop, if this project serves; else make serve PORT=another"
            return Row(name, NOTE, "in use", "make serve", to_do)
    return Row(name, OK, "free", "make serve")


def _moved() -> bool:
    """Whether the environment's programs name another folder."""
    program = VENV / "bin" / "smallboat"
    head = program.read_bytes()[:1000] if program.is_file() else b""
    places = (str(VENV.absolute()), str(VENV.resolve()))
    return bool(head) and not any(os.fsencode(place) in head for place in places)


def _older() -> "list[str]":
    """The files that are newer than the environment."""
    made = READY.stat().st_mtime
    files = (Path(name) for name in SOURCES)
    return [str(file) for file in files if file.is_file() and file.stat().st_mtime > made]
