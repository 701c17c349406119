"""The library's tests run in a toy project, laid once for each process of the tests."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from smallboat import process_environment
from toy_project import lay

process_environment.clean(startup=True)

# How long an example takes depends on what else runs.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

# What a shell starts with `&` ignores it, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

_FOLDER = tempfile.TemporaryDirectory(prefix="toy-", ignore_cleanup_errors=True)
TOY = lay(Path(_FOLDER.name).resolve())
os.chdir(TOY)
sys.path.insert(0, str(TOY))


@pytest.fixture(autouse=True)
def in_the_toy_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins in the toy project's folder."""
    monkeypatch.chdir(TOY)
