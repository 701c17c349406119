"""A project's folder for `make image`, and buildah with the base that its Dockerfile asks for."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import debian_base
from packaging.utils import canonicalize_name

from {{ cookiecutter.project_slug }}.mlops import image

ACCOUNT = "123456789012"  # moto's
LOCK = Path("serving", "model", "requirements.lock")


@dataclass
class Project:
    """A folder with what `make image` reads, and the environment of what runs there."""

    folder: Path
    environ: dict[str, str]

    def make(self, environment: str, **environ: str) -> tuple[int, str]:
        """Exit code and output of `make image`."""
        package = image.__name__.partition(".")[0]
        words = [sys.executable, "-P", "-m", package, "--env", environment, "image"]
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
            ["buildah", *words], env=os.environ | self.environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def copied(folder: Path) -> Path:
    """The image's files and the configurations, for the emulator's account."""
    for path in (image.DOCKERFILE, image.ALLOWED, *image.content(), *Path("config").glob("*")):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path)
    for file in (folder / "config").iterdir():
        text = re.sub(r'(?m)^account = ".*?"', f'account = "{ACCOUNT}"', file.read_text())
        file.write_text(text)
    return folder


@contextmanager
def with_buildah(folder: Path, environ: dict[str, str]) -> Iterator[Project]:
    """A project where buildah is, with its storage in the folder, and Docker is not."""
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    (folder / "bin").mkdir()
    for tool in ("buildah", "skopeo"):
        (folder / "bin" / tool).symlink_to(str(shutil.which(tool)))
    variables = {
        "PATH": f"{folder / 'bin'}:/usr/sbin:/sbin",
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "STORAGE_DRIVER": "vfs",
        "BUILDAH_ISOLATION": "chroot",
    }
    project = Project(copied(folder / "project"), environ | variables)
    base = re.search(r"(?m)^ARG BASE=(\S+)", image.DOCKERFILE.read_text())
    assert base
    work = project.buildah("from", "scratch")
    project.buildah("add", "--quiet", work, str(debian_base.archive()), "/")
    project.buildah("commit", "--quiet", "--rm", work, f"docker.io/library/{base[1]}")
    try:
        yield project
    finally:
        shutil.rmtree(folder)


def locked() -> dict[str, str]:
    """Name → version of what the image installs."""
    lines = LOCK.read_text().splitlines()
    pins = [line.rstrip("\\ ").split("==") for line in lines if line[:1].isalnum()]
    return {canonicalize_name(name): version for name, version in pins}
