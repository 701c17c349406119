"""Write docs/options.md from cookiecutter.json; with --check, fail if it is out of date."""

import json
import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from cookiecutter.environment import StrictEnvironment
from cookiecutter.generate import generate_context
from cookiecutter.prompt import prompt_for_config

from combinations import COVERING, REFUSED, TEXTS, Combination

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "{{cookiecutter.project_slug}}"
PAGE = ROOT / "docs" / "options.md"
FILES = ROOT / "tests" / "files.toml"
QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text())
CHOICES = ("use_case", "cloud", "tracker", "licence")
HEAD = """# Options

The questions that cookiecutter asks. `make docs` generates this page from `cookiecutter.json`,
`tools/combinations.py`, `tests/files.toml` and the project's files.

| variable | question | default |
|---|---|---|
"""
ADDED = """
## What each answer adds

A licence is one file, `LICENSE`. An extra of the library, as `smallboat[warehouse]`, stands for the
packages that it names.

| answer | files | packages | targets of `make` |
|---|---|---|---|
"""
COMBINED = """
## Supported combinations

Each use case goes with each tracker, cloud and licence: {count} combinations. Tests make a project
of each, compare its files with `tests/files.toml`, look for leftovers of the template, lint it and
parse it. Tracker and licence change no code, so types are checked once for each use case and cloud.
The table says when the pipeline runs in a project of the combination (trained, released, asked).
Each night it runs in all of them, and so do their own tests.

| use case | cloud | {trackers} |
|---|---|{columns}|
"""
TEXT = """
Text may be anything that the hooks do not refuse; tests make these projects, too: {texts}.

## Refused answers

The hook ends with one sentence, and nothing is left behind.

| answers | sentence |
|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    return HEAD + _questions() + ADDED + _added() + _combined() + _refused()


def _questions() -> str:
    asked = {name: it for name, it in QUESTIONS.items() if not name.startswith("_")}
    return "".join(
        _row(name, QUESTIONS["__prompts__"][name], default) for name, default in asked.items()
    )


def _row(name: str, prompt: str | dict[str, str], default: str | list[str]) -> str:
    if isinstance(prompt, str):
        shown = "derived from other answers" if "{{" in default else f"`{default}`"
        return f"| `{name}` | {prompt} | {shown} |\n"
    choices = "; ".join(label for key, label in prompt.items() if key != "__prompt__")
    return f"| `{name}` | {prompt['__prompt__']} ({choices}) | `{default[0]}` |\n"


def _added() -> str:
    rows = []
    for question in ("use_case", "cloud", "tracker"):
        for choice in QUESTIONS[question]:
            others = [each for each in QUESTIONS[question] if each != choice]
            packages, targets = (
                ", ".join(f"`{name}`" for name in sorted(_more(found, question, choice, others)))
                for found in (_packages, _targets)
            )
            files = _files(question, choice)
            rows.append(f"| `{question} = {choice}` | {files} | {packages} | {targets} |\n")
    return "".join(rows)


def _more(found: Any, question: str, choice: str, others: list[str]) -> set[str]:
    """What a choice has more than what all other ones share."""
    shared = set.intersection(*(found(**{question: each}) for each in others))
    more: set[str] = found(**{question: choice}) - shared
    return more


def _files(question: str, choice: str) -> str:
    """How many files a choice adds, and in which folders."""
    folders = tomllib.loads(FILES.read_text()).get(question, {}).get(choice, {})
    count = sum(map(len, folders.values()))
    tops = sorted({folder.split("/")[0] for folder in folders if folder != "."})
    names = [f"`{top}/`" for top in tops] + [f"`{name}`" for name in folders.get(".", [])]
    return f"{count}: {', '.join(names)}" if count else ""


@cache
def _context(**chosen: str) -> dict[str, Any]:
    context = generate_context(str(ROOT / "cookiecutter.json"), extra_context=dict(chosen))
    return {"cookiecutter": prompt_for_config(context, no_input=True)}


def _rendered(name: str, **chosen: str) -> str:
    """A file of the project, with what its overlays add; empty if there is none."""
    context = _context(**chosen)
    answers = context["cookiecutter"]
    overlays = [PROJECT / "overlays" / each / answers[each] for each in ("use_case", "cloud")]
    files = [folder / name for folder in (PROJECT, *overlays)]
    text = "\n".join(file.read_text() for file in files if file.is_file())
    made: str = StrictEnvironment(context=context).from_string(text).render(**context)
    return made


@cache
def _packages(**chosen: str) -> set[str]:
    """What a project asks for; an extra of the library is one package."""
    meta = tomllib.loads(_rendered("pyproject.toml", **chosen))
    groups = [meta["project"]["dependencies"], *meta["dependency-groups"].values()]
    names = set()
    for line in (line for group in groups for line in group if isinstance(line, str)):
        name, _, extras = re.split("[<>=; ]", line)[0].partition("[")
        each = [f"{name}[{extra}]" for extra in extras.rstrip("]").split(",") if extra]
        names |= set(each or [name])
    return names


@cache
def _targets(**chosen: str) -> set[str]:
    """The targets that `make help` lists."""
    text = "\n".join(_rendered(name, **chosen) for name in ("Makefile", "use_case.mk", "cloud.mk"))
    return set(re.findall(r"(?m)^([a-z-]+):.*##", text))


def _combined() -> str:
    trackers, count = QUESTIONS["tracker"], 1
    for question in CHOICES:
        count *= len(QUESTIONS[question])
    rows = [
        f"| {use_case} | {cloud} | " + " | ".join(cells) + " |\n"
        for use_case in QUESTIONS["use_case"]
        for cloud in QUESTIONS["cloud"]
        if (cells := [_when(Combination(use_case, each, cloud)) for each in trackers])
    ]
    columns = "|".join("---" for _ in trackers)
    head = COMBINED.format(count=count, trackers=" | ".join(trackers), columns=columns)
    return head + "".join(rows)


def _when(combination: Combination) -> str:
    return "each push" if combination in COVERING else "each night"


def _refused() -> str:
    rows = [
        f"| `{key} = {value!r}` | … {sentence} |\n"
        for answers, sentence in REFUSED.values()
        for key, value in answers.items()
    ]
    return TEXT.format(texts=", ".join(TEXTS)) + "".join(rows)


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        sys.exit(f"{PAGE.relative_to(ROOT)} is out of date: run make docs")
