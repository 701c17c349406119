"""Any answer is refused or makes a project whose files parse; defaults are never refused."""

import ast
import functools
import json
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, USE_CASES, Project, bake, pre
from cookiecutter.environment import StrictEnvironment
from cookiecutter.generate import generate_context, is_copy_only_path
from cookiecutter.prompt import prompt_for_config
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

TREE = ROOT / "{{cookiecutter.project_slug}}"
QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text())
RESERVED = QUESTIONS["_reserved"]
CARRIES = re.compile(r"cookiecutter\.(?!(project_slug|use_case|cloud|tracker)\b)")
ODD = st.text(st.sampled_from("\"'\\{}%#&<>`*_[]-+.1\n\r\t\0\x1b\x85\u2028\ud800é不🏎 a"))
TEXT = st.text() | ODD
ODD_AUTHORS = [
    "Sean O'Brien & Co., Inc.",
    'sean@example.org, "the\\boss" <s>',
    "🏎 Ünïcödé\n{% x %} {{ y }}",
    "不正検知\0",
    "🏎",
    "",
]
IMPORTED = """
import importlib.metadata, json, keyword, sys
names = {*importlib.metadata.packages_distributions(), *sys.stdlib_module_names, *keyword.kwlist}
print(json.dumps(sorted(names)))
"""


def literal(answer: str) -> str:
    """An answer for cookiecutter, which renders answers that nobody typed at its questions."""
    return "{{ " + ascii(answer) + " }}"


def answered(use_case: str = "f1", **answers: str) -> dict[str, Any]:
    """The context that cookiecutter makes of answers."""
    given = {key: literal(answer) for key, answer in answers.items()} | {"use_case": use_case}
    context = generate_context(str(ROOT / "cookiecutter.json"), extra_context=given)
    return prompt_for_config(context, no_input=True)


@functools.cache
def carriers(use_case: str) -> dict[Path, str]:
    """The template files of a use case that hold answers beside the slug, and their text."""
    context = {"cookiecutter": answered()}
    found = {}
    for file in sorted(path for path in TREE.rglob("*") if path.is_file()):
        inside = file.relative_to(TREE)
        copied = any(is_copy_only_path(str(path), context) for path in [inside, *inside.parents])
        other = set(inside.parts) & (set(USE_CASES) - {use_case})
        if not copied and not other and CARRIES.search(text := file.read_text()):
            found[inside] = text
    return found


def line(text: str) -> str:
    """An answer as one line of what can be shown."""
    hidden = {"Cc", "Cf", "Cs", "Cn", "Co"}
    kept = (
        c if unicodedata.category(c) not in hidden or c in "\u200c\u200d" or c > "\uffff" else " "
        for c in text
    )
    return " ".join("".join(kept).split())


def parsed(file: Path, text: str) -> Any:
    """What a rendered file holds."""
    match file.suffix:
        case ".toml":
            return tomllib.loads(text)
        case ".md":
            return MarkdownIt().parse(text)
        case ".py":
            return ast.parse(text)
        case ".json":
            return json.loads(text)
        case ".yml":
            return yaml.safe_load(text)
    assert file.name == "LICENSE", f"{file} holds answers: parse it here"
    return text.splitlines()


@pytest.mark.parametrize("use_case", USE_CASES)
@settings(deadline=None)
@given(name=TEXT, description=TEXT, author=TEXT)
def test_all_files_parse(use_case: str, name: str, description: str, author: str) -> None:
    context = {
        "cookiecutter": answered(
            use_case, project_name=name, description=description, author=author
        )
    }
    environment = StrictEnvironment(context=context, keep_trailing_newline=True)
    rendered = {
        str(file): parsed(file, environment.from_string(text).render(**context))
        for file, text in carriers(use_case).items()
    }
    assert len(rendered) >= 8
    meta = rendered["pyproject.toml"]["project"]
    named = line(author) or "The authors"  # a package's author can't be empty
    assert meta["description"] == line(description)
    assert meta["authors"] == [{"name": named}]
    for environment_name in ("staging", "prod"):
        values = rendered[f"overlays/cloud/aws/config/{environment_name}.toml"]
        assert re.fullmatch(r"[A-Za-z0-9 _.=+@-]{1,256}", values["aws"]["owner"])
    for licence in ("MIT", "BSD-3-Clause", "Proprietary"):
        assert any(named in each for each in rendered[f"overlays/licence/{licence}/LICENSE"])
    inline = [token for token in rendered["README.md"] if token.type == "inline"][:2]
    assert [{child.type for child in token.children} <= {"text"} for token in inline] == [True] * 2
    shown = ["".join(child.content for child in token.children) for token in inline]
    assert shown == [line(name), f"{line(description).rstrip('.')}."]


@settings(deadline=None)
@given(name=TEXT)
@example("Fraud v2.0")
@example("Prédicteur")
@example(" ML/Ops")
@example("2 fast 2 furious")
@example("an unusually long name of a project")
@example("jsonschema specifications of the others")
@example("不正検知")
@example("🏎")
@example("A")
def test_the_default_slug_is_never_refused(name: str) -> None:
    context = answered(project_name=name)
    assert pre.problems(context, RESERVED) == []
    assert context["project_slug"] == context["__asked_slug"]


def test_the_default_slug_is_no_reserved_name() -> None:
    names = " ".join(RESERVED).split()
    assert names == sorted(set(names))
    made = StrictEnvironment(context={}).from_string(QUESTIONS["project_slug"])
    for name in names:
        slug = made.render(cookiecutter={"project_name": name, "_reserved": RESERVED})
        assert pre.slug_problem(slug, RESERVED) is None


def test_what_the_project_imports_is_reserved(project: Project, tmp_path: Path) -> None:
    names = {"smallboat", "vendor", *json.loads(project.run("python", "-P", "-c", IMPORTED).stdout)}
    fresh = bake(tmp_path, use_case=project.use_case).path
    names |= {path.name for path in fresh.iterdir()}
    for file in fresh.rglob("*.py"):
        inside = {fresh / fresh.name, fresh / "vendor"} & set(file.parents)
        if not inside and not file.stem.startswith("test_"):
            names |= {file.parent.name, file.stem}
    names -= {fresh.name}
    could_be = {name for name in names if pre.slug_problem(name, []) is None}
    assert len(could_be) > 300
    assert could_be - set(" ".join(RESERVED).split()) == set()


@pytest.mark.parametrize("author", ODD_AUTHORS)
def test_plan_takes_any_author(author: str, f1: Project, tmp_path: Path) -> None:
    made = bake(tmp_path, author=literal(author), description=literal(author))
    done = Project(made.path, f1.use_case).run("python", "-m", "smallboat", "plan")
    assert done.returncode == 0, done.stderr
    assert "region=eu-west-1" in done.stdout
