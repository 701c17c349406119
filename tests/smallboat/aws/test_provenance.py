"""Prod takes only images that a workflow built from main: the signature, and who may make one."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bootstrapped import BUCKET, NAME_PREFIX, Bootstrapped
from clouds import Cloud
from smallboat.aws import image

REPOSITORY = f"{NAME_PREFIX}-model"
REFUSED = "error: prod takes only images that a workflow built from main"


class Signing(Bootstrapped):
    """Two environments, and images of staging."""

    def push_unsigned(self, tag: str) -> str:
        """Put an image into staging's repository, as a person can; returns its digest."""
        layers = [{"digest": tag}]  # moto makes an image's digest of those of its layers
        manifest = {"schemaVersion": 2, "mediaType": image.MANIFEST, "layers": layers}
        put = self.client("ecr").put_image(
            repositoryName=REPOSITORY,
            imageManifest=json.dumps(manifest),
            imageManifestMediaType=image.MANIFEST,
            imageTag=tag,
        )
        return str(put["image"]["imageId"]["imageDigest"])

    def statement(self, digest: str) -> dict[str, Any]:
        """The envelope of an image."""
        found = self.client("s3").get_object(Bucket=BUCKET, Key=place(digest))
        return dict(json.load(found["Body"]))

    def replace(self, digest: str, envelope: dict[str, Any]) -> None:
        """Put another envelope in its place."""
        content = json.dumps(envelope).encode()
        self.client("s3").put_object(Bucket=BUCKET, Key=place(digest), Body=content)

    def verify(self, digest: str, tag: str) -> str:
        """What prod's workflow is told of an image: nothing if it takes it."""
        code = (
            "from smallboat.aws import aws, provenance\n"
            "from smallboat.config import config\n"
            "from smallboat.errors import ReleaseError\n"
            "from toy.problem import PROBLEM\n"
            "prod = aws.Environment(config.load(PROBLEM, 'prod'))\n"
            "staging = aws.Environment(config.load(PROBLEM, 'staging'), reader=prod)\n"
            "try:\n"
            f"    provenance.verify(staging, staging.image_repository, {digest!r}, {tag!r})\n"
            "except ReleaseError as error:\n"
            "    print(error)"
        )
        done = self.python(code, role="project-prod-deploy")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def place(digest: str) -> str:
    return f"images/{digest.removeprefix('sha256:')}.json"


@pytest.fixture(scope="module")
def signing(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signing]:
    """Both environments."""
    cloud.reset()
    made = Signing(tmp_path_factory.mktemp("signing"), cloud)
    made.link("serving", "vendor", "toy", "uv.lock")
    for environment in ("staging", "prod"):
        done = made.run("bootstrap", environment=environment)
        assert done.returncode == 0, done.stderr
    yield made
    cloud.reset()


@pytest.fixture
def signed(signing: Signing, request: pytest.FixtureRequest) -> tuple[str, str]:
    """Digest and tag of a signed image."""
    tag = f"main-{abs(hash(request.node.name)):x}"
    digest = signing.push_unsigned(tag)
    signing.sign(digest, tag)
    return digest, tag


def test_what_was_built_from_main_is_taken(signing: Signing, signed: tuple[str, str]) -> None:
    assert signing.verify(*signed) == ""
    envelope = signing.statement(signed[0])
    stated = json.loads(base64.b64decode(envelope["payload"]))
    (subject,) = stated["subject"]
    assert subject == {"name": REPOSITORY, "digest": {"sha256": signed[0].partition(":")[2]}}
    assert (stated["_type"], stated["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    build = stated["predicate"]["buildDefinition"]["externalParameters"]
    assert (build["ref"], build["tag"]) == ("refs/heads/main", signed[1])


def test_cryptography_itself_agrees_with_the_signature(
    signing: Signing, signed: tuple[str, str]
) -> None:
    """The key of KMS, a library's ECDSA, and DSSE's encoding written down again."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    found = signing.client("kms").get_public_key(KeyId=f"alias/{NAME_PREFIX}-images")
    assert found["KeyUsage"] == "SIGN_VERIFY"
    key, envelope = load_der_public_key(found["PublicKey"]), signing.statement(signed[0])
    assert isinstance(key, ec.EllipticCurvePublicKey)
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    message = b"DSSEv1 " + b" ".join(
        [str(len(kind)).encode(), kind, str(len(payload)).encode(), payload]
    )
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    key.verify(signature, message, ec.ECDSA(SHA256()))


def test_an_image_without_a_signature_is_refused(signing: Signing) -> None:
    digest = signing.push_unsigned("main-0")
    told = signing.verify(digest, "main-0")
    assert told.startswith(REFUSED.removeprefix("error: "))
    assert "it has no signature. Merge the change to main and let the workflow Deploy" in told


@pytest.mark.parametrize("part", ["payload", "sig", "text"])
def test_an_altered_statement_is_refused(
    signing: Signing, signed: tuple[str, str], part: str
) -> None:
    envelope = signing.statement(signed[0])
    if part == "payload":
        stated = base64.b64decode(envelope["payload"]).replace(
            b"refs/heads/main", b"refs/heads/mine"
        )
        envelope["payload"] = base64.b64encode(stated).decode()
    elif part == "sig":
        other = signing.push_unsigned(f"{signed[1]}0")
        signing.sign(other, f"{signed[1]}0")
        envelope["signatures"] = signing.statement(other)["signatures"]
    else:
        envelope = {"payload": "?"}
    signing.replace(signed[0], envelope)
    reason = "its signature can't be read" if part == "text" else "is not of staging's key"
    assert reason in signing.verify(*signed)


def test_a_statement_about_another_image_is_refused(
    signing: Signing, signed: tuple[str, str]
) -> None:
    other = signing.push_unsigned(f"{signed[1]}1")
    signing.replace(other, signing.statement(signed[0]))
    assert "the signed statement is about" in signing.verify(other, signed[1])
    assert "the signed statement is about" in signing.verify(signed[0], "main-other")


def test_an_image_of_another_branch_is_refused(signing: Signing) -> None:
    digest = signing.push_unsigned("main-2")
    signing.sign(digest, "main-2", ref="refs/heads/mine")
    assert "it was built from refs/heads/mine, not from main" in signing.verify(digest, "main-2")


def test_a_statement_is_written_once(signing: Signing, signed: tuple[str, str]) -> None:
    before = signing.statement(signed[0])
    signing.sign(*signed)  # a repeated job: ECDSA gives another signature
    assert signing.statement(signed[0]) == before


def test_make_image_and_make_deploy_for_prod_refuse_what_is_not_signed(signing: Signing) -> None:
    """Before the copy, and again before the switch."""
    signing.push_unsigned(f"main-{image.content_hash()}")
    role = "project-prod-deploy"
    done = signing.run("image", environment="prod", role=role)
    assert (done.returncode, done.stderr.startswith(REFUSED)) == (4, True), done.stderr
    signing.client("ecr").put_image(
        repositoryName="project-prod-model",
        imageManifest=json.dumps({"schemaVersion": 2, "mediaType": image.MANIFEST}),
        imageManifestMediaType=image.MANIFEST,
        imageTag=f"main-{image.content_hash()}",
    )
    for words in (("image",), ("deploy", "--from", "staging", "--run", "1")):
        done = signing.run(*words, environment="prod", role=role)
        assert (done.returncode, "it has no signature" in done.stderr) == (4, True), done.stderr
    calls = [call for call in signing.cloud.calls() if call["operation"] == "UpdateEndpoint"]
    assert calls == []


def test_without_staging_prod_has_no_image_to_take(signing: Signing) -> None:
    file = Path(signing.folder, "config", "staging.toml")
    before = file.read_text()
    file.unlink()
    try:
        done = signing.run("image", environment="prod", role="project-prod-deploy")
    finally:
        file.write_text(before)
    assert done.returncode == 4
    assert "merge them to main and let the workflow Deploy run" in done.stderr
