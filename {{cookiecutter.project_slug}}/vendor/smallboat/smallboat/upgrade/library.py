"""Replaces `vendor/smallboat` with a newer template's, and checks the project on it."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import UserError, ended
from ..problem import Problem
from . import installation
from .installation import LOCK, PROJECT

VENDOR = Path("vendor/smallboat")
WORK = Path("vendor/.upgrade")
"""Holds the new library, then the old one, its pyproject.toml and uv.lock, until all is done."""
SUMS = "SHA256SUMS"
"""The hashes of the library's files as they came, in the format of `sha256sum`."""
BOUND = re.compile(r"(?<=smallboat)(\[[^]]*])?>=([\d.]+),<([\d.]+)")
CHECKS = {
    "`smallboat check`": ["smallboat", "check"],
    "the project's tests": ["pytest", "-n=logical", "--maxprocesses=4", "--dist=loadfile"],
}
"""Python's arguments for what a project must pass on the new library."""


def upgrade(
    problem: Problem,
    environment: str,
    source: str | None,
    version: str | None,
    force: str | None,
    keep: str | None,
) -> int:
    """Replace the library, install what it needs, say what changed, and run check and tests.

    Args:
        problem: not read.
        environment: not read.
        source: the template, a git URL or a folder; without it, the one in `.cruft.json`.
        version: a tag, branch or commit of the template; without it, its newest commit, or the
            folder as it is.
        force: replace a library that was edited, too.
        keep: keep the new library, too, if the project fails on it.

    Raises:
        UserError: there is no such library, the project's was edited, or an upgrade is running.
        CommandError: the project fails on the new library; the old one is restored.
    """
    if not VENDOR.is_dir():
        raise UserError(
            f"{VENDOR} is missing. If the library comes from a package index, change its bound in "
            f"{PROJECT}, then run `uv lock --upgrade-package smallboat` and `make setup`"
        )
    with installation.alone():
        return _upgrade(source, version, force, keep)


def _upgrade(source: str | None, version: str | None, force: str | None, keep: str | None) -> int:
    restore_interrupted()
    if not force:
        _refuse_edits()
    WORK.mkdir()
    try:
        new = _fetch(source or _template(), version)
        changes = _differences(_hashes(VENDOR), _hashes(new))
        if changes:
            print(_summary(new, changes), flush=True)
            _replace(new)
            failed = _failure()
    except BaseException:
        _restore()
        raise
    if not changes:
        shutil.rmtree(WORK)
        print(f"nothing to do: {VENDOR} is smallboat {_version(VENDOR)} of this template")
        return 0
    if failed and not keep:
        _restore()
        raise ended(
            f"{failed} failed with the new library: see its messages above. The old library is "
            "restored. `make upgrade KEEP=1` keeps the new one, to fix the project on it",
            1,
        )
    shutil.rmtree(WORK)
    if failed:  # not raised: what main imports for an error is of another version now
        print(f"error: {failed} failed; the new library is kept", file=sys.stderr)
        return 1
    print(f"next: commit vendor, {PROJECT} and {LOCK}")
    return 0


def restore_interrupted() -> None:
    """Put back what an upgrade replaced that did not end."""
    if WORK.is_dir():
        _restore()
        print("an upgrade was interrupted; the library is the one from before it")


def _refuse_edits() -> None:
    """Raise a UserError if files of the library are not as they came."""
    if not (VENDOR / SUMS).is_file():
        raise UserError(
            f"{VENDOR / SUMS} is missing, so local edits can't be found: "
            "`make upgrade FORCE=1` replaces all files"
        )
    lines = (VENDOR / SUMS).read_text().splitlines()
    edits = _differences({line[66:]: line[:64] for line in lines}, _hashes(VENDOR))
    if edits:
        raise UserError(
            f"{VENDOR} was edited:\n{edits}Move the edits into your own package; "
            "`make upgrade FORCE=1` drops them"
        )


def _template() -> str:
    """The template that cruft made the project from."""
    try:
        return str(json.loads(Path(".cruft.json").read_text())["template"])
    except FileNotFoundError:
        message = "which template? Name its git URL or folder: `make upgrade FROM=...`"
        raise UserError(message) from None


def _fetch(source: str, version: str | None) -> Path:
    """A copy of a template's library; git brings the template unless it is a folder here."""
    template = Path(source)
    if version or not template.is_dir():
        template = WORK / "template"
        _git("clone", "--quiet", "--", source, str(template))
        if version:
            _git("-C", str(template), "checkout", "--quiet", version, "--")
    found = list(template.glob(f"{{*/{VENDOR}/smallboat/__init__.py"))
    if len(found) != 1:
        raise UserError(f"{source} is not a template of this library: it has no {VENDOR}")
    unwanted = shutil.ignore_patterns("__pycache__", ".*", SUMS)
    return Path(shutil.copytree(found[0].parents[1], WORK / "new", ignore=unwanted))


def _git(*words: str) -> None:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError("git is missing: install it, or name a folder by FROM") from None
    if done.returncode:
        message = " ".join(done.stderr.split())
        raise UserError(f"could not get the template: `git {' '.join(words)}`: {message}")


def _summary(new: Path, changes: str) -> str:
    """The versions, the changelog between them, and which files differ."""
    old, now = _version(VENDOR), _version(new)
    entries = re.split(r"(?m)^(?=## )", Path(new, "CHANGELOG.md").read_text())[1:]
    news = [each for each in entries if _numbers(old) < _numbers(each.split()[1]) <= _numbers(now)]
    kind = " (the same version)" if now == old else " (a downgrade)"
    kind = kind if _numbers(now) <= _numbers(old) else ""
    return f"smallboat {old} -> {now}{kind}\n{changes}\n{''.join(news)}".rstrip()


def _replace(new: Path) -> None:
    """Put a library in the place of the project's, which is kept, and set its bound."""
    for file in (PROJECT, LOCK):
        if file.exists():
            shutil.copy2(file, WORK)
    sums = (f"{digest}  {name}\n" for name, digest in _hashes(new).items())
    (new / SUMS).write_text("".join(sums))
    VENDOR.rename(WORK / VENDOR.name)
    new.rename(VENDOR)
    text = PROJECT.read_text()
    bounded = _bounded(text, _version(VENDOR))
    if bounded != text:
        (WORK / "bounded.toml").write_text(bounded)
        (WORK / "bounded.toml").replace(PROJECT)
        print(f"changed the bound of smallboat in {PROJECT}", flush=True)


def _restore() -> None:
    """Put back what was replaced; edits of pyproject.toml since then stay."""
    library, project, lock = (WORK / path.name for path in (VENDOR, PROJECT, LOCK))
    if library.is_dir():
        text = project.read_text() if project.exists() and VENDOR.is_dir() else ""
        if text and PROJECT.read_text() == _bounded(text, _version(VENDOR)):
            project.replace(PROJECT)
        if lock.exists():
            lock.replace(LOCK)
        if VENDOR.is_dir():
            VENDOR.rename(WORK / "failed")
        library.rename(VENDOR)
        installation.install()
    shutil.rmtree(WORK)


def _failure() -> str | None:
    """What of the project fails on the library that is in place; None if all is well."""
    if not installation.install():
        return "`uv sync`"
    for name, words in CHECKS.items():
        if subprocess.run([sys.executable, "-m", *words]).returncode:
            return name
    return None


def _bounded(text: str, version: str) -> str:
    """A pyproject.toml whose bound lets a version in; unchanged if it does already."""
    major, minor, *_ = numbers = _numbers(version)
    below = f"{major + 1}" if major else f"0.{minor + 1}"

    def bound(match: re.Match[str]) -> str:
        if _numbers(match[2]) <= numbers < _numbers(match[3]):
            return match[0]
        return f"{match[1] or ''}>={major}.{minor},<{below}"

    return BOUND.sub(bound, text)


def _version(library: Path) -> str:
    text = Path(library, "smallboat", "__init__.py").read_text()
    return str(re.findall(r'(?m)^__version__ = "(.+)"', text)[0])


def _numbers(version: str) -> tuple[int, ...]:
    """A version to compare with others: `0.4` and `0.4.0` are the same."""
    numbers = [int(each) for each in re.findall(r"\d+", version)[:3]]
    return (*numbers, 0, 0)[:3]


def _hashes(library: Path) -> dict[str, str]:
    """Hex SHA-256 of a library's files by their sorted paths in it; caches are left out."""
    hashes = {}
    for path in sorted(library.rglob("*")):
        name = path.relative_to(library).as_posix()
        if path.is_file() and name != SUMS and not re.search(r"(^|/)\.|\.pyc$", name):
            hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return hashes


def _differences(before: dict[str, str], after: dict[str, str]) -> str:
    """A line for each file that was added, changed or removed."""
    lines = ""
    for name in sorted({name for name, _ in before.items() ^ after.items()}):
        kind = "added" if name not in before else "changed" if name in after else "removed"
        lines += f"  {kind:<7}  {name}\n"
    return lines
