"""A made-up environment on the emulator: commands are run for it, and it is filled."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import templates
from clouds import ROOT
from smallboat.aws import image
from toy.problem import PROBLEM

PACKAGE = PROBLEM.package
ACCOUNT, REGION = templates.PARAMETERS["AWS::AccountId"], templates.PARAMETERS["AWS::Region"]
NAME_PREFIX, BUCKET = templates.PARAMETERS["NamePrefix"], templates.PARAMETERS["Bucket"]
MARKS = [{"Key": "project", "Value": "project"}, {"Key": "environment", "Value": "staging"}]


class Bootstrapped:
    """A folder with a configuration, from which commands are run against the emulator."""

    def __init__(self, folder: Path, cloud: Any) -> None:
        """Lay the project's own configuration there, with another name, region and repository."""
        self.folder, self.cloud = folder, cloud
        (folder / "config").mkdir()
        self.link("infra", "pyproject.toml")
        for environment in ("staging", "prod"):
            self.bring(environment)
            self.change(
                environment,
                account=ACCOUNT,
                github="org/repo",
                github_ids="11/22",
                alert_email="ops@example.org",
            )

    def bring(self, environment: str) -> None:
        """Lay a configuration of the project there, with another name and region."""
        text = (ROOT / "config" / f"{environment}.toml").read_text()
        self.configure(text, environment, name="project", aws_region=REGION)

    def link(self, *names: str) -> None:
        """Let the folder have parts of the project."""
        for name in names:
            (self.folder / name).symlink_to(ROOT / name)

    def configure(self, text: str, environment: str, **values: str) -> None:
        """Write a configuration with other values."""
        lines = text.splitlines()
        for key, value in values.items():
            found = [number for number, line in enumerate(lines) if line.startswith(f"{key} = ")]
            lines[found[0]] = f'{key} = "{value}"'
        (self.folder / "config" / f"{environment}.toml").write_text("\n".join(lines))

    def change(self, environment: str, **values: str) -> None:
        """Change values of a configuration."""
        file = self.folder / "config" / f"{environment}.toml"
        self.configure(file.read_text(), environment, **values)

    def run(
        self, *words: str, environment: str = "staging", role: str = "testing"
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the project as its Makefile does, by a person or by a role."""
        found = os.pathsep.join([self.cloud.environ["PYTHONPATH"], str(ROOT)])
        return subprocess.run(
            [sys.executable, "-m", "smallboat", *words, "--env", environment],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                **self.cloud.environ,
                "PYTHONPATH": found,
                "AWS_ACCESS_KEY_ID": role,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def push(self, environment: str) -> None:
        """Put today's image into a registry, as `make image` does."""
        kind = MANIFEST["mediaType"]
        self.client("ecr").put_image(
            repositoryName=f"project-{environment}-model",
            imageManifest=json.dumps({"schemaVersion": 2, "mediaType": kind}),
            imageManifestMediaType=kind,
            imageTag=image.content_hash(),
        )

    def client(self, service: str) -> Any:
        """A client of the region."""
        import boto3

        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.cloud.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


def serve(ground: Bootstrapped) -> None:
    """Make an endpoint, whose container does not start."""
    sagemaker = ground.client("sagemaker")
    role = f"arn:aws:iam::{ACCOUNT}:role/{NAME_PREFIX}-sagemaker"
    container = {"Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{NAME_PREFIX}-model:none"}
    variant = {
        "VariantName": "live",
        "ModelName": f"{NAME_PREFIX}-a",
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_model(
        ModelName=f"{NAME_PREFIX}-a", ExecutionRoleArn=role, PrimaryContainer=container, Tags=MARKS
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{NAME_PREFIX}-a",
        ProductionVariants=[{**variant, "InitialInstanceCount": 1, "InitialVariantWeight": 1}],
        Tags=MARKS,
    )
    sagemaker.create_endpoint(
        EndpointName=NAME_PREFIX, EndpointConfigName=f"{NAME_PREFIX}-a", Tags=MARKS
    )


def fill(ground: Bootstrapped) -> dict[str, str]:
    """Make one of each kind that deployments leave, by the kind's name."""
    sagemaker, s3 = ground.client("sagemaker"), ground.client("s3")
    # the emulator's CloudFormation does not: infra/foundation.yaml says it
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for key in ("store/runs/1/model.onnx", "releases/a/model.tar.gz", "releases/a/model.tar.gz"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=os.urandom(4))
    s3.delete_object(Bucket=BUCKET, Key="releases/a/model.tar.gz")
    serve(ground)
    sagemaker.create_model_package_group(ModelPackageGroupName=NAME_PREFIX, Tags=MARKS)
    package = sagemaker.create_model_package(
        ModelPackageGroupName=NAME_PREFIX, ModelPackageDescription="of run 1"
    )["ModelPackageArn"]
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{NAME_PREFIX}/variant/live",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling = ground.client("application-autoscaling")
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    for repository in (f"{NAME_PREFIX}-model", f"{NAME_PREFIX}-train"):
        image = ground.client("ecr").put_image(
            repositoryName=repository, imageTag="a", imageManifest=json.dumps(MANIFEST)
        )["image"]["imageId"]["imageDigest"]
    ground.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{NAME_PREFIX}-canary",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    ground.client("logs").create_log_group(logGroupName=f"/aws/sagemaker/Endpoints/{NAME_PREFIX}")
    ground.client("cloudformation").create_stack(
        StackName=f"{NAME_PREFIX}-api", TemplateBody=json.dumps(API), Tags=MARKS
    )
    machine = f"{templates.PARAMETERS['Project']}.prod.staging.TrainFlow"
    states = {"StartAt": "end", "States": {"end": {"Type": "Succeed"}}}
    ground.client("stepfunctions").create_state_machine(
        name=machine,
        definition=json.dumps(states),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/{NAME_PREFIX}-states",
    )
    ground.client("events").put_rule(Name=machine, ScheduleExpression="rate(7 days)")
    return {
        "state machine": machine,
        "API stack": f"{NAME_PREFIX}-api",
        "scaling target": target["ResourceId"],
        "endpoint": NAME_PREFIX,
        "endpoint configuration": f"{NAME_PREFIX}-a",
        "model": f"{NAME_PREFIX}-a",
        "registered model": package,
        "model registry group": NAME_PREFIX,
        "image": f"{NAME_PREFIX}-train@{image}",
        "compute stack": f"{NAME_PREFIX}-compute",
        "foundation stack": f"{NAME_PREFIX}-foundation",
        "alarm": f"{NAME_PREFIX}-canary",
        "log group": f"/aws/sagemaker/Endpoints/{NAME_PREFIX}",
        "secret": f"{NAME_PREFIX}/comet",
    }


MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"digest": f"sha256:{'0' * 64}", "size": 1, "mediaType": "application/json"},
    "layers": [],
}
API = {
    "Resources": {
        "Logs": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": f"/aws/lambda/{NAME_PREFIX}-api"},
        }
    }
}


def other_place(ground: Bootstrapped) -> Callable[[], bool]:
    """Make another environment whose name begins as ours; returns whether it is there."""
    sagemaker = ground.client("sagemaker")
    tags = [{"Key": "project", "Value": "project-staging"}, {"Key": "environment", "Value": "a"}]
    name = f"{NAME_PREFIX}-a-b"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/{NAME_PREFIX}-a-sagemaker",
        PrimaryContainer={"Image": "other"},
        Tags=tags,
    )

    def there() -> bool:
        with suppress(sagemaker.exceptions.ClientError):
            return bool(sagemaker.describe_model(ModelName=name))
        return False

    return there
