"""The programs that the commands need, and their versions."""

import operator
import os
import platform
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from .. import process_environment
from .rows import MISSING, NOTE, OK, WRONG, Row

SIGNS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
NODE = ">=20"
SERVERLESS = "make deploy ENV=staging|prod"


def in_range(version: str, spec: str) -> bool:
    """Whether a version such as 3.11.2 is in a range such as `>=3.11,<3.14`."""
    bounds = re.findall(r"(>=|<=|>|<)\s*(\d[\d.]*)", spec)
    return all(SIGNS[sign](_numbers(version), _numbers(bound)) for sign, bound in bounds)


def python_range() -> str:
    """The versions of Python that pyproject.toml allows, as it states them."""
    return _stated("requires-python")


def python() -> Row:
    """The Python that make was given."""
    version, spec = platform.python_version(), python_range()
    if in_range(version, spec):
        return Row("python", OK, version, required=True)
    others = [f"python3.{minor}" for minor in range(30, 8, -1)]
    usable = [name for name in others if in_range(version_of(name, "--version"), spec)]
    example = usable[0] if usable else "python3.12"
    to_do = "{}make ... PYTHON={}".format("" if usable else "install one, then ", example)
    found = f"{version}, it must be {spec}"
    return Row("python", WRONG, found, to_do=to_do, required=True)


def uv() -> Row:
    """What installs packages: uv, or venv and pip, which install uv."""
    own, spec = Path(".venv/bin/uv"), _stated("required-version")
    version = version_of("uv", "--version") or version_of(str(own), "--version")
    if version and not in_range(version, spec):
        found = f"{version}, it must be {spec}"
        return Row("uv", WRONG, found, to_do="uv self update", required=True)
    if version:
        return Row("uv", OK, version, required=True)
    if find_spec("venv") and find_spec("ensurepip"):
        return Row("uv", OK, "none: make setup installs it by venv and pip", required=True)
    to_do = "install uv, or Python's venv (Debian and Ubuntu: apt-get install python3-venv)"
    return Row("uv", MISSING, to_do=to_do, required=True)


def program(name: str) -> Row:
    """A program without which nothing works."""
    version = version_of(name, "--version")
    if version:
        return Row(name, OK, version, required=True)
    return Row(name, MISSING, to_do=f"install {name}", required=True)


def commit() -> Row:
    """Whether this folder is a repository with a commit: a run states its commit."""
    needed = "make reproduce, the workflows"
    if _said("git", "rev-parse", "--show-prefix") not in ("", None):
        found, to_do = "this folder lies inside of another repository", "git init -b main"
        return Row("commit", NOTE, found, needed, to_do)
    head = _said("git", "rev-parse", "--verify", "--short", "HEAD")
    if not head:
        to_do = "git init -b main && git add --all && git commit -m 'First commit'"
        return Row("commit", MISSING, "", needed, to_do)
    changes = (_said("git", "status", "--porcelain") or "").splitlines()
    changed = set(changes) - {"?? uv.lock"}  # which `make setup` writes after the first commit
    return Row("commit", OK, head + (", with uncommitted changes" if changed else ""), needed)


def browser() -> "list[Row]":
    """What shows the page in the project's tests, if it has such tests."""
    if not Path("tests/browsing.py").is_file():
        return []
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    needed = "make test (else the page's tests are skipped)"
    if not missing:
        return [Row("chromium", OK, version_of("chromium", "--version"), needed)]
    to_do = "Debian: apt-get install chromium chromium-driver"
    return [Row("chromium", MISSING, "no " + " and no ".join(missing), needed, to_do)]


def node() -> Row:
    """Node with npm: osls, which deploys the API, needs them."""
    version = version_of("node", "--version")
    to_do = "install Node 20 or newer, with npm"
    if not version or not shutil.which("npm"):
        return Row("node", MISSING, version and "no npm", SERVERLESS, to_do)
    if not in_range(version, NODE):
        return Row("node", WRONG, version, SERVERLESS, to_do)
    return Row("node", OK, version, SERVERLESS)


def images() -> "list[Row]":
    """What builds images, and what copies them to another environment."""
    from ..aws import containers
    from ..errors import UserError

    try:
        builder = Row("images", OK, containers.builder(), "make image ENV=staging")
    except UserError as error:
        builder = Row("images", MISSING, "", "make image ENV=staging", str(error))
    needed, to_do = "make image ENV=prod", "Debian and Ubuntu: apt-get install skopeo"
    version = version_of("skopeo", "--version")
    copier = Row("skopeo", OK if version else MISSING, version, needed, "" if version else to_do)
    return [builder, copier]


def _stated(key: str) -> str:
    """The text of a key in pyproject.toml; empty if there is none."""
    found = re.search(rf'(?m)^{key} = "([^"]*)"', text(Path("pyproject.toml")))
    return found.group(1) if found else ""


def text(file: Path) -> str:
    """A file's text; empty if it can't be read, which the row of the project or of it tells."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _numbers(version: str) -> "tuple[int, ...]":
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def version_of(*command: str) -> str:
    """The first version that a program prints; empty if it is not there or fails."""
    found = re.search(r"\d+(\.\d+)+", _said(*command) or "")
    return found.group(0) if found else ""


def _said(*command: str) -> "str | None":
    """What a program prints, without the caller's variables; None if it is not there or fails."""
    ignored = process_environment.dropped(os.environ)
    kept = {name: value for name, value in os.environ.items() if name not in ignored}
    try:
        output = subprocess.check_output(command, stderr=subprocess.DEVNULL, env=kept, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return output.decode(errors="replace").strip()
