"""The function's zip: the API's code, and its packages for the function's Python and processor.

Modules are included as bytecode: Lambda does not store what it compiles, and compiling at each
cold start takes 0.2 s. Therefore the function has the Python version that runs this. Packages are
bytecode only, without docstrings and assertions.
"""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

from .. import integrity
from ..errors import UserError
from ..serving import servers
from ..store import store

CODE = Path("serving/api")
LIBRARY = Path(__file__).parent.parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ARCHITECTURE = "arm64"
PLATFORM = "aarch64-manylinux2014"
ELF_MACHINE = 183
"""The number of that processor in an ELF header."""
PROVIDED = "botocore"
"""Lambda provides it, with its dependencies."""
OMITTED = {".lock", "bin", "__pycache__", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
PACKED = ("-b", "-o", "2")
"""Bytecode in place of the sources, and without docstrings and assertions."""
CACHE = Path(".cache/lambda/packages")
Contents = dict[str, bytes]
"""The files of the zip by their names in it."""


def contents() -> Contents:
    """The project's handler and page, the library's API, and the locked packages of group `api`.

    Raises:
        UserError: there is no lock file, or a package is not available for the function.
    """
    room = LIBRARY / "serving"
    shared = [room / name for name in ("__init__.py", "request_parsing.py")]
    library = [LIBRARY / "__init__.py", *shared, *(room / "api").rglob("*")]
    project = [*CODE.glob("*.py"), *CODE.glob("static/**/*")]
    own = _read(library, LIBRARY.parent) | _read(project, CODE)
    return _packages() | own | _bytecode(own)


def pack(files: Contents) -> bytes:
    """The zip; the same bytes for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _time(content))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _time(content: bytes) -> tuple[int, int, int, int, int, int]:
    """A time that differs with the content: browsers take it for the time of the last change."""
    seconds = 2 * int.from_bytes(hashlib.sha256(content).digest()[:3])  # zip has even seconds
    time = datetime(1980, 1, 1) + timedelta(seconds=seconds)
    return time.year, time.month, time.day, time.hour, time.minute, time.second


def digest(files: Contents) -> str:
    """The first 16 hex digits of a SHA-256 over names and contents.

    Bytecode is left out: requirements.txt names its source, on any machine.
    """
    sources = {name: content for name, content in files.items() if not name.endswith(".pyc")}
    return integrity.content_hash(
        {name: hashlib.sha256(content).hexdigest() for name, content in sources.items()}
    )


def check(files: Contents) -> None:
    """UserError for a compiled file that the function's processor can't run."""
    for name, content in files.items():
        machine = int.from_bytes(content[18:20], "little")
        if content[:4] == b"\x7fELF" and machine != ELF_MACHINE:
            raise UserError(f"{name} is compiled for another processor than {ARCHITECTURE}")


def _read(paths: list[Path], folder: Path) -> Contents:
    """The files among paths, by their names within a folder."""
    names = {path.relative_to(folder): path for path in paths if path.is_file()}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in names.items()
        if not OMITTED.intersection(name.parts)
    }


def _packages() -> Contents:
    """The packages of the lock file, without what Lambda provides; installed once."""
    options = ["--frozen", "--only-group", "api", "--prune", PROVIDED, "--no-header"]
    # `contents` includes the library's part itself.
    requirements = _uv("export", *options, "--no-annotate", "--no-emit-package", "smallboat")
    key = hashlib.sha256(f"{PYTHON} {PLATFORM} {PACKED}\n{requirements}".encode()).hexdigest()[:16]
    installed = CACHE / key
    if not installed.is_dir():
        with store.staged(CACHE) as stage:
            file, target = stage / "requirements.txt", stage / "packages"
            file.write_text(requirements)
            options = ["--python-version", PYTHON, "--python-platform", PLATFORM]
            options += ["--no-deps", "--only-binary", ":all:", "--target", str(target)]
            _uv("pip", "install", *options, "-r", str(file))
            _compile(target, *PACKED)
            for source in target.rglob("*.py"):
                source.unlink()
            store.settle(target, installed)
    files = _read(list(installed.rglob("*")), installed)
    check(files)
    return {**files, "requirements.txt": requirements.encode()}


def _bytecode(sources: Contents) -> Contents:
    """The bytecode of modules whose sources stay, where Python looks for it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for module in filter(lambda name: name.endswith(".py"), sources):
            (folder / module).parent.mkdir(parents=True, exist_ok=True)
            (folder / module).write_bytes(sources[module])
        _compile(folder)
        compiled = folder.rglob("*.pyc")
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in compiled}


def _compile(folder: Path, *options: str) -> None:
    """Compile a folder's modules, to the same bytes each time."""
    mode = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/var/task"]
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", *options, *mode, str(folder)],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=True,
    )


def _uv(*words: str) -> str:
    import uv

    done = subprocess.run(
        [uv.find_uv_bin(), *words, "--quiet"],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
    )
    if done.returncode:
        message = " ".join(done.stderr.split()) or servers.last_line(done.stdout)
        raise UserError(f"the API's packages can't be installed (`uv {words[0]}`): {message}")
    return done.stdout
