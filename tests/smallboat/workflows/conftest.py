"""GitHub, for tests of what the workflows do."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_github import GitHub


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    """An empty repository on GitHub."""
    return GitHub(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def laptop() -> Iterator[None]:
    """Nothing of a workflow that runs these tests is taken for one of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "GITHUB_"))]:
            patch.delenv(name)
        yield
