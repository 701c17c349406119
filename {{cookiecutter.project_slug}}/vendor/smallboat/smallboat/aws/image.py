"""The images of an environment: built once, copied from staging to the others, and found by tag.

An image's tag is the hash of everything that goes into it: an image that is in ECR is not rebuilt.
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
from ..errors import CloudError, UserError
from ..problem import Problem
from . import aws, containers

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


def make(problem: Problem, environment: str) -> int:
    """Put the images of the current files into an environment's repositories."""
    settings = config.load(problem, environment)
    env = aws.Environment(settings)
    for image in (MODEL, TRAIN) if settings.remote else (MODEL,):
        _make(problem, env, image)
        print(f"image {current(env, image)}", flush=True)
    print(f"next: make deploy ENV={environment}")
    return 0


def current(env: aws.Environment, image: Image = MODEL) -> str:
    """The image of the current files, `<registry>/<repository>@<digest>`; UserError without it."""
    digest, repository = _digest(env, image, content_hash(image)), image.repository(env)
    if digest is None:
        files = " for ".join(("these files", *image.arguments))
        raise UserError(
            f"{repository} has no image of {files}: `make image ENV={env.aws.environment}`"
        )
    return f"{env.aws.account}.dkr.ecr.{env.region}.amazonaws.com/{repository}@{digest}"


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


def _make(problem: Problem, env: aws.Environment, image: Image) -> None:
    """Copy the current image from staging, or build and push it, unless it is in ECR."""
    tag, repository = content_hash(image), image.repository(env)
    name = f"{repository}:{tag}"
    staging = _staging(problem, env)
    if _digest(env, image, tag):
        print(f"nothing to do: {repository} has the image of these files")
    elif staging and (digest := _digest(staging, image, tag)):
        source = image.repository(staging)
        print(f"copying the image of {source}, as it is", flush=True)
        containers.copy(_registry(staging), f"{source}@{digest}", _registry(env), name)
    else:
        with _context(image) as folder:
            containers.build(folder, image.dockerfile, name, PLATFORM, image.arguments)
        try:
            containers.push(name, _registry(env), name)
        except CloudError:
            if not _digest(env, image, tag):  # else another machine pushed it first
                raise


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
        (found,) = client.describe_images(**asked)["imageDetails"]
        if found["imageManifestMediaType"] != MANIFEST:
            raise UserError(
                f"{repository}:{tag} is a {found['imageManifestMediaType']}, which SageMaker does "
                "not accept: delete that image and build it with buildah"
            )
        return str(found["imageDigest"])
    return None


def _staging(problem: Problem, env: aws.Environment) -> aws.Environment | None:
    """Staging, if this is another environment of the same account."""
    if env.aws.environment == aws.STAGING or not Path("config", f"{aws.STAGING}.toml").is_file():
        return None
    staging = aws.Environment(config.load(problem, aws.STAGING))
    return staging if staging.aws.account == env.aws.account else None


def _registry(env: aws.Environment) -> containers.Registry:
    with aws.aws_errors():
        (data,) = env.client("ecr").get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return containers.Registry(data["proxyEndpoint"], user, password)
