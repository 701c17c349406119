"""An environment on the emulator: runs commands for it, and fills it with resources."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import copies
import templates
from clouds import ROOT
from smallboat.aws import image
from smallboat.cloud import lambda_zip
from smallboat.doctor.rows import Row
from toy.problem import PROBLEM

PACKAGE = PROBLEM.package
ACCOUNT, REGION = templates.PARAMETERS["AWS::AccountId"], templates.PARAMETERS["AWS::Region"]
NAME_PREFIX, BUCKET = templates.PARAMETERS["NamePrefix"], templates.PARAMETERS["Bucket"]
MARKS = [{"Key": "project", "Value": "project"}, {"Key": "environment", "Value": "staging"}]


class Bootstrapped:
    """A folder with a configuration, where commands run against the emulator."""

    def __init__(self, folder: Path, cloud: Any) -> None:
        """Write the project's configuration, with another name, region and repository."""
        self.folder, self.cloud = folder, cloud
        (folder / "config").mkdir()
        self.link("infra", "pyproject.toml")
        self.bring("base")
        self.change("base", name="project", aws_region=REGION)
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
        """Lay a file of the project's configuration there."""
        shutil.copy(ROOT / "config" / f"{environment}.toml", self.folder / "config")

    def link(self, *names: str) -> None:
        """Link parts of the project into the folder."""
        for name in names:
            (self.folder / name).symlink_to(ROOT / name)

    def link_packages(self) -> None:
        """Use the function's packages that are installed already."""
        packages = self.folder / lambda_zip.CACHE
        packages.parent.mkdir(parents=True)
        packages.symlink_to(ROOT / lambda_zip.CACHE)

    def change(self, environment: str, **values: str) -> None:
        """Change values that the file of an environment, or base.toml, has."""
        file = self.folder / "config" / f"{environment}.toml"
        lines = file.read_text().splitlines(keepends=True)
        for key, value in values.items():
            found = [number for number, line in enumerate(lines) if line.startswith(f"{key} = ")]
            lines[found[0]] = f'{key} = "{value}"\n'
        file.write_text("".join(lines))

    def configure(self, environment: str, text: str) -> None:
        """Add tables to the file of an environment."""
        with (self.folder / "config" / f"{environment}.toml").open("a") as file:
            file.write(f"\n{text}")

    def run(
        self, *words: str, environment: str = "staging", role: str = "testing"
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the project as its Makefile does, by a person or by a role."""
        return self._start(["-m", "smallboat", *words, "--env", environment], role)

    def doctor(self, environment: str = "staging") -> dict[str, Row]:
        """The rows of `make doctor` that the project's code makes, by name."""
        done = self._start(["-m", "smallboat.doctor.project", "--env", environment], "testing")
        assert done.returncode == 0, done.stderr
        return {each[0]: Row(*each) for each in json.loads(done.stdout.splitlines()[-1])}

    def python(self, code: str, role: str = "testing") -> subprocess.CompletedProcess[str]:
        """Run code in the project's folder."""
        return self._start(["-c", code], role)

    def _start(self, words: list[str], role: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([self.cloud.environ["PYTHONPATH"], *copies.paths(ROOT)])
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                **self.cloud.environ,
                "PYTHONPATH": path,
                "AWS_ACCESS_KEY_ID": role,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def push(self, environment: str) -> None:
        """Put the image of the current files into ECR, as `make image` does; prod's is signed."""
        kind = MANIFEST["mediaType"]
        signed = environment == "prod"
        tag = f"main-{image.content_hash()}" if signed else image.content_hash()
        put = self.client("ecr").put_image(
            repositoryName=f"project-{environment}-model",
            imageManifest=json.dumps({"schemaVersion": 2, "mediaType": kind}),
            imageManifestMediaType=kind,
            imageTag=tag,
        )
        if signed:
            self.sign(put["image"]["imageId"]["imageDigest"], tag)

    def sign(self, digest: str, tag: str, ref: str = "refs/heads/main") -> None:
        """Sign an image of staging's repository as the workflow does."""
        code = (
            f"import os; os.environ['GITHUB_REF'] = {ref!r}\n"
            "from smallboat.aws import aws, provenance\n"
            "from smallboat.config import config\n"
            f"from {PACKAGE}.problem import PROBLEM\n"
            "env = aws.Environment(config.load(PROBLEM, 'staging'))\n"
            f"provenance.sign(env, env.image_repository, {digest!r}, {tag!r})"
        )
        done = self.python(code, role=f"{NAME_PREFIX}-build")
        assert done.returncode == 0, done.stderr

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


def serve(environment: Bootstrapped) -> None:
    """Create an endpoint, whose container does not start."""
    sagemaker = environment.client("sagemaker")
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


def fill(environment: Bootstrapped) -> list[tuple[str, str]]:
    """Create what deployments and AWS's services leave; returns kind and name of all there is."""
    sagemaker, s3 = environment.client("sagemaker"), environment.client("s3")
    # infra/foundation.yaml enables it; the emulator's CloudFormation does not
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for key in ("store/runs/1/model.onnx", "releases/a/model.tar.gz", "releases/a/model.tar.gz"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=os.urandom(4))
    s3.delete_object(Bucket=BUCKET, Key="releases/a/model.tar.gz")
    serve(environment)
    sagemaker.create_model_package_group(ModelPackageGroupName=NAME_PREFIX, Tags=MARKS)
    sagemaker.create_model_package(
        ModelPackageGroupName=NAME_PREFIX, ModelPackageDescription="of run 1"
    )
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{NAME_PREFIX}/variant/live",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling = environment.client("application-autoscaling")
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    for repository in (f"{NAME_PREFIX}-model", f"{NAME_PREFIX}-train"):
        environment.client("ecr").put_image(
            repositoryName=repository, imageTag="a", imageManifest=json.dumps(MANIFEST)
        )
    alarm = f"TargetTracking-endpoint/{NAME_PREFIX}/variant/live-AlarmHigh-1"
    environment.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/SageMaker",
        MetricName="SageMakerVariantInvocationsPerInstance",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=3,
        Threshold=100,
        ComparisonOperator="GreaterThanThreshold",
    )
    logs = f"/aws/sagemaker/Endpoints/{NAME_PREFIX}"
    environment.client("logs").create_log_group(logGroupName=logs)
    environment.client("cloudformation").create_stack(
        StackName=f"{NAME_PREFIX}-api", TemplateBody=json.dumps(API), Tags=MARKS
    )
    machine = f"{templates.PARAMETERS['Project']}.prod.staging.TrainFlow"
    states = {"StartAt": "end", "States": {"end": {"Type": "Succeed"}}}
    environment.client("stepfunctions").create_state_machine(
        name=machine,
        definition=json.dumps(states),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/{NAME_PREFIX}-states",
    )
    environment.client("events").put_rule(Name=machine, ScheduleExpression="rate(7 days)")
    iam, policy = environment.client("iam"), f"arn:aws:iam::{ACCOUNT}:policy/{NAME_PREFIX}-deploy"
    iam.create_role(RoleName="person", AssumeRolePolicyDocument="{}")
    iam.attach_role_policy(RoleName="person", PolicyArn=policy)
    return [
        ("state machine", machine),
        ("scaling target", target["ResourceId"]),
        ("endpoint", NAME_PREFIX),
        ("endpoint configuration", f"{NAME_PREFIX}-a"),
        ("model", f"{NAME_PREFIX}-a"),
        ("attachment of a policy", f"{policy} at role person"),
        ("stack", f"{NAME_PREFIX}-api"),
        ("stack", f"{NAME_PREFIX}-budget"),
        ("stack", f"{NAME_PREFIX}-compute"),
        ("stack", f"{NAME_PREFIX}-foundation"),
        ("secret", f"{NAME_PREFIX}/comet"),
        ("alarm", alarm),
        ("log group", logs),
    ]


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


def other_environment(environment: Bootstrapped) -> Callable[[], bool]:
    """Create a model of an environment whose prefix begins with this one's; returns a check."""
    sagemaker = environment.client("sagemaker")
    tags = [{"Key": "project", "Value": "project-staging"}, {"Key": "environment", "Value": "a"}]
    name = f"{NAME_PREFIX}-a-b"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/{NAME_PREFIX}-a-sagemaker",
        PrimaryContainer={"Image": "other"},
        Tags=tags,
    )

    def exists() -> bool:
        with suppress(sagemaker.exceptions.ClientError):
            return bool(sagemaker.describe_model(ModelName=name))
        return False

    return exists
