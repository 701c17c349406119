"""READMEs keep to their length; links, commands and files that the documentation names exist."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import LIBRARY, ROOT, bake

from combinations import CLOUDS, USE_CASES

TEMPLATE = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
SHIPPED = sorted(LIBRARY.glob("docs/*.md"))
LINES = {"template": 200, "project": 150}
CODE = re.compile(r"^```.*?^```|^ {4}\S.*?$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?:<([^>]+)>|([^)]+))\)|\bsrc=\"([^\"]+)\"")
COMMAND = re.compile(r"(?:^\s*|`)make ([a-z-]+)", re.MULTILINE)


def links(page: Path) -> list[str]:
    """The relative links and images of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = ["".join(found) for found in LINK.findall(text)]
    return [unquote(target.partition("#")[0]) for target in targets if "://" not in target]


def commands(page: Path) -> set[str]:
    """The make targets in a page's code."""
    return {name for code in CODE.findall(page.read_text()) for name in COMMAND.findall(code)}


def targets(*makefiles: Path) -> set[str]:
    return {
        name
        for file in makefiles
        for name in re.findall(r"^([a-z-]+):", file.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("page", [*TEMPLATE, *SHIPPED], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    assert [link for link in links(page) if not (page.parent / link).exists()] == []


def test_the_templates_readme_is_short_and_its_commands_exist() -> None:
    shared = ROOT / "{{cookiecutter.project_slug}}"
    known = targets(ROOT / "Makefile", shared / "Makefile", *shared.glob("overlays/*/*/*.mk"))
    for page in TEMPLATE:
        assert commands(page) <= known, page
    assert len((ROOT / "README.md").read_text().splitlines()) <= LINES["template"]


AWS = re.compile(r"AWS|SageMaker|Lambda|CloudFormation|ENV=(staging|prod)|`infra/|staging\.toml")


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("use_case", USE_CASES)
def test_a_projects_readme_is_short_and_its_links_and_commands_exist(
    use_case: str, cloud: str, tmp_path: Path
) -> None:
    project = bake(tmp_path, use_case=use_case, cloud=cloud).path
    known = targets(project / "Makefile", *project.glob("*.mk"))
    pages = [project / "README.md", *project.glob("docs/*.md"), *project.glob("data/*.md")]
    assert any(AWS.search(page.read_text()) for page in pages) == (cloud == "aws")
    library = (project / "vendor" / "smallboat" / "docs").glob("*.md") if cloud == "aws" else ()
    for page in [*pages, *library]:
        assert [link for link in links(page) if not (page.parent / link).exists()] == [], page
        assert commands(page) <= known, page
    assert len(pages[0].read_text().splitlines()) <= LINES["project"]


def test_each_claim_names_tests_that_exist() -> None:
    overlays = ROOT / "{{cookiecutter.project_slug}}"
    folders = [ROOT, overlays, *overlays.glob("overlays/*/*")]
    named = re.findall(r"`(tests/[^`]*)`", (ROOT / "docs" / "claims.md").read_text())
    assert len(named) > 50
    assert [name for name in named if not any((place / name).exists() for place in folders)] == []
