"""The images of an environment: named by content, built once, promoted from staging, and found.

An image's tag is the hash of all that goes into it, so that one that is there need not be made.
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
TAKEN = "application/vnd.docker.distribution.manifest.v2+json"
"""The one kind of manifest that SageMaker takes."""


@dataclass(frozen=True)
class Image:
    """An image of the project.

    Attributes:
        dockerfile: what it is built by; beside it the list of what goes into it.
        repository: where it lies in an environment.
        arguments: the Dockerfile's own, as `NAME=value`.
    """

    dockerfile: Path
    repository: Callable[[aws.Environment], str]
    arguments: tuple[str, ...] = ()

    @property
    def allowed(self) -> Path:
        """The Dockerfile's ignore file, which lets nothing through but what it names."""
        return self.dockerfile.with_name("Dockerfile.dockerignore")


MODEL = Image(Path("serving/model/Dockerfile"), lambda env: env.image_repository)
"""The model server."""
TRAIN = Image(
    Path("infra/train/Dockerfile"),
    lambda env: env.train_repository,
    (f"PYTHON={sys.version_info.major}.{sys.version_info.minor}",),
)
"""What remote steps run in: the project's packages, for the Python that the project runs on."""
LOCK = Path("uv.lock")
CACHE = Path(".cache")
VENDOR = Path("vendor/smallboat")
LIBRARY = Path(__file__).parents[2]
"""The folder that the library is imported from: VENDOR, or the environment's site-packages."""


def make(problem: Problem, environment: str) -> int:
    """See to it that an environment has today's images, and print their names."""
    settings = config.load(problem, environment)
    env = aws.Environment(settings)
    for image in (MODEL, TRAIN) if settings.remote else (MODEL,):
        _make(problem, env, image)
        print(f"image {current(env, image)}", flush=True)
    print(f"next: make deploy ENV={environment}")
    return 0


def current(env: aws.Environment, image: Image = MODEL) -> str:
    """The image of today's files in an environment, by its digest; UserError if it is not there."""
    digest, repository = _found(env, image, content_hash(image)), image.repository(env)
    if digest is None:
        these = " for ".join(("these files", *image.arguments))
        raise UserError(
            f"{repository} has no image of {these}: `make image ENV={env.aws.environment}`"
        )
    with aws.aws_errors():
        asked = {"repositoryNames": [repository]}
        (known,) = env.client("ecr").describe_repositories(**asked)["repositories"]
    return f"{known['repositoryUri']}@{digest}"


def content(image: Image = MODEL) -> dict[Path, Path]:
    """The files that go into an image: those that the Dockerfile's ignore file allows.

    Returns:
        By its sorted path in the build context where each file is. The library's are those of the
        environment if it is not in `vendor`; their paths in the image are the same.

    Raises:
        UserError: the versions of the training image's packages are not locked.
    """
    lines = image.allowed.read_text().splitlines()
    patterns = [line.removeprefix("!") for line in lines if line.startswith("!")]
    if LOCK.name in patterns and not LOCK.is_file():
        raise UserError(
            f"there is no {LOCK}, which says what {image.dockerfile} installs: "
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
    """Bring today's image into an environment's repository, if it is not there."""
    tag, target = content_hash(image), image.repository(env)
    name = f"{target}:{tag}"
    if _found(env, image, tag) is not None:
        print(f"nothing to do: {target} has the image of these files")
    elif (source := _on_staging(problem, env, image, tag)) is not None:
        digest, staged = _found(source, image, tag), image.repository(source)
        print(f"copying the image of {staged}, as it is", flush=True)
        containers.copy(_registry(source), f"{staged}@{digest}", _registry(env), name)
    else:
        with _context(image) as folder:
            containers.build(folder, image.dockerfile, name, PLATFORM, image.arguments)
        try:
            containers.push(name, _registry(env), name)
        except CloudError:
            if _found(env, image, tag) is None:  # else another machine was first
                raise


@contextmanager
def _context(image: Image) -> Iterator[Path]:
    """A folder that holds what goes into an image, and what builds it."""
    own = {file: file for file in (image.dockerfile, image.allowed)}
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        for name, file in {**own, **content(image)}.items():
            Path(folder, name.parent).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, Path(folder, name))
        yield Path(folder)


def _found(env: aws.Environment, image: Image, tag: str) -> str | None:
    """The digest of a tag in an environment's repository; None if it is not there."""
    client, repository = env.client("ecr"), image.repository(env)
    asked = {"repositoryName": repository, "imageIds": [{"imageTag": tag}]}
    with aws.aws_errors():
        try:
            (found,) = client.describe_images(**asked)["imageDetails"]
        except client.exceptions.ImageNotFoundException:
            return None
        except client.exceptions.RepositoryNotFoundException:
            environment = env.aws.environment
            raise UserError(
                f"there is no ECR repository {repository}: "
                f"`make bootstrap ENV={environment}` makes it"
            ) from None
    kind = found["imageManifestMediaType"]
    if kind != TAKEN:
        raise UserError(
            f"{repository}:{tag} is a {kind}, which SageMaker does not take: "
            "delete that image and make it with buildah"
        )
    return str(found["imageDigest"])


def _on_staging(
    problem: Problem, env: aws.Environment, image: Image, tag: str
) -> aws.Environment | None:
    """Staging, if it has the image and this is another environment of the same account."""
    if env.aws.environment == aws.STAGING or not Path("config", f"{aws.STAGING}.toml").is_file():
        return None
    source = aws.Environment(config.load(problem, aws.STAGING))
    if source.aws.account != env.aws.account or _found(source, image, tag) is None:
        return None
    return source


def _registry(env: aws.Environment) -> containers.Registry:
    with aws.aws_errors():
        (data,) = env.client("ecr").get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return containers.Registry(data["proxyEndpoint"], user, password)
