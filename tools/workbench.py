"""Edit the template as the project that it generates.

    python tools/workbench.py open f1     lays the use case over the shared tree, in workbench/f1
    python tools/workbench.py save f1     copies the edits back to the files they came from

A line that was rendered from template text goes back as that text, unless it was edited; in an
edited line the workbench's answers become template variables again. A new file goes to the tree
that has its folder: the use case's, else the shared one, else the cloud's. Nothing is saved if a
saved file would not render to what stands in the workbench.
"""

import argparse
import difflib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cookiecutter.environment import StrictEnvironment
from cookiecutter.generate import generate_context, is_copy_only_path
from cookiecutter.main import cookiecutter
from cookiecutter.prompt import prompt_for_config
from jinja2 import TemplateError

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "workbench"
SLUG = "{{cookiecutter.project_slug}}"
ANSWERS = {
    "project_name": "Workbench Project",
    "project_slug": "workbench_project",
    "description": "What the workbench project does",
    "author": "Workbench Author",
    "aws_region": "mx-central-1",
}


def open_bench(use_case: str) -> Path:
    """Bake a use case into the workbench; an earlier one whose edits were saved is replaced."""
    target = BENCH / use_case
    if target.exists() and any(_edits(use_case)):
        raise SystemExit(f"{target} has edits: make save first, or remove the folder")
    shutil.rmtree(target, ignore_errors=True)
    baked = Path(
        cookiecutter(
            str(ROOT),
            no_input=True,
            extra_context={**ANSWERS, "use_case": use_case},
            output_dir=str(BENCH),
        )
    )
    baked.rename(target)
    _git(target, "init", "--quiet")
    _git(target, "add", "--all")  # what is deleted later is then known
    return target


def save_bench(use_case: str) -> list[Path]:
    """Copy what was edited back; returns the template files that changed."""
    pending, removed = _edits(use_case)
    for source, saved in pending.items():
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(saved)
    for source in removed:
        source.unlink()
    _git(BENCH / use_case, "add", "--all")
    return sorted([*pending, *removed])


def _edits(use_case: str) -> tuple[dict[Path, bytes], list[Path]]:
    """What a save would write, and what it would delete."""
    bench = BENCH / use_case
    pending = {}
    for name in _files(bench):
        source = _origin(name, use_case)
        edited, opened = (bench / name).read_bytes(), _opened(bench, name)
        if edited == opened:
            continue
        original = source.read_bytes() if source.exists() else b""
        if opened is not None and _render(source, original, use_case) != opened:
            raise SystemExit(f"{name} was edited here and in {source}: bring them together by hand")
        saved = _unrender(source, original, edited, use_case)
        _refuse_if_lossy(name, source, saved, edited, use_case)
        pending[source] = saved
    deleted = [_origin(name, use_case) for name in _git(bench, "ls-files", "--deleted")]
    return pending, [source for source in deleted if source.exists()]


def _opened(bench: Path, name: str) -> bytes | None:
    """A file as the workbench was opened with it; None if it is new."""
    done = subprocess.run(["git", "show", f":{name}"], cwd=bench, capture_output=True)
    return done.stdout if done.returncode == 0 else None


def _refuse_if_lossy(name: str, source: Path, saved: bytes, edited: bytes, use_case: str) -> None:
    if _is_copied(source, use_case):
        if ANSWERS["project_slug"].encode() in edited:
            raise SystemExit(f"{name} is never rendered: import relatively, without the name")
        return
    try:
        same = _render(source, saved, use_case) == edited
    except TemplateError:
        same = False
    if not same:
        raise SystemExit(f"{name} would not survive a bake: edit {source} by hand")


def _files(bench: Path) -> list[str]:
    listed = _git(bench, "ls-files", "--others", "--cached", "--exclude-standard")
    return [name for name in listed if name != "uv.lock" and (bench / name).is_file()]


def _git(folder: Path, *words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def _origin(name: str, use_case: str) -> Path:
    inside = name.replace(ANSWERS["project_slug"], SLUG)
    overlays = ROOT / SLUG / "overlays"
    chosen = (f"use_case/{use_case}", "cloud/aws", "licence/MIT")
    own, cloud, licence = (overlays / overlay / inside for overlay in chosen)
    shared = ROOT / SLUG / inside
    known = [file for file in (own, licence, cloud, shared) if file.is_file()]
    beside = [file for file in (own, shared, cloud) if file.parent.is_dir()]
    return [*known, *beside, own][0]


def _context(use_case: str) -> dict[str, Any]:
    answers = ANSWERS | {"use_case": use_case, "licence": "MIT"}
    context = generate_context(str(ROOT / "cookiecutter.json"), extra_context=answers)
    return {"cookiecutter": prompt_for_config(context, no_input=True)}


def _is_copied(source: Path, use_case: str) -> bool:
    inside = source.relative_to(ROOT / SLUG)
    candidates = [inside, *inside.parents][:-1]
    return any(is_copy_only_path(str(path), _context(use_case)) for path in candidates)


def _render(source: Path, content: bytes, use_case: str) -> bytes:
    if _is_copied(source, use_case):
        return content
    context = _context(use_case)
    environment = StrictEnvironment(context=context, keep_trailing_newline=True)
    rendered: str = environment.from_string(content.decode()).render(**context)
    return rendered.encode()


def _unrender(source: Path, original: bytes, edited: bytes, use_case: str) -> bytes:
    if _is_copied(source, use_case):
        return edited
    template = original.decode().splitlines(keepends=True)
    rendered = _render(source, original, use_case).decode().splitlines(keepends=True)
    new = edited.decode().splitlines(keepends=True)
    saved = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, rendered, new, False).get_opcodes():
        if tag == "equal":
            saved += template[a:b]
        else:
            saved += [_as_template(line, original.decode(), use_case) for line in new[c:d]]
    return "".join(saved).encode()


def _as_template(line: str, original: str, use_case: str) -> str:
    """A line with variables for answers: those of the original, as it may escape an answer."""
    context = _context(use_case)["cookiecutter"]
    for key in [*re.findall(r"\{\{ cookiecutter\.(\w+) \}\}", original), *ANSWERS]:
        line = line.replace(context[key], "{{ cookiecutter." + key + " }}")
    return line


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["open", "save"])
    parser.add_argument("use_case")
    options = parser.parse_args()
    if options.command == "open":
        print(f"edit {open_bench(options.use_case).relative_to(ROOT)}, then: make save")
    else:
        changed = save_bench(options.use_case)
        print("\n".join(f"saved {path.relative_to(ROOT)}" for path in changed) or "nothing to save")
    sys.exit(0)
