"""AWS's managed policies, read once, and roles that are assumed by name.

Moto reads all policies at each reset, which takes seconds. An access key with the name of a role
counts as temporary credentials of that role; `ROLE@ACCOUNT` is one of another account.
"""

from copy import copy
from typing import Any

from moto.iam.models import IAMBackend, iam_backends
from moto.sts.models import STSBackend
from moto.sts.responses import TokenResponse

from .calls import SCOPE


def install() -> None:
    """Add it to moto."""
    _read_policies_once()
    _name_roles()


def _name_roles() -> None:
    original = STSBackend.get_caller_identity

    def identity(self: Any, key: str, region: str) -> tuple[str, str, str]:
        roles = iam_backends[self.account_id][self.partition].roles.values()
        name = key.partition("@")[0]
        if name in [role.name for role in roles]:
            arn = f"arn:{self.partition}:sts::{self.account_id}:assumed-role/{name}/session"
            return f"AROAIOSFODNN7EXAMPLE:{name}", arn, self.account_id
        return original(self, key, region)

    def key(self: Any) -> str:
        """Accept a role's name as a key: moto accepts twenty capitals only."""
        found = SCOPE.search(self.headers.get("Authorization", ""))
        return found["key"] if found else ""

    STSBackend.get_caller_identity = identity  # type: ignore[method-assign]
    TokenResponse.get_access_key = key  # type: ignore[method-assign]


def _read_policies_once() -> None:
    read, known = IAMBackend._init_aws_policies, dict[tuple[str, str], list[Any]]()

    def policies(self: Any) -> list[Any]:
        key = self.account_id, self.region_name
        if key not in known:
            known[key] = read(self)
        return [copy(each) for each in known[key]]

    backend: Any = IAMBackend
    backend._init_aws_policies = policies
