"""The library's tests run in a toy project, laid once for each process of the tests."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, chdir
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import forks
import hypothesis
import pandas as pd
import pytest
from botocore.loaders import create_loader
from hypothesis import HealthCheck
from smallboat import process_environment
from smallboat.config import config
from smallboat.store import store
from smallboat.training import splits
from smallboat.validation import preparation
from toy_project import lay

if TYPE_CHECKING:
    from clouds import Cloud

process_environment.clean(startup=True)

# How long an example takes depends on what else runs.
hypothesis.settings.register_profile(
    "shared", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared")

# What a shell starts with `&` ignores it, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

_FOLDER = tempfile.TemporaryDirectory(prefix="toy-", ignore_cleanup_errors=True)
TOY = lay(Path(_FOLDER.name).resolve())
KEPT = Path(__file__).resolve().parents[2] / ".cache" / "toy"
"""What toy projects would install anew each time."""
os.chdir(TOY)
sys.path.insert(0, str(TOY))
from toy.problem import PROBLEM  # noqa: E402, what was laid just now

_SESSION = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Start a fork server under the guard of the network; the processes of xdist inherit it."""
    if not hasattr(config, "workerinput"):
        guarded = os.environ | {"PYTHONPATH": str(Path(__file__).with_name("guard"))}
        os.environ |= _SESSION.enter_context(forks.shared(variables=guarded))


def pytest_unconfigure() -> None:
    """End it."""
    _SESSION.close()


@pytest.fixture(autouse=True)
def in_the_toy_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins in the toy project's folder."""
    monkeypatch.chdir(TOY)


@pytest.fixture(scope="session")
def settings() -> config.Settings:
    """The toy's settings of this machine."""
    return config.load(PROBLEM, "local")


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model store of its own for this session."""
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def snapshot(root: str, settings: config.Settings) -> str:
    """The sample, in the session's store."""
    return store.make_snapshot(PROBLEM, root, settings.data.model_dump())


@pytest.fixture(scope="session")
def frame(root: str, snapshot: str) -> pd.DataFrame:
    """The sample's feature table."""
    return preparation.engineer(PROBLEM, root, snapshot)[0]


@pytest.fixture(scope="session")
def parts(frame: pd.DataFrame, settings: config.Settings) -> splits.Split:
    """The sample, cut by time."""
    return splits.split(frame, settings.training.model_dump())


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """What boto3 reads of the services it reads once, and not for each session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", cache(create_loader))
        yield


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Cloud]":
    """The emulator; what AWS's clients would find on this machine is hidden."""
    from clouds import emulated

    with pytest.MonkeyPatch.context() as patch:
        # Else each process compiles anew what it imports.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        with emulated(tmp_path_factory.mktemp("cloud")) as started:
            yield started


@pytest.fixture(scope="session")
def locked() -> None:
    """The toy project's uv.lock, as `make setup` writes it."""
    from uv import find_uv_bin

    subprocess.run([find_uv_bin(), "lock", "--quiet"], cwd=TOY, check=True)


@pytest.fixture(scope="session")
def tools(locked: None) -> None:
    """What deploys the API, installed outside of the guard, and once for all toy projects."""
    from smallboat.cloud import lambda_zip, osls

    if shutil.which("npm") is None:
        pytest.skip("the API is deployed by osls, which needs npm")
    kept, code = KEPT / lambda_zip.CODE, TOY / lambda_zip.CODE
    for name in (kept, KEPT / lambda_zip.CACHE):
        name.mkdir(parents=True, exist_ok=True)
    with (KEPT / "installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for file in (code / name for name in (".npmrc", "package.json", "package-lock.json")):
            there = kept / file.name
            if not there.exists() or there.read_bytes() != file.read_bytes():
                shutil.copy(file, kept)
        with chdir(KEPT):
            osls.install()
        for name in (osls.TOOLS, lambda_zip.CACHE):
            (TOY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(TOY / name, ignore_errors=True)  # of a test that made it here
            (TOY / name).symlink_to(KEPT / name)
        os.utime(code / "package-lock.json", (0, 0))  # what is installed is no older
        with chdir(TOY):
            lambda_zip.contents()
