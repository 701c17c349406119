"""An environment on the emulator, with what its API needs."""

from collections.abc import Iterator

import pytest
from clouds import GUARD, Cloud
from smallboat.aws.aws import Environment
from smallboat.config import config
from toy.problem import PROBLEM


@pytest.fixture(scope="module")
def settings() -> config.Settings:
    """Of staging, in a region that osls knows whatever the project's is."""
    found = config.load(PROBLEM, "staging")
    project = found.project.model_copy(update={"aws_region": "eu-west-1"})
    return found.model_copy(update={"project": project})


@pytest.fixture(scope="module")
def env(tools: None, cloud: Cloud, settings: config.Settings) -> Iterator[Environment]:
    """The environment: its bucket and the function's role."""
    cloud.reset()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environ.items():
            patch.setenv(name, value)
        patch.setenv("NODE_OPTIONS", f"--require {GUARD / 'loopback.cjs'}")
        found = Environment(settings)
        where = {"LocationConstraint": found.region}
        found.client("s3").create_bucket(Bucket=found.bucket, CreateBucketConfiguration=where)
        role = {"RoleName": found.api_role.partition("/")[2], "AssumeRolePolicyDocument": "{}"}
        found.client("iam").create_role(**role)
        yield found
    cloud.reset()
