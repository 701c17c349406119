"""AWS's own policies, read once: moto reads all of them at each reset, which takes seconds."""

from copy import copy
from typing import Any

from moto.iam.models import IAMBackend


def install() -> None:
    """Add it to moto."""
    read, known = IAMBackend._init_aws_policies, dict[tuple[str, str], list[Any]]()

    def policies(self: Any) -> list[Any]:
        place = self.account_id, self.region_name
        if place not in known:
            known[place] = read(self)
        return [copy(each) for each in known[place]]

    backend: Any = IAMBackend
    backend._init_aws_policies = policies
