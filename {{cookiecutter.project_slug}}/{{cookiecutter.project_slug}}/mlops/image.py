"""The model server's image: named by its content, built once, promoted from staging, and found.

Its tag is the hash of all that goes into it, so that an image that is there need not be made.
"""

import argparse
import base64
import hashlib
from pathlib import Path

from ..errors import UserError
from . import aws, config, containers

DOCKERFILE = Path("serving/model/Dockerfile")
ALLOWED = Path("serving/model/Dockerfile.dockerignore")
PLATFORM = "linux/amd64"
TAKEN = "application/vnd.docker.distribution.manifest.v2+json"
"""The one kind of manifest that SageMaker takes."""


def make(options: argparse.Namespace) -> int:
    """See to it that an environment has today's image, and print its name."""
    place = aws.Place(config.load(options.env))
    tag = content_hash()
    if _found(place, tag) is not None:
        print("nothing to do: the image of these files is there")
    elif (source := _rehearsed(place, tag)) is not None:
        digest = _found(source, tag)
        image = f"{source.image_repository}@{digest}"
        print(f"copying the image of {source.image_repository}, as it is", flush=True)
        containers.copy(_registry(source), image, _registry(place), _name(place, tag))
    else:
        containers.build(DOCKERFILE, _name(place, tag), PLATFORM)
        containers.push(_name(place, tag), _registry(place), _name(place, tag))
    print(f"image {current(place)}")
    print(f"next: make deploy ENV={options.env}")
    return 0


def current(place: aws.Place) -> str:
    """The image of today's files in an environment, by its digest; UserError if it is not there."""
    digest = _found(place, content_hash())
    if digest is None:
        environment = place.aws.environment
        raise UserError(
            f"{place.image_repository} has no image of these files: `make image ENV={environment}`"
        )
    with aws.told():
        named = {"repositoryNames": [place.image_repository]}
        (repository,) = place.client("ecr").describe_repositories(**named)["repositories"]
    return f"{repository['repositoryUri']}@{digest}"


def content() -> list[Path]:
    """The files that go into the image, sorted: those that the Dockerfile's ignore file allows."""
    lines = ALLOWED.read_text().splitlines()
    patterns = [line.removeprefix("!") for line in lines if line.startswith("!")]
    return sorted({file for pattern in patterns for file in Path().glob(pattern)})


def content_hash() -> str:
    """The first 16 hex digits of a SHA-256 over the platform, the Dockerfile and the content."""
    digest = hashlib.sha256(PLATFORM.encode())
    for path in (DOCKERFILE, *content()):
        digest.update(path.as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _found(place: aws.Place, tag: str) -> str | None:
    """The digest of a tag in an environment's repository; None if it is not there."""
    client = place.client("ecr")
    asked = {"repositoryName": place.image_repository, "imageIds": [{"imageTag": tag}]}
    with aws.told():
        try:
            (image,) = client.describe_images(**asked)["imageDetails"]
        except client.exceptions.ImageNotFoundException:
            return None
        except client.exceptions.RepositoryNotFoundException:
            environment = place.aws.environment
            raise UserError(
                f"there is no ECR repository {place.image_repository}: "
                f"`make bootstrap ENV={environment}` makes it"
            ) from None
    kind = image["imageManifestMediaType"]
    if kind != TAKEN:
        raise UserError(
            f"{place.image_repository}:{tag} is a {kind}, which SageMaker does not take: "
            "delete that image and make it with buildah"
        )
    return str(image["imageDigest"])


def _rehearsed(place: aws.Place, tag: str) -> aws.Place | None:
    """Staging, if it has the image and this is another environment of the same account."""
    if (
        place.aws.environment == aws.REHEARSAL
        or not Path("config", f"{aws.REHEARSAL}.toml").is_file()
    ):
        return None
    source = aws.Place(config.load(aws.REHEARSAL))
    if source.aws.account != place.aws.account or _found(source, tag) is None:
        return None
    return source


def _name(place: aws.Place, tag: str) -> str:
    return f"{place.image_repository}:{tag}"


def _registry(place: aws.Place) -> containers.Registry:
    with aws.told():
        (data,) = place.client("ecr").get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return containers.Registry(data["proxyEndpoint"], user, password)
