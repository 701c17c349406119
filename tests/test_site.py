"""The documentation site: built strictly and in time, no broken link, nothing fetched."""

import os
import re
import resource
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from conftest import BIN, ROOT

import site_pages

MOST_SECONDS = 30
SITE = ROOT / ".cache" / "site"


class Page(HTMLParser):
    """The ids of a page, what it links to, and what a browser loads for it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.ids.add(known.get("id", ""))
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        if tag in ("img", "script", "link") and known.get("rel") != "canonical":
            self.loaded.append(known.get("src") or known.get("href", ""))


def built(folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["make", "site"], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def seconds() -> float:
    """Build the site; the processor time that it takes, whatever else runs."""
    shutil.rmtree(SITE, ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = built(ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope="module")
def site(seconds: float) -> dict[Path, Page]:
    """Each page of the site."""
    return {file: Page(file) for file in SITE.rglob("*.html") if file.name != "404.html"}


def test_the_site_is_built_in_time(seconds: float) -> None:
    print(f"make site: {seconds:.1f} s of a processor")
    assert seconds < MOST_SECONDS


def test_every_link_leads_to_a_page_and_a_place_in_it(site: dict[Path, Page]) -> None:
    broken, checked = [], 0
    for file, page in site.items():
        for link in page.links:
            target, anchor = urldefrag(unquote(link))
            if "://" in target or target.startswith(("mailto:", "data:")):
                continue
            checked += 1
            there = (file.parent / target).resolve() if target else file
            there = there / "index.html" if there.is_dir() else there
            known = site[there].ids if there in site else {anchor} if there.exists() else set()
            if there in site or there.exists():
                known = {*known, ""}
            if anchor not in known:
                broken.append((str(file.relative_to(SITE)), link))
    assert broken == []
    assert checked > 1000


def test_links_to_the_repository_lead_to_files(site: dict[Path, Page]) -> None:
    start = "https://github.com/ORG/TEMPLATE/blob/main/"
    linked = {link for page in site.values() for link in page.links if link.startswith(start)}
    files = [urldefrag(unquote(link.removeprefix(start)))[0] for link in linked]
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_a_browser_loads_nothing_from_another_host(site: dict[Path, Page]) -> None:
    loaded = {target for page in site.values() for target in page.loaded}
    assert loaded and [target for target in loaded if "//" in target] == []
    styles = "".join(file.read_text() for file in SITE.rglob("*.css"))
    assert not re.search(r"url\([\"']?(https?:)?//", styles)


def test_all_pages_are_there_once(site: dict[Path, Page]) -> None:
    assert len(site) >= len(site_pages.PAGES) + len(site_pages.REFERENCE) + 15
    contract = (SITE / "reference" / "contract" / "index.html").read_text()
    assert "smallboat.contract.Features" in contract


BROKEN = [
    ("docs/options.md", "gone.md", "'gone.md'"),
    ("docs/options.md", "your-table.md#gone", "'#gone'"),
    ("README.md", "docs/away.md", "'docs/away.md'"),
    (f"{site_pages.PROJECT.name}/vendor/smallboat/docs/runs.md", "lost.md", "'lost.md'"),
]
"""Pages, each with a link that leads nowhere, and what is said about it."""


def test_a_broken_link_fails(tmp_path: Path) -> None:
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("docs", "tools", "benchmarks", site_pages.PROJECT.name):
        shutil.copytree(ROOT / name, tmp_path / name)
    for page, link, _ in BROKEN:
        with (tmp_path / page).open("a") as file:
            file.write(f"\n[broken]({link})\n")
    done = subprocess.run([BIN / "mkdocs", "build"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert [said for _, _, said in BROKEN if said not in done.stderr] == [], done.stderr
    assert f"Aborted with {len(BROKEN)} warnings in strict mode" in done.stdout
