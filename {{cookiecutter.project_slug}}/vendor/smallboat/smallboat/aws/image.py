"""The images of an environment: built once, copied from staging to the others, and found by tag.

An image's tag is the hash of everything that goes into it: an image that is in ECR is not rebuilt.
What the workflow builds from main has `main-` before the hash, and is signed.
"""

import base64
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..config import config
from ..errors import CloudError, ReleaseError, UserError
from ..problem import Problem
from . import aws, containers, provenance

PLATFORM = "linux/amd64"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
"""The only media type of a manifest that SageMaker accepts."""
LOCK = Path("uv.lock")


@dataclass(frozen=True)
class Image:
    """An image of the project.

    Attributes:
        dockerfile: its ignore file, next to it, lists what goes into the image.
        repository: the ECR repository of an environment.
        arguments: the Dockerfile's build arguments, as `NAME=value`.
    """

    dockerfile: Path
    repository: Callable[[aws.Environment], str]
    arguments: tuple[str, ...] = ()

    @property
    def ignore_file(self) -> Path:
        """Excludes everything but the patterns that begin with `!`."""
        return self.dockerfile.with_name("Dockerfile.dockerignore")


MODEL = Image(Path("serving/model/Dockerfile"), lambda env: env.image_repository)
"""The model server."""
TRAIN = Image(
    Path("infra/train/Dockerfile"),
    lambda env: env.train_repository,
    (f"PYTHON={sys.version_info.major}.{sys.version_info.minor}",),
)
"""Runs remote steps: the project's packages, for the Python version that runs this."""
CACHE = Path(".cache")
VENDOR = Path("vendor/smallboat")
LIBRARY = Path(__file__).parents[2]
"""The folder that the library is imported from: VENDOR, or the environment's site-packages."""


def make(problem: Problem, environment: str, branch: str | None = None) -> int:
    """Put the images of the current files into an environment's repositories.

    A preview has the training image only, in a repository of all previews.
    """
    settings = config.load(problem, environment, branch)
    env = aws.Environment(settings)
    serving = () if settings.preview else (MODEL,)
    for image in (*serving, TRAIN) if settings.remote or branch else serving:
        _make(problem, env, image, preview=bool(branch))
        print(f"image {current(env, image)}", flush=True)
    command = f"flow-deploy BRANCH={branch}" if branch else "deploy"
    print(f"next: make {command} ENV={environment}")
    return 0


def current(env: aws.Environment, image: Image = MODEL) -> str:
    """The image of the current files, `<registry>/<repository>@<digest>`; UserError without it."""
    repository, (_, digest) = image.repository(env), _found(env, image)
    if digest is None:
        branch = f" BRANCH={env.tags['preview']}" if "preview" in env.tags else ""
        command = f"make image ENV={env.aws.environment}{branch}"
        raise UserError(f"{repository} has no image of {_files(image)}: `{command}`")
    return f"{env.aws.account}.dkr.ecr.{env.region}.amazonaws.com/{repository}@{digest}"


def check_origin(problem: Problem, env: aws.Environment, image: Image = MODEL) -> None:
    """ReleaseError unless a workflow built the current image from main, if `env` requires that."""
    if env.aws.released_by == "workflow":
        digest = current(env, image).partition("@")[2]
        _verify(_staging(problem, env), env, image, digest)


def content(image: Image = MODEL) -> dict[Path, Path]:
    """The files that go into an image: those that its ignore file allows.

    Returns:
        By its sorted path in the build context where each file is. The library's are those of the
        environment if it is not in `vendor`; their paths in the image are the same.

    Raises:
        UserError: there is no uv.lock, and the image needs it.
    """
    lines = image.ignore_file.read_text().splitlines()
    patterns = [line.removeprefix("!") for line in lines if line.startswith("!")]
    if LOCK.name in patterns and not LOCK.is_file():
        raise UserError(
            f"there is no {LOCK}, which pins what {image.dockerfile} installs: "
            "`make setup` writes it, commit it"
        )
    found: dict[Path, Path] = {}
    for pattern in patterns:
        inside = pattern.removeprefix(f"{VENDOR}/")
        if inside == pattern or VENDOR.is_dir():
            found |= {file: file for file in Path().glob(pattern)}
        else:
            found |= {VENDOR / file.relative_to(LIBRARY): file for file in LIBRARY.glob(inside)}
    return dict(sorted(found.items()))


def content_hash(image: Image = MODEL) -> str:
    """The first 16 hex digits of a SHA-256 over platform, arguments, Dockerfile and content."""
    digest = hashlib.sha256("\0".join((PLATFORM, *image.arguments)).encode())
    for name, file in {image.dockerfile: image.dockerfile, **content(image)}.items():
        digest.update(name.as_posix().encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _make(problem: Problem, env: aws.Environment, image: Image, preview: bool) -> None:
    """Copy the current image from staging, or build and push it, unless it is in ECR."""
    staging, own = _staging(problem, env), _found(env, image)[1]
    if staging is env and not preview and provenance.can_sign(env):
        _build_signed(env, image)
        return
    tag, digest = _found(staging, image) if staging and staging is not env else ("", None)
    if env.aws.released_by == "workflow" and staging is not env:
        _verify(staging, env, image, own or digest)
    if own:
        print(f"nothing to do: {image.repository(env)} has the image of these files")
    elif staging and digest:
        source, name = image.repository(staging), f"{image.repository(env)}:{tag}"
        print(f"copying the image of {source}, as it is", flush=True)
        containers.copy(_registry(staging), f"{source}@{digest}", _registry(env), name)
    else:
        try:
            _build(env, image, content_hash(image))
        except CloudError:
            if not _found(env, image)[1]:  # else another machine pushed it first
                raise


def _verify(
    staging: aws.Environment | None, env: aws.Environment, image: Image, digest: str | None
) -> None:
    """Check that a workflow built an image from main; ReleaseError if not."""
    if staging is None or digest is None:
        raise ReleaseError(
            f"{env.aws.environment} takes only images that a workflow built from main, and staging "
            f"has none of {_files(image)}: merge them to main and let the workflow Deploy run"
        )
    provenance.verify(staging, image.repository(staging), digest, _signed_tag(image))


def _build_signed(env: aws.Environment, image: Image) -> None:
    """Build the image in this job and sign it, unless an earlier job did; nothing else is signed.

    Raises:
        ReleaseError: a person pushed an image of that tag, or an earlier job was killed in between.
        CloudError: AWS refuses, or another job was first.
    """
    tag, repository = _signed_tag(image), image.repository(env)
    if digest := _digest(env, image, tag):
        provenance.verify(env, repository, digest, tag)
        print(f"nothing to do: {repository} has the signed image of these files")
        return
    _build(env, image, tag)
    digest = str(_digest(env, image, tag))
    provenance.sign(env, repository, digest, tag)
    print(f"signed {repository}@{digest}", flush=True)


def _build(env: aws.Environment, image: Image, tag: str) -> None:
    name = f"{image.repository(env)}:{tag}"
    with _context(image) as folder:
        containers.build(folder, image.dockerfile, name, PLATFORM, image.arguments)
    containers.push(name, _registry(env), name)


def _found(env: aws.Environment, image: Image) -> tuple[str, str | None]:
    """Tag and digest of the current image: the signed one, or else a person's; or no digest."""
    tags = _signed_tag(image), content_hash(image)
    found = ((tag, _digest(env, image, tag)) for tag in tags)
    return next((each for each in found if each[1]), (tags[1], None))


def _signed_tag(image: Image) -> str:
    return f"main-{content_hash(image)}"


def _files(image: Image) -> str:
    return " for ".join(("these files", *image.arguments))


@contextmanager
def _context(image: Image) -> Iterator[Path]:
    """A folder that holds what goes into an image, and what builds it."""
    own = {file: file for file in (image.dockerfile, image.ignore_file)}
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        for name, file in {**own, **content(image)}.items():
            Path(folder, name.parent).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, Path(folder, name))
        yield Path(folder)


def _digest(env: aws.Environment, image: Image, tag: str) -> str | None:
    """The digest of a tag in an environment's repository, or None."""
    client, repository = env.client("ecr"), image.repository(env)
    with aws.aws_errors("ImageNotFoundException"):
        asked = {"repositoryName": repository, "imageIds": [{"imageTag": tag}]}
        found = client.describe_images(registryId=env.aws.account, **asked)["imageDetails"][0]
        if found["imageManifestMediaType"] != MANIFEST:
            raise UserError(
                f"{repository}:{tag} is a {found['imageManifestMediaType']}, which SageMaker does "
                "not accept: delete that image and build it with buildah"
            )
        return str(found["imageDigest"])
    return None


def _staging(problem: Problem, env: aws.Environment) -> aws.Environment | None:
    """Staging, read with the credentials of this environment; None if the project has none."""
    if env.aws.environment == aws.STAGING:
        return env
    if not Path("config", f"{aws.STAGING}.toml").is_file():
        return None
    return aws.Environment(config.load(problem, aws.STAGING), reader=env)


def _registry(env: aws.Environment) -> containers.Registry:
    """The registry of an environment; the caller's token is valid in other accounts' as well."""
    with aws.aws_errors():
        (data,) = env.client("ecr").get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    url = data["proxyEndpoint"].replace(env.credentials_account, env.aws.account)
    return containers.Registry(url, user, password)
