"""Placeholders for images, which `make cloud-local` has for every tag."""

import pytest
from moto.ecr.models import ecr_backends
from smallboat.emulator import registry

REGION = "eu-west-1"


@pytest.mark.parametrize("account", ["123456789012", "210987654321"])
def test_a_placeholder_is_in_the_account_that_is_asked(account: str) -> None:
    backend = ecr_backends[account][REGION]
    backend.create_repository("project-prod-model", None, "", {}, "MUTABLE", [], None)
    registry.hold(account, "project-prod-model", "0123")
    registry.hold(account, "project-prod-model", "0123")
    registry.hold(account, "there-is-none", "0123")
    found = [each.image_tag for each in backend.repositories["project-prod-model"].images]
    assert found == ["0123"]
    backend.reset()
