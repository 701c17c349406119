"""Which images a workflow built from main: a statement about each one, signed with staging's key.

The statement is in-toto's, with SLSA's provenance, in a DSSE envelope. It is in staging's bucket
under the image's digest. Only the role that GitHub's jobs on main assume can sign; a person's image
has no statement.
"""

import base64
import json
import os
from typing import Any

from ..errors import ReleaseError
from . import aws
from .buckets import Bucket, ChangedError

TYPE = "application/vnd.in-toto+json"
ALGORITHM = "ECDSA_SHA_256"
MAIN = "refs/heads/main"


def can_sign(env: aws.Environment) -> bool:
    """Whether these credentials are of the role that builds from main."""
    role = env.role("build").rpartition("/")[2]
    with aws.aws_errors():
        identity = str(env.client("sts").get_caller_identity()["Arn"])
    return f":assumed-role/{role}/" in identity


def sign(env: aws.Environment, repository: str, digest: str, tag: str) -> None:
    """State that this job built an image, and sign that; CloudError if AWS refuses."""
    payload = json.dumps(_statement(repository, digest, tag)).encode()
    with aws.aws_errors():
        signed = env.client("kms").sign(
            KeyId=_key(env), Message=_encoded(payload), SigningAlgorithm=ALGORITHM
        )
    signatures = [{"keyid": signed["KeyId"], "sig": _text(signed["Signature"])}]
    envelope = {"payloadType": TYPE, "payload": _text(payload), "signatures": signatures}
    try:
        Bucket(env).write(_place(digest), json.dumps(envelope, indent=2).encode())
    except ChangedError:  # another job built the same image and was first
        verify(env, repository, digest, tag)


def verify(staging: aws.Environment, repository: str, digest: str, tag: str) -> None:
    """Check that a workflow built an image from main, of files with that hash.

    Args:
        staging: the environment that signs.
        repository: staging's, in which the image is.
        digest: of the image, `sha256:...`.
        tag: of the image.

    Raises:
        ReleaseError: there is no statement, its signature is wrong, or it says something else.
        CloudError: AWS refuses.
    """
    envelope = Bucket(staging).read(_place(digest))
    if envelope is None:
        raise _refused(repository, digest, "it has no signature")
    try:
        content = json.loads(envelope.content)
        payload = base64.b64decode(content["payload"], validate=True)
        signature = base64.b64decode(content["signatures"][0]["sig"], validate=True)
    except (ValueError, LookupError, TypeError):
        raise _refused(repository, digest, "its signature can't be read") from None
    if not _is_valid(staging, payload, signature):
        raise _refused(repository, digest, "its signature is not of staging's key")
    stated, wanted = json.loads(payload), _statement(repository, digest, tag)
    given, ref = (
        each["predicate"]["buildDefinition"]["externalParameters"] for each in (stated, wanted)
    )
    if stated["subject"] != wanted["subject"] or given["tag"] != ref["tag"]:
        raise _refused(repository, digest, f"the signed statement is about {stated['subject']}")
    if given["ref"] != MAIN:
        raise _refused(repository, digest, f"it was built from {given['ref']}, not from main")


def _is_valid(staging: aws.Environment, payload: bytes, signature: bytes) -> bool:
    with aws.aws_errors("KMSInvalidSignatureException"):
        return bool(
            staging.client("kms").verify(
                KeyId=_key(staging),
                Message=_encoded(payload),
                Signature=signature,
                SigningAlgorithm=ALGORITHM,
            )["SignatureValid"]
        )
    return False


def _statement(repository: str, digest: str, tag: str) -> dict[str, Any]:
    given = {name.lower(): os.environ.get(f"GITHUB_{name}", "") for name in ("REPOSITORY", "REF")}
    commit, run = (os.environ.get(f"GITHUB_{name}", "") for name in ("SHA", "RUN_ID"))
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": repository, "digest": {"sha256": digest.partition(":")[2]}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://github.com/actions",
                "externalParameters": given | {"tag": tag},
                "resolvedDependencies": [{"digest": {"gitCommit": commit}}],
            },
            "runDetails": {
                "builder": {"id": os.environ.get("GITHUB_WORKFLOW_REF", "")},
                "metadata": {"invocationId": run},
            },
        },
    }


def _refused(repository: str, digest: str, reason: str) -> ReleaseError:
    return ReleaseError(
        f"prod takes only images that a workflow built from main: {repository}@{digest} is "
        f"refused, {reason}. Merge the change to main and let the workflow Deploy build and "
        "release it; if a job of that was killed, delete the image and start it again"
    )


def _key(env: aws.Environment) -> str:
    return env.arn("kms", f"alias/{env.name_prefix}-images")


def _place(digest: str) -> str:
    return f"images/{digest.partition(':')[2]}.json"


def _encoded(payload: bytes) -> bytes:
    """What DSSE signs: its pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(payload), payload)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
