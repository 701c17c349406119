"""A browser that shows reports."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import visit


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for all tests."""
    with visit.browser() as started:
        yield started


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Any:
    """Opens a page's HTML."""

    def show(html: str) -> None:
        (tmp_path / "page.html").write_text(html)
        browser.get((tmp_path / "page.html").as_uri())

    return show
