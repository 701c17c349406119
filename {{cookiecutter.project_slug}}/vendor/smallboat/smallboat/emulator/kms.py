"""Keys that sign, in stacks: moto's CloudFormation creates only keys that encrypt."""

from typing import Any

from moto.kms.models import Key, kms_backends


def install() -> None:
    """Add it to moto."""
    kind: Any = Key
    create: Any = _create
    kind.create_from_cloudformation_json = classmethod(create)


def _create(
    cls: Any, /, name: str, resource: Any, account_id: str, region_name: str, **_: Any
) -> Key:
    given = resource["Properties"]
    return kms_backends[account_id][region_name].create_key(
        given["KeyPolicy"],
        given.get("KeyUsage", "ENCRYPT_DECRYPT"),
        given.get("KeySpec", "SYMMETRIC_DEFAULT"),
        given.get("Description"),
        given.get("Tags", []),
    )
