"""A flow on Step Functions and Batch, as Metaflow itself deploys it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from clouds import Cloud

BUCKET = "emulator-batch"
FLOW = """
from importlib.util import find_spec

from metaflow import FlowSpec, current, retry, step

class SumFlow(FlowSpec):
    @step
    def start(self):
        self.numbers = [1, 2]
        self.next(self.square, foreach="numbers")

    @retry(times=1, minutes_between_retries=0)
    @step
    def square(self):
        if current.retry_count == 0:
            raise RuntimeError("the first attempt fails")
        self.squared = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(each.squared for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        print("the total is", self.total)
        print("the project is", find_spec("toy"))

if __name__ == "__main__":
    SumFlow()
"""


def test_a_flow_runs_on_step_functions_and_batch(cloud: Cloud, tmp_path: Path) -> None:
    cloud.reset()
    variables = cloud.environ | _base(cloud) | {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    (tmp_path / "sum_flow.py").write_text(FLOW)

    def flow(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "sum_flow.py", "--no-pylint", "--datastore=s3", *words],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    flow("--with", "batch:image=any", "step-functions", "create")
    flow("step-functions", "trigger")
    execution = _ended(cloud)
    assert execution["status"] == "SUCCEEDED", execution
    jobs = cloud.client("batch").list_jobs(jobQueue="queue", jobStatus="SUCCEEDED")
    assert len(jobs["jobSummaryList"]) == 5
    (log,) = [
        each["Key"]
        for each in cloud.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
        if "/end/" in each["Key"] and each["Key"].endswith("task_stdout.log")
    ]
    body = cloud.client("s3").get_object(Bucket=BUCKET, Key=log)["Body"].read()
    assert b"the total is 5" in body
    assert b"the project is None" in body  # a job has what Metaflow brings
    principals = {each["principal"] for each in cloud.calls() if each["service"] == "dynamodb"}
    assert "ecs" in principals
    cloud.reset()


def _base(cloud: Cloud) -> dict[str, str]:
    """What a flow needs on AWS; how Metaflow is told."""
    iam, batch, ec2 = (cloud.client(name) for name in ("iam", "batch", "ec2"))
    roles = {}
    for name in ("sfn", "ecs", "events", "execution", "batch"):
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        roles[name] = made["Role"]["Arn"]
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]][:1]
    groups = [each["GroupId"] for each in ec2.describe_security_groups()["SecurityGroups"]][:1]
    machines = {"type": "FARGATE", "maxvCpus": 4, "subnets": subnets, "securityGroupIds": groups}
    environment = batch.create_compute_environment(
        computeEnvironmentName="fargate",
        type="MANAGED",
        state="ENABLED",
        serviceRole=roles["batch"],
        computeResources=machines,
    )["computeEnvironmentArn"]
    queue = batch.create_job_queue(
        jobQueueName="queue",
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )["jobQueueArn"]
    cloud.client("dynamodb").create_table(
        TableName="metaflow",
        AttributeDefinitions=[{"AttributeName": "pathspec", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pathspec", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    cloud.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": cloud.region}
    )
    return {
        "AWS_DEFAULT_REGION": cloud.region,
        "METAFLOW_USER": "tester",
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{BUCKET}/metaflow",
        "METAFLOW_DATATOOLS_S3ROOT": f"s3://{BUCKET}/data",
        "METAFLOW_S3_ENDPOINT_URL": cloud.url,
        "METAFLOW_SFN_IAM_ROLE": roles["sfn"],
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": roles["events"],
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": roles["ecs"],
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": roles["execution"],
        "METAFLOW_BATCH_JOB_QUEUE": queue,
        "METAFLOW_SFN_DYNAMO_DB_TABLE": "metaflow",
    }


def _ended(cloud: Cloud) -> dict[str, Any]:
    """The one execution, once it has ended."""
    states = cloud.client("stepfunctions")
    (machine,) = states.list_state_machines()["stateMachines"]
    (execution,) = states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    end = time.monotonic() + 240
    while time.monotonic() < end:
        told: dict[str, Any] = states.describe_execution(executionArn=execution["executionArn"])
        if told["status"] != "RUNNING":
            return told
        time.sleep(0.2)
    raise AssertionError(json.dumps(told, default=str))
