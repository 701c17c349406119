"""A project whose runs are released on the emulated AWS, in the process of the tests."""

import hashlib
import json
from pathlib import Path
from typing import Any

from bundles import Runs
from clouds import Cloud
from smallboat.aws import aws
from smallboat.config import config, sections
from smallboat.release.release import Outcome, Releaser
from smallboat.release.targets.sagemaker import SageMakerTarget
from toy.problem import PROBLEM

RULES = sections.Release(
    margin=config.load(PROBLEM, "staging").release.margin, latency_ms=2000.0, keep=2
)
INSTANCES = {
    "type": "ml.m5.large",
    "least": 2,
    "most": 4,
    "requests_a_minute": 600,
    "capture_share": 0.25,
    "canary_percent": 10,
    "canary_seconds": 300,
}
READS = ("Get", "List", "Describe", "Head", "Invoke")


class Project:
    """The staging environment of a project.

    Attributes:
        cloud: the emulator.
        runs: its model store.
        values: config/staging.toml.
    """

    def __init__(self, cloud: Cloud, runs: Runs, values: dict[str, Any]) -> None:
        self.cloud, self.runs, self.values = cloud, runs, values
        self.image = ""

    @property
    def env(self) -> aws.Environment:
        return aws.Environment(config.check(self.values))

    def target(self, keep: int = RULES.keep) -> SageMakerTarget:
        return SageMakerTarget(self.env, self.image, keep)

    def bootstrap(self) -> None:
        """What `make bootstrap` and `make image` make, as far as a release needs it."""
        env = self.env
        s3 = self.cloud.client("s3")
        where = {"LocationConstraint": env.region}
        s3.create_bucket(Bucket=env.bucket, CreateBucketConfiguration=where)
        s3.put_bucket_versioning(Bucket=env.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.cloud.client("ecr").create_repository(repositoryName=env.image_repository)
        self.push("first")

    def push(self, content: str) -> str:
        """Put another image into the registry and use it."""
        env = self.env
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "layers": [{"digest": "sha256:" + hashlib.sha256(content.encode()).hexdigest()}],
        }
        pushed = self.cloud.client("ecr").put_image(
            repositoryName=env.image_repository,
            imageManifest=json.dumps(manifest),
            imageTag=content,
        )
        digest = pushed["image"]["imageId"]["imageDigest"]
        host = f"{env.aws.account}.dkr.ecr.{env.region}.amazonaws.com"
        self.image = f"{host}/{env.image_repository}@{digest}"
        return str(digest)

    def use_instances(self, **changed: Any) -> None:
        self.values["aws"].pop("serverless", None)
        self.values["aws"]["instances"] = INSTANCES | changed

    def deploy(self, keep: int = RULES.keep) -> Outcome:
        return Releaser(PROBLEM, self.target(keep), RULES).deploy(self.runs.root)

    def roll_back(self) -> Outcome:
        return Releaser(PROBLEM, self.target(), RULES).roll_back()

    def served(self) -> tuple[str, str]:
        """The runs of the model and of the features that the endpoint itself says it serves."""
        target = self.target()
        with target.live_server() as ask:
            facts = ask({"describe": True})["release"]
        assert target.current() == facts
        return facts["run"], facts["features_run"]

    def endpoint(self) -> dict[str, Any]:
        described: dict[str, Any] = self.cloud.client("sagemaker").describe_endpoint(
            EndpointName=self.env.endpoint
        )
        return described

    def names(self) -> tuple[set[str], set[str]]:
        """Of the models and of the configurations there are."""
        client = self.cloud.client("sagemaker")
        return (
            {each["ModelName"] for each in client.list_models()["Models"]},
            {
                each["EndpointConfigName"]
                for each in client.list_endpoint_configs()["EndpointConfigs"]
            },
        )

    def archives(self) -> set[str]:
        """The keys of the archives in the bucket, of old versions too."""
        found = self.cloud.client("s3").list_object_versions(
            Bucket=self.env.bucket, Prefix="releases/"
        )
        return {
            each["Key"]
            for each in found.get("Versions", [])
            if each["Key"].endswith("model.tar.gz")
        }

    def history(self) -> list[dict[str, Any]]:
        return self.target().history()

    def changes(self) -> list[dict[str, Any]]:
        """The calls since `forget` that change something; not of who deploys."""
        return [
            call
            for call in self.cloud.calls()
            if not call["operation"].startswith(READS)
            and call["parameters"].get("Key") != "endpoint/deploying.json"
        ]

    def made(self) -> list[str]:
        """Those calls by service and operation."""
        return [f"{call['service']}:{call['operation']}" for call in self.changes()]


def values() -> dict[str, Any]:
    """config/staging.toml, for an endpoint that is near."""
    values = config.parse(PROBLEM, Path("config", "staging.toml").read_text())
    values["aws"]["network_overhead_ms"] = 0.0
    return values


def read(url: str, cloud: Cloud) -> bytes:
    """An object of S3."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    content: bytes = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content
