"""A project's folder for `make image`, and buildah with a Dockerfile's base image."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import copies
import debian_base
import pytest
from clouds import ROOT
from packaging.utils import canonicalize_name
from smallboat.aws import image

ACCOUNT = "123456789012"  # moto's
LOCK = Path("serving", "model", "requirements.lock")


@dataclass
class Project:
    """A folder with what `make image` reads, and the environment of its processes."""

    folder: Path
    environ: dict[str, str]

    def make(self, environment: str, **environ: str) -> tuple[int, str]:
        """Exit code and output of `make image`."""
        words = [sys.executable, "-P", "-m", "smallboat", "image", "--env", environment]
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=os.environ | self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    def buildah(self, *words: str) -> str:
        """What buildah prints."""
        done = subprocess.run(
            ["buildah", *words],
            cwd=self.folder,
            env=os.environ | self.environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def copied(folder: Path) -> Path:
    """The image's files and the configurations, for the emulator's account."""
    configured = Path("config").glob("*")
    made = [
        [it.dockerfile, it.ignore_file, *image.content(it)] for it in (image.MODEL, image.TRAIN)
    ]
    for path in itertools.chain(*made, configured):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path)
    for file in (folder / "config").iterdir():
        text = re.sub(r'(?m)^account = ".*?"', f'account = "{ACCOUNT}"', file.read_text())
        file.write_text(text)
    return folder


MEMORY = Path("/dev/shm")
"""If it exists, buildah's gigabytes are kept in memory."""


@contextmanager
def with_buildah(
    folder: Path, environ: dict[str, str], wanted: image.Image = image.MODEL
) -> Iterator[Project]:
    """A project with buildah, whose storage is a folder, and without Docker.

    Skips the test where an image can't be built or Debian lacks its Python.
    """
    base = _base(wanted)
    python = ".".join(re.findall(r"\d+", base)[:2])
    missing = [it for it in ("buildah", "skopeo", "debootstrap") if not shutil.which(it)]
    if missing:
        pytest.skip(f"apt-get install {' '.join(missing)} to build the image")
    if os.geteuid() != 0:
        pytest.skip("only root can build the image without Docker")
    if python not in debian_base.SUITES:
        pytest.skip(f"no Debian has Python {python}")
    storage = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{storage}/graph"\nrunroot = "{storage}/run"\n'
    )
    (folder / "bin").mkdir()
    for tool in ("buildah", "skopeo"):
        (folder / "bin" / tool).symlink_to(str(shutil.which(tool)))
    variables = {
        "PYTHONPATH": os.pathsep.join([environ["PYTHONPATH"], *copies.paths(ROOT)]),
        "PATH": f"{folder / 'bin'}:/usr/sbin:/sbin",
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "STORAGE_DRIVER": "vfs",  # it mounts nothing that a killed test leaves
        "BUILDAH_ISOLATION": "chroot",
    }
    project = Project(copied(folder / "project"), environ | variables)
    # The commands import the whole package, the image holds a part of it.
    shutil.copytree(ROOT / "toy", project.folder / "toy", dirs_exist_ok=True)
    try:
        work = project.buildah("from", "scratch")
        project.buildah("add", "--quiet", work, str(debian_base.archive(python)), "/")
        project.buildah("commit", "--quiet", "--rm", work, f"docker.io/library/{base}")
        yield project
    finally:
        shutil.rmtree(storage)
        shutil.rmtree(folder)


def _base(wanted: image.Image) -> str:
    """What a Dockerfile builds on, as `python:3.13-slim-trixie`."""
    found = re.search(r"(?m)^ARG BASE=(\S+)", wanted.dockerfile.read_text())
    assert found
    given = dict(each.split("=") for each in wanted.arguments)
    return re.sub(r"\$\{(\w+)\}", lambda name: given[name[1]], found[1])


def locked() -> dict[str, str]:
    """Name → version of what the image installs."""
    lines = LOCK.read_text().splitlines()
    pins = [line.rstrip("\\ ").split("==") for line in lines if line[:1].isalnum()]
    return {canonicalize_name(name): version for name, version in pins}
