"""The emulated AWS, GitHub, and a repository whose workflows are carried out."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import fake_github
import pytest
from fake_github import GitHub

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "aws"))


@pytest.fixture
def github() -> Iterator[GitHub]:
    """GitHub's API, with an empty repository."""
    with fake_github.answering() as answering:
        yield answering


@pytest.fixture(scope="session", autouse=True)
def laptop() -> Iterator[None]:
    """Nothing of a workflow that runs these tests is taken for one of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "GITHUB_"))]:
            patch.delenv(name)
        yield
