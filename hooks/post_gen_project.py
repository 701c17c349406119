"""Lay the chosen use case, cloud and licence over the project; remove the rest."""

import json
import os
import shlex
import shutil
from hashlib import sha256
from pathlib import Path

ANSWERS = r"""{{ cookiecutter | tojson }}"""
OVERLAYS = Path("overlays")


def seal(library: Path) -> None:
    """List the library's files with their hashes, by which `make upgrade` finds edits."""
    sums = library / "SHA256SUMS"
    sums.unlink(missing_ok=True)  # of a project that is made anew
    lines = []
    for file in sorted(path for path in library.rglob("*") if path.is_file()):
        digest = sha256(file.read_bytes()).hexdigest()
        lines.append(f"{digest}  {file.relative_to(library).as_posix()}\n")
    sums.write_text("".join(lines))


def lay(answers: dict[str, str]) -> None:
    """Copy each chosen overlay over the project in the current folder."""
    for question in sorted(folder.name for folder in OVERLAYS.iterdir()):
        overlay = OVERLAYS / question / answers[question]
        if overlay.exists():  # the answer `none` adds nothing
            shutil.copytree(overlay, ".", dirs_exist_ok=True)
    shutil.rmtree(OVERLAYS)
    for pattern in ("__pycache__", ".*_cache"):  # of the template's own tests
        for cache in list(Path("vendor").rglob(pattern)):
            shutil.rmtree(cache)


def next_steps(folder: Path, typed_in: str) -> list[str]:
    """The commands to type next; a first commit, unless the project lies in a repository already.

    `make setup` comes before it, because it writes `uv.lock`.

    Args:
        folder: the project's.
        typed_in: the folder of the shell, as far as it says so.
    """
    place = folder.name if str(folder.parent) == typed_in else shlex.quote(str(folder))
    commit = 'git init -b main && git add --all && git commit -m "First commit"'
    known = any((each / ".git").exists() for each in (folder, *folder.parents))
    return [f"cd {place}", *([] if known else ["make setup", commit]), "make train"]


if __name__ == "__main__":
    answers = json.loads(ANSWERS)
    lay(answers)
    seal(Path("vendor", "smallboat"))
    typed_in = os.environ.get("PWD", "")
    if not Path(typed_in, ".cruft.json").exists():  # `cruft update` makes two and removes them
        steps = next_steps(Path.cwd(), typed_in)
        print("\n  ".join([f"made {answers['project_slug']}; next:", *steps]))
