"""Container images: built by docker or buildah, pushed to a registry, copied to another."""

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import CloudError, UserError


@dataclass(frozen=True)
class Registry:
    """Where images are pushed to.

    Attributes:
        url: its address; only one on this machine may go without TLS.
        user: who signs in.
        password: with what; it must not stand in a command, which others can list.
    """

    url: str
    user: str
    password: str

    @property
    def host(self) -> str:
        """What the names of its images begin with."""
        return self.url.partition("://")[2].rstrip("/")

    @property
    def tls(self) -> str:
        """The value of buildah's and skopeo's `--tls-verify`."""
        return str(not self.url.startswith("http://127.0.0.1:")).lower()


def builder() -> str:
    """What builds images here; UserError if nothing does."""
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "info"], capture_output=True)
        if asked.returncode == 0:
            return "docker"
    if shutil.which("buildah"):
        return "buildah"
    raise UserError("images need a running Docker, or buildah (Debian and Ubuntu: apt-get install)")


def build(
    context: Path, dockerfile: Path, name: str, platform: str, arguments: Sequence[str]
) -> None:
    """Build an image, as Docker's own format, which is what SageMaker takes.

    Args:
        context: the folder that the image is made of.
        dockerfile: its path in that folder.
        name: `<repository>:<tag>`.
        platform: for which machines, as `linux/amd64`.
        arguments: the Dockerfile's own, as `NAME=value`.

    Raises:
        UserError: nothing here builds images, or the build failed.
    """
    tool = builder()
    if tool == "docker":
        # Attestations would make it an index of images, and OCI is this tool's other format.
        words = ["docker", "buildx", "build", "--provenance=false", "--output=type=docker"]
    else:
        words = ["buildah", "bud", "--format=docker"]
    words += [f"--build-arg={each}" for each in arguments]
    words += [f"--platform={platform}", f"--file={dockerfile}", f"--tag={name}", "."]
    if subprocess.run(words, cwd=context).returncode:
        raise UserError(f"{tool} could not build {dockerfile}: its messages stand above")


def push(name: str, registry: Registry, target: str) -> None:
    """Push a built image as `<repository>:<tag>` of a registry; CloudError if that fails."""
    to = f"{registry.host}/{target}"
    if builder() == "docker":
        login = ["docker", "login", f"--username={registry.user}", "--password-stdin", registry.url]
        _run(login, registry.password)
        _run(["docker", "tag", name, to])
        _run(["docker", "push", "--quiet", to])
        return
    with _signed_in(registry) as file:
        options = ["--quiet", f"--authfile={file}", f"--tls-verify={registry.tls}"]
        _run(["buildah", "push", *options, "--format=v2s2", name, f"docker://{to}"])


def copy(source: Registry, image: str, registry: Registry, target: str) -> None:
    """Copy `<repository>@<digest>` of a registry to another's `<repository>:<tag>`, byte for byte.

    Raises:
        UserError: skopeo is not there.
        CloudError: the registries refuse it.
    """
    if not shutil.which("skopeo"):
        raise UserError(
            "to copy an image by its digest needs skopeo (Debian and Ubuntu: apt-get install)"
        )
    with _signed_in(source, registry) as file:
        tls = [f"--src-tls-verify={source.tls}", f"--dest-tls-verify={registry.tls}"]
        options = ["--quiet", "--preserve-digests", f"--authfile={file}", *tls]
        ends = [f"docker://{source.host}/{image}", f"docker://{registry.host}/{target}"]
        _run(["skopeo", "copy", *options, *ends])


@contextmanager
def _signed_in(*registries: Registry) -> Iterator[str]:
    """A file of credentials that only we can read, for as long as it takes."""
    auths = {}
    for each in registries:
        login = f"{each.user}:{each.password}".encode()
        auths[each.host] = {"auth": base64.b64encode(login).decode()}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"auths": auths}, file)
        file.flush()
        yield file.name


def _run(words: list[str], message: str = "") -> None:
    done = subprocess.run(words, input=message, text=True, capture_output=True)
    if done.returncode:
        why = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
        raise CloudError(f"{words[0]} {words[1]} failed, repeat the command, it goes on: {why}")
