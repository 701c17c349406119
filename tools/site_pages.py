"""A hook of mkdocs: the pages of the site that lie outside of docs/, and links that lead to them.

Every page has one source. The library's pages, the data's and the READMEs are read where they lie;
the API reference is made of docstrings. A relative link works in the repository as it stands. Here
it is turned into a link to the page, or to the file in the repository where no page has it.
"""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "{{cookiecutter.project_slug}}"
LIBRARY = PROJECT / "vendor" / "smallboat"
USE_CASES = PROJECT / "overlays" / "use_case"
PAGES = {
    "index.md": ROOT / "README.md",
    "contributing.md": ROOT / "CONTRIBUTING.md",
    "changelog.md": ROOT / "CHANGELOG.md",
    "library/README.md": LIBRARY / "README.md",
    "library/changelog.md": LIBRARY / "CHANGELOG.md",
    **{f"library/{page.name}": page for page in sorted(LIBRARY.glob("docs/*.md"))},
    **{f"data/{page.parts[-3]}.md": page for page in sorted(USE_CASES.glob("*/data/README.md"))},
    "data/warehouse.md": USE_CASES / "intent" / "docs" / "warehouse.md",
}
"""Where each page stands in the site, and its source."""

REFERENCE = {
    "contract": ("The contract", "contract"),
    "problem": ("A problem and its errors", "problem errors"),
    "checks": ("Checks of tables", "validation.checks"),
    "training": (
        "Training",
        "training.steps training.policy training.stages training.calibration training.encoders "
        "training.standardized_target",
    ),
    "evaluation": (
        "Evaluation",
        "evaluation.bootstrap evaluation.probabilities evaluation.regression evaluation.truth "
        "ranking",
    ),
    "table": (
        "Problems about a table",
        "table.schema table.data table.expectations table.features table.learning table.metrics "
        "table.requests table.answers",
    ),
    "store": ("Snapshots and runs", "store.store store.bundle store.runs integrity"),
    "tracking": ("Tracking", "tracking.tracking"),
    "data-files": (
        "Files and APIs as sources",
        "datafiles text_tables disk json_api rate_limit",
    ),
    "warehouse": (
        "Warehouse",
        "warehouse.connection warehouse.dbt warehouse.tables warehouse.files warehouse.times "
        "warehouse.account",
    ),
    "config": ("Configuration", "config.config"),
    "testing": ("The toy problem", "testing.toy.problem"),
}
"""For each page of the API reference its title, and the library's modules that it documents."""

LINK = re.compile(
    r"(?P<code>^```.*?^```|`[^`\n]+`)"
    r"|(?P<before>\]\(|\bsrc=\")<?(?P<target>[^)>\"#\s][^)>\"#]*)(?P<anchor>#[^)>\"]*)?>?(?=[)\"])",
    re.MULTILINE | re.DOTALL,
)


def reference(title: str, modules: str) -> str:
    """A page of the API reference, in Markdown for mkdocstrings."""
    return f"# {title}\n\n" + "\n".join(f"::: smallboat.{name}\n" for name in modules.split())


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not in docs/."""
    for uri, source in PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(source)))
    for name, (title, modules) in REFERENCE.items():
        page = reference(title, modules)
        files.append(File.generated(config, f"reference/{name}.md", content=page))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links that work in the repository into links that work in the site."""
    if page.file.abs_src_path is None:
        return markdown
    source = Path(page.file.abs_src_path)
    sites = {Path(file.abs_src_path): file.src_uri for file in files if file.abs_src_path}
    here = Path(page.file.src_uri).parent

    def site_link(found: re.Match[str]) -> str:
        target = found["target"] or ""
        if found["code"] or "://" in target or target.startswith("mailto:"):
            return found[0]
        file = (source.parent / unquote(target)).resolve()
        if file in sites:
            link = os.path.relpath(sites[file], here)
        elif file.exists() and file.is_relative_to(ROOT):
            link = f"{config.extra['repository']}/blob/main/{quote(str(file.relative_to(ROOT)))}"
        else:
            link = target  # which is broken, and mkdocs says so
        return f"{found['before']}{quote(link, safe='/:%')}{found['anchor'] or ''}"

    return LINK.sub(site_link, markdown)
