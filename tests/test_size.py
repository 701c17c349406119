"""What a project's owner gets is small: files beside data and library, and lines of Python."""

from pathlib import Path

import pytest
from conftest import ROOT, bake

FILES = {"f1": 86, "intent": 119, "tabular": 70}
LINES = {"f1": 2_720, "intent": 3_000, "tabular": 500}


@pytest.mark.parametrize("use_case", FILES)
def test_a_project_is_as_small_as_promised(use_case: str, tmp_path: Path) -> None:
    folder = bake(tmp_path, use_case=use_case).path
    inside = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    files = [path for path in inside if path.parts[0] not in ("data", "vendor")]
    own = [path for path in files if path.suffix == ".py" and path.parts[0] != "tests"]
    assert len(files) <= FILES[use_case]
    assert sum(len((folder / path).read_text().splitlines()) for path in own) <= LINES[use_case]


def test_no_module_of_the_library_is_long() -> None:
    library = ROOT / "{{cookiecutter.project_slug}}" / "vendor" / "smallboat" / "smallboat"
    lines = {path: len(path.read_text().splitlines()) for path in library.rglob("*.py")}
    assert len(lines) > 100
    assert {path.name: count for path, count in lines.items() if count > 250} == {}
