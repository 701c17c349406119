"""What Lambda runs: the API's code and what it imports, for the function's Python and processor.

The packages are there as bytecode alone: Lambda keeps nothing that it compiles, and would do it
anew at each start, for 0.2 s. So the function's Python is the one that makes the zip.
"""

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from ..errors import UserError
from ..serving import servers
from ..store import store

CODE = Path("serving/api")
LIBRARY = Path(__file__).parent.parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ARCHITECTURE = "arm64"
PLATFORM = "aarch64-manylinux2014"
MACHINE = 183  # the number of that processor in the head of an ELF file
BUILT_IN = "boto3"  # Lambda has it, with all that it needs
LEFT_OUT = {".lock", "bin", "__pycache__", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
CACHE = Path(".cache/lambda/packages")
Contents = dict[str, bytes]
"""The files of the zip by their names in it."""


def contents() -> Contents:
    """The project's part, the library's API, and the locked packages of the group `api`.

    Raises:
        UserError: there is no lock file, a package has nothing for the function's platform, or
            one that was installed is compiled for another.
    """
    code = [*CODE.glob("*.py"), *(p for p in CODE.glob("static/**/*") if p.is_file())]
    files = {path.relative_to(CODE).as_posix(): path.read_bytes() for path in code}
    return _packages() | _library() | files


def pack(files: Contents) -> bytes:
    """The zip, the same bytes for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _time(content))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _time(content: bytes) -> tuple[int, int, int, int, int, int]:
    """A time for a file that differs with its content: browsers ask by it whether it changed."""
    known = hashlib.sha256(content).digest()
    return (
        1980 + known[0] % 40,
        1 + known[1] % 12,
        1 + known[2] % 28,
        known[3] % 24,
        known[4] % 60,
        0,
    )


def digest(files: Contents) -> str:
    """The first 16 hex digits of a SHA-256 over names and contents.

    Bytecode is no part of it: requirements.txt says what it was made from, on any machine.
    """
    known = hashlib.sha256()
    for name, content in sorted(each for each in files.items() if not each[0].endswith(".pyc")):
        known.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return known.hexdigest()[:16]


def check(files: Contents) -> None:
    """Refuse, with a UserError, a compiled file that the function's processor can't run."""
    for name, content in files.items():
        if content[:4] == b"\x7fELF" and int.from_bytes(content[18:20], "little") != MACHINE:
            raise UserError(f"{name} is compiled for another processor than {ARCHITECTURE}")


def _library() -> Contents:
    """The library's rooms that the API is of."""
    room = LIBRARY / "serving" / "api"
    code = [LIBRARY / "__init__.py", room.parent / "__init__.py", *room.rglob("*")]
    return {
        path.relative_to(LIBRARY.parent).as_posix(): path.read_bytes()
        for path in code
        if path.is_file() and "__pycache__" not in path.parts
    }


def _packages() -> Contents:
    """What the lock file names for the group, without what Lambda has; installed once."""
    options = ["--frozen", "--only-group", "api", "--prune", BUILT_IN, "--no-header"]
    # The library is no package here: `_library` takes what the API needs of it.
    wanted = _uv("export", *options, "--no-annotate", "--no-emit-package", "smallboat")
    CACHE.mkdir(parents=True, exist_ok=True)
    known = hashlib.sha256(f"{PYTHON} {PLATFORM}\n{wanted}".encode()).hexdigest()[:16]
    if not (CACHE / known).is_dir():
        with store.staged(CACHE) as stage:
            (stage / "requirements.txt").write_text(wanted)
            where = ["--target", str(stage / "packages"), "-r", str(stage / "requirements.txt")]
            what = ["--python-version", PYTHON, "--python-platform", PLATFORM]
            _uv("pip", "install", "--no-deps", "--only-binary", ":all:", *what, *where)
            _compile(stage / "packages")
            store.settle(stage / "packages", CACHE / known)
    files = {
        path.relative_to(CACHE / known).as_posix(): path.read_bytes()
        for path in (CACHE / known).rglob("*")
        if path.is_file() and not LEFT_OUT.intersection(path.relative_to(CACHE / known).parts)
    }
    check(files)
    return {**files, "requirements.txt": wanted.encode()}


def _compile(folder: Path) -> None:
    """Put bytecode in the place of sources, the same bytes each time."""
    options = ["-q", "-b", "--invalidation-mode", "unchecked-hash", "-s", str(folder)]
    subprocess.run(
        [sys.executable, "-m", "compileall", *options, "-p", "/var/task", str(folder)],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=True,
    )
    for source in folder.rglob("*.py"):
        source.unlink()


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
        raise UserError(f"the API's packages can't be collected (`uv {words[0]}`): {message}")
    return done.stdout
