"""Print a release's notes from both changelogs: `python tools/release_notes.py v0.4.0`.

Fails with a sentence unless the tag is the version of template and library, both changelogs have a
section with the day of the release, and no other commit has the tag.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = Path("{{cookiecutter.project_slug}}", "vendor", "smallboat")
TITLES = {Path("CHANGELOG.md"): "Template", LIBRARY / "CHANGELOG.md": "Library"}
"""The changelogs, and what their parts of the notes are called."""


class NotReadyError(Exception):
    """The release can't be made; the message says why, and what to do."""


def versions(root: Path) -> dict[str, str]:
    """The version by the file that holds it: the template's and the library's."""
    code = LIBRARY / "smallboat" / "__init__.py"
    (library,) = re.findall(r'(?m)^__version__ = "(.+)"$', (root / code).read_text())
    template = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return {"pyproject.toml": template, str(code): library}


def section(changelog: Path, version: str) -> tuple[str, str]:
    """What stands in brackets behind a version's heading, and the text below it.

    Raises:
        NotReadyError: the changelog has no section about this version.
    """
    heading = rf"(?m)^## {re.escape(version)}(?: \((.+)\))?$"
    found = re.search(heading, text := changelog.read_text())
    if found is None:
        raise NotReadyError(f"{changelog} has no section `## {version} (yyyy-mm-dd)`: write it")
    return found[1] or "", re.split(r"(?m)^## ", text[found.end() :])[0].strip()


def commit(root: Path, name: str) -> str:
    """The commit that a name of git stands for; empty if there is none."""
    words = ["git", "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True)
    return done.stdout.strip()


def notes(root: Path, tag: str) -> str:
    """The notes of a release as Markdown.

    Raises:
        NotReadyError: tag, versions and changelogs do not agree, a section has no day or text, or
            the tag is another commit's: the release would be of that one.
    """
    tagged = commit(root, f"refs/tags/{tag}")
    if tagged and tagged != (here := commit(root, "HEAD")):
        raise NotReadyError(
            f"{tag} is commit {tagged[:7]}, not {here[:7]}: remove it, or run there"
        )
    for code, version in versions(root).items():
        if tag != f"v{version}":
            raise NotReadyError(f"the tag is {tag}, but {code} has {version}: make them agree")
    parts = []
    for file, title in TITLES.items():
        day, text = section(root / file, tag.removeprefix("v"))
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
            raise NotReadyError(
                f"{file} says `{day or 'no day'}` about {tag}: write `## {tag[1:]} (yyyy-mm-dd)`"
            )
        if not text:
            raise NotReadyError(f"{file} says nothing about {tag}: write what is new")
        parts.append(f"## {title}\n\n{text}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    try:
        print(notes(ROOT, sys.argv[1]), end="")
    except NotReadyError as error:
        sys.exit(f"error: {error}")
