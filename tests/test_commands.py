"""Each shell command in the documentation is executed by a test, or its block says why not.

Pages that are executed as they stand are listed under `pages` in commands.toml. For a command of
another page, the file names a test and what stands in it: the command, as the test writes it.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest
from conftest import LIBRARY, ROOT, USE_CASES, bake
from pages import blocks

PROJECT = Path("{{cookiecutter.project_slug}}")
REGISTRY = tomllib.loads((ROOT / "tests" / "commands.toml").read_text())
LITERAL = [command for each in REGISTRY["literal"].values() for command in each]
PLACES = (ROOT, *sorted((ROOT / PROJECT / "overlays" / "use_case").iterdir()))
LANGUAGES = {"sh", "text", "toml", "json", "python", "diff", "yaml", "sql"}
MARK = re.compile(r"^# not run by the tests: \S.{10,}$")
INDENTED = re.compile(r"^\n {4}\S", re.MULTILINE)


def commands(text: str) -> Iterator[tuple[str, bool]]:
    """The commands of a block, without comments, and whether the block says why it is not run."""
    marked = False
    for line in text.replace("\\\n", " ").splitlines():
        if MARK.match(line):
            marked = True
        elif not line.strip():
            marked = False
        elif command := re.sub(r"(^|\s)#\s.*$|\[[^]]*\]", "", line).strip():
            yield " ".join(command.split()), marked


@cache
def source(file: Path) -> str:
    return file.read_text()


def functions(file: Path) -> set[str]:
    return {each.name for each in ast.parse(source(file)).body if isinstance(each, ast.FunctionDef)}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page, by its name in commands.toml."""
    own = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = {str(page.relative_to(ROOT)): page for page in own}
    for page in (LIBRARY / "README.md", *sorted(LIBRARY.glob("docs/*.md"))):
        found[f"smallboat/{page.relative_to(LIBRARY)}"] = page
    for use_case in USE_CASES:
        project = bake(tmp_path_factory.mktemp(use_case), use_case=use_case).path
        for page in (project / "README.md", *project.glob("docs/*.md"), *project.glob("data/*.md")):
            found[f"{use_case}/{page.relative_to(project)}"] = page
    return found


def shown(pages: dict[str, Path]) -> Iterator[tuple[str, str, bool]]:
    """Each command: its page, its text, and whether its block says why no test runs it."""
    for name, page in pages.items():
        for block in blocks(page):
            if block.language == "sh":
                for command, marked in commands(block.text):
                    yield name, command, marked


def known(pages: dict[str, Path]) -> set[str]:
    """The commands that tests execute."""
    walked = {name: page for name, page in pages.items() if name in REGISTRY["pages"]}
    literal = {command for _, command, _ in shown(walked)}
    return literal | {*REGISTRY["commands"], *LITERAL}


def test_code_is_fenced_and_says_what_it_is(pages: dict[str, Path]) -> None:
    for name, page in pages.items():
        assert {block.language for block in blocks(page)} <= LANGUAGES, name
        prose = re.sub(r"^ *```.*?^ *```$", "", source(page), flags=re.MULTILINE | re.DOTALL)
        assert not INDENTED.search(prose), f"{name} has an indented code block: fence it"


def test_each_command_is_executed_or_says_why_not(pages: dict[str, Path]) -> None:
    executed, marked = known(pages), 0
    unknown: dict[str, set[str]] = {}
    every = list(shown(pages))
    for name, command, reason in every:
        marked += reason
        if not reason and not any(fnmatchcase(command, pattern) for pattern in executed):
            unknown.setdefault(command, set()).add(name)
    assert unknown == {}, "add the test that runs it to tests/commands.toml, or mark the block"
    distinct = len({command for _, command, _ in every})
    print(f"{len(every)} commands ({distinct} different), {marked} of them not run")
    assert len(every) > 150 and marked < 20


def test_the_list_has_no_command_that_is_gone(pages: dict[str, Path]) -> None:
    every = {command for _, command, _ in shown(pages)}
    listed = {*REGISTRY["commands"], *LITERAL}
    gone = [each for each in listed if not any(fnmatchcase(command, each) for command in every)]
    assert gone == []
    assert set(REGISTRY["pages"]) <= set(pages)


@pytest.mark.parametrize("page", REGISTRY["pages"])
def test_a_walked_page_is_read_by_its_test(page: str) -> None:
    file = ROOT / REGISTRY["pages"][page]
    assert "blocks(" in source(file) and Path(page).stem in source(file)


@pytest.mark.parametrize("command", REGISTRY["commands"])
def test_the_named_test_executes_the_command(command: str) -> None:
    """The test exists, and what it runs stands in its file and names the command's target."""
    test, runs, *place = REGISTRY["commands"][command]
    path, _, function = test.partition("::")
    (file,) = [folder / path for folder in PLACES if (folder / path).exists()]
    assert function in functions(file), test
    text = source(ROOT / PROJECT / place[0]) if place else source(file)
    assert runs in text, f"{place or file} does not have {runs}"
    target = re.search(r"(?:make|cruft) ([a-z-]+)", command)
    assert not target or re.search(rf"\b{target[1]}(\b|_)", runs)
