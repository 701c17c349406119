"""The page's example, performed literally in a project, which is then checked and trained."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import smallboat
from copies import command, copy
from smallboat import contract

PAGE = (Path(smallboat.__file__).parents[1] / "docs" / "contract.md").read_text()


def edits(page: str) -> Iterator[tuple[str, str, str]]:
    """The hunks of the page's diffs: a file, the text to find in it, and what replaces it."""
    for block in re.findall(r"^```diff\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        file, *hunks = re.split(r"^@@\n", block, flags=re.MULTILINE)
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            old, new = (
                "".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +")
            )
            yield file.removeprefix("--- ").strip(), old, new


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a project by name, the library among them."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy project in which the example was performed."""
    folder = tmp_path_factory.mktemp("example")
    copy(folder)
    before = contents(folder)
    for file, old, new in edits(PAGE):
        path = folder / "toy" / file
        assert path.read_text().count(old) == 1, f"{file} has not once:\n{old}"
        path.write_text(path.read_text().replace(old, new))
    after = contents(folder)
    changed = {name for name in before.keys() | after if before.get(name) != after.get(name)}
    assert changed == {"toy/inputs.py", "toy/metrics.py", "toy/candidates.py"}
    return folder


def output(project: Path, *words: str) -> str:
    """What a command prints, which must succeed."""
    done = command(project, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_keeps_the_contract(project: Path) -> None:
    lines = output(project, "check").splitlines()
    assert lines[-1] == "the problem keeps the contract"
    assert "  960 rows, 4 features" in lines
    assert any(line.startswith("  forest: parity ") for line in lines)


def test_the_example_is_trained(project: Path) -> None:
    output(project, "train")
    (file,) = project.glob("store/runs/*/evaluation.json")
    evaluation = json.loads(file.read_text())
    assert evaluation["failures"] == {}
    forest = next(each for each in evaluation["candidates"] if each["candidate"] == "forest")
    assert len(forest["trials"]) == 2 and forest["disqualified"] is None
    assert ["stairs"] in [each["features"] for each in evaluation["importance"]]
    assert evaluation["metrics"]["test"].keys() == {"mae", "bias", "late"}


@pytest.mark.parametrize("part", contract.Parts.__annotations__)
def test_the_page_lists_every_name_of_the_contract_with_its_arguments(part: str) -> None:
    protocol = contract.Parts.__annotations__[part]
    for name, member in vars(protocol).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            assert f"`{name}`" in PAGE
            continue
        arguments = list(inspect.signature(member).parameters)[1:]
        assert f"| `{name}({', '.join(arguments)})` |" in PAGE
