"""Metaflow reads its settings when it is imported: runs of these tests stay out of the project."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SYSROOT = tempfile.mkdtemp(prefix="metaflow-")
os.environ |= {"METAFLOW_USER": "test", "METAFLOW_DATASTORE_SYSROOT_LOCAL": SYSROOT}


@pytest.fixture(scope="session")
def sysroot() -> Iterator[Path]:
    """The folder that Metaflow keeps the runs of these tests in."""
    yield Path(SYSROOT)
    shutil.rmtree(SYSROOT)
