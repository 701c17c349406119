"""Container images: built by docker or buildah, pushed to a registry, copied to another one."""

import base64
import json
import re
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
    """A registry and its credentials.

    Attributes:
        url: with scheme; only a registry on 127.0.0.1 may have `http`.
        user: the user's name.
        password: never part of a command line, which other users of the machine can list.
    """

    url: str
    user: str
    password: str

    @property
    def host(self) -> str:
        """The first part of its images' names."""
        return self.url.partition("://")[2].rstrip("/")

    @property
    def tls(self) -> str:
        """The value of `--tls-verify` for buildah and skopeo."""
        return str(not self.url.startswith("http://127.0.0.1:")).lower()


def builder() -> str:
    """The tool that builds images on this machine, `docker` or `buildah`; UserError without one."""
    if shutil.which("docker"):
        info = subprocess.run(["docker", "info"], capture_output=True)
        if info.returncode == 0:
            return "docker"
    if shutil.which("buildah"):
        return "buildah"
    raise UserError("images need a running Docker, or buildah (Debian and Ubuntu: apt-get install)")


def build(
    context: Path, dockerfile: Path, name: str, platform: str, arguments: Sequence[str]
) -> None:
    """Build an image in Docker's format, the one SageMaker accepts.

    Args:
        context: the folder with the files that go into the image.
        dockerfile: its path in that folder.
        name: `<repository>:<tag>`.
        platform: as `linux/amd64`.
        arguments: the Dockerfile's build arguments, as `NAME=value`.

    Raises:
        UserError: no tool builds images here, or the build failed.
    """
    tool = builder()
    if tool == "docker":
        # With attestations it would be an image index, and buildx would export it as OCI.
        command = ["docker", "buildx", "build", "--provenance=false", "--output=type=docker"]
    else:
        command = ["buildah", "bud", "--format=docker"]
    command += [f"--build-arg={argument}" for argument in arguments]
    command += [f"--platform={platform}", f"--file={dockerfile}", f"--tag={name}", "."]
    if subprocess.run(command, cwd=context).returncode:
        raise UserError(f"{tool} could not build {dockerfile}: see its messages above")


def push(name: str, registry: Registry, target: str) -> str:
    """Push a local image to a registry as `<repository>:<tag>`, and return the digest it has there.

    A tag asked for later may have been moved. CloudError if the push fails.
    """
    address = f"{registry.host}/{target}"
    if builder() == "docker":
        login = ["docker", "login", f"--username={registry.user}", "--password-stdin", registry.url]
        _run(login, registry.password)
        _run(["docker", "tag", name, address])
        return _digest(_run(["docker", "push", address]))
    with _auth_file(registry) as file, tempfile.NamedTemporaryFile("r") as digest:
        options = ["--quiet", f"--authfile={file}", f"--tls-verify={registry.tls}"]
        options += ["--format=v2s2", f"--digestfile={digest.name}"]
        _run(["buildah", "push", *options, name, f"docker://{address}"])
        return _digest(digest.read())


def copy(source: Registry, image: str, registry: Registry, target: str) -> None:
    """Copy `<repository>@<digest>` to another registry's `<repository>:<tag>`, byte for byte.

    Raises:
        UserError: skopeo is not installed.
        CloudError: a registry refuses.
    """
    if not shutil.which("skopeo"):
        raise UserError(
            "copying an image by its digest needs skopeo (Debian and Ubuntu: apt-get install)"
        )
    with _auth_file(source, registry) as file:
        options = ["--quiet", "--preserve-digests", f"--authfile={file}"]
        options += [f"--src-tls-verify={source.tls}", f"--dest-tls-verify={registry.tls}"]
        addresses = [f"docker://{source.host}/{image}", f"docker://{registry.host}/{target}"]
        _run(["skopeo", "copy", *options, *addresses])


@contextmanager
def _auth_file(*registries: Registry) -> Iterator[str]:
    """A temporary file with the registries' credentials that only this user can read."""
    auths = {}
    for registry in registries:
        login = f"{registry.user}:{registry.password}".encode()
        auths[registry.host] = {"auth": base64.b64encode(login).decode()}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"auths": auths}, file)
        file.flush()
        yield file.name


def _digest(output: str) -> str:
    """The digest in what `docker push` prints, or in buildah's file."""
    found = re.search(r"(?m)(?:^|: digest: )(sha256:[0-9a-f]{64})", output)
    assert found, output
    return found[1]


def _run(command: list[str], stdin: str = "") -> str:
    """What a command prints; CloudError with its last line if it fails."""
    done = subprocess.run(command, input=stdin, text=True, capture_output=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else "no message"
        raise CloudError(f"{command[0]} {command[1]} failed: {reason}; repeat the command")
    return done.stdout
