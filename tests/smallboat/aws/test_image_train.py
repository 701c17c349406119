"""The training image: built, pushed, promoted, and used by the Batch commands of a flow."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from clouds import GUARD, ROOT
from image_project import Project, with_buildah
from packaging.utils import canonicalize_name
from smallboat.aws import aws, image
from smallboat.cloud.stacks import Stacks
from smallboat.config import config
from smallboat.training.fork_server import THREADS
from toy.problem import PROBLEM

PACKAGE = PROBLEM.package
pytestmark = [pytest.mark.nightly, pytest.mark.usefixtures("locked")]
USER = 10001
RUN = "by-hand"
BRANCH = "image"
HOME = "/home/step"
OF_BATCH = {
    "AWS_BATCH_JOB_ID": "first",
    "AWS_BATCH_JOB_ATTEMPT": "1",
    "AWS_BATCH_JQ_NAME": "queue",
    "AWS_BATCH_CE_NAME": "fargate",
    "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
}
"""What Batch tells its jobs."""
OF_THE_BASE = {"pip", "wheel", "setuptools"}
OWN = {"smallboat", "toy"}
"""What is installed from its folder: the lock has no version of it."""
MODELS = """
import sys
from toy import candidates
from toy.problem import PROBLEM
from smallboat.store import bundle
from smallboat.training import training
from smallboat.validation import preparation

frame = preparation.engineer(PROBLEM, *sys.argv[1:])[0]
for each in candidates.CANDIDATES:
    winner = {"candidate": each.name, "settings": each.grid[0]}
    made = training.refit(PROBLEM, winner, frame, seed=1)
    print(each.name, bundle.model_hash(made["onnx"], made["signature"]))
"""
INSTALLED = """
import json
from importlib.metadata import distributions
print(json.dumps({each.name: each.version for each in distributions()}))
"""


@pytest.fixture(scope="module")
def project(cloud: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two bootstrapped environments with remote steps, and a model server's image in each."""
    cloud.reset()
    with with_buildah(tmp_path_factory.mktemp("train"), cloud.environ, image.TRAIN) as started:
        for name in ("infra", "vendor", PACKAGE):
            shutil.copytree(name, started.folder / name, dirs_exist_ok=True)
        (started.folder / "flows").symlink_to(ROOT / "flows")
        for environment in ("staging", "prod"):
            file = started.folder / "config" / f"{environment}.toml"
            remote = "\n[steps.train_candidate]\nremote = true\n"
            unsigned = file.read_text().replace('"workflow"', '"anyone"')
            file.write_text(f"{unsigned}{remote}")
            command(started, "bootstrap", environment=environment)
            cloud.client("ecr").put_image(
                repositoryName=env(environment).image_repository,
                imageManifest=json.dumps({"schemaVersion": 2, "mediaType": image.MANIFEST}),
                imageManifestMediaType=image.MANIFEST,
                imageTag=image.content_hash(),
            )
        yield started
    cloud.reset()


def env(environment: str) -> aws.Environment:
    return aws.Environment(config.load(PROBLEM, environment))


def command(project: Project, *words: str, environment: str = "staging") -> str:
    """What a command of the project prints."""
    return _output(project, "-P", "-m", "smallboat", *words, "--env", environment)


def _output(project: Project, *words: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=project.folder,
        env=os.environ | project.environ | environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(project: Project) -> str:
    """The image's name by its digest, after `make image ENV=staging`."""
    code, output = project.make("staging")
    assert code == 0, output
    model, train = re.findall(r"(?m)^image (\S+@sha256:[0-9a-f]{64})$", output)
    assert f"/{env('staging').image_repository}@" in model
    assert f"/{env('staging').train_repository}@" in train
    return str(train)


@pytest.fixture(scope="module")
def container(project: Project, made: str, cloud: Any) -> str:
    """A container of the image that was pushed, by its id."""
    asked = [{"imageDigest": made.rpartition("@")[2]}]
    repository = env("staging").train_repository
    found = cloud.client("ecr").batch_get_image(repositoryName=repository, imageIds=asked)
    manifest = json.loads(found["images"][0]["imageManifest"])
    size = sum(layer["size"] for layer in manifest["layers"])
    print(f"{size / 1e6:.0f} MB to pull")
    assert size < 500e6
    return project.buildah("from", "--quiet", manifest["config"]["digest"].partition(":")[2])


def inside(project: Project, container: str, *words: str, **environ: str) -> str:
    """What a command prints in a container that finds the emulator, and nobody else."""
    found = {name: value for name, value in project.environ.items() if name.startswith("AWS_")}
    variables = {"PYTHONPATH": "/guard"} | found | environ
    given = [f"--env={name}={value}" for name, value in variables.items()]
    return project.buildah("run", f"--volume={GUARD}:/guard:ro", *given, container, "--", *words)


def test_prod_gets_the_very_image_of_staging(project: Project, made: str) -> None:
    code, output = project.make("prod")
    assert code == 0, output
    assert f"copying the image of {env('staging').train_repository}" in output
    assert output.count(made.rpartition("@")[2]) == 1


def test_it_holds_the_packages_of_the_lock_and_runs_as_nobody(
    project: Project, container: str
) -> None:
    installed = json.loads(inside(project, container, "python", "-c", INSTALLED))
    installed = {name: number for name, number in installed.items() if name not in OF_THE_BASE}
    lock = tomllib.loads((project.folder / image.LOCK).read_text())["package"]
    locked = {(canonicalize_name(each["name"]), each.get("version")) for each in lock}
    found = {(canonicalize_name(name), number) for name, number in installed.items()}
    assert {name for name, _ in found - locked} <= OWN
    assert {"metaflow", "uvicorn", "xgboost-cpu"} <= set(installed)
    assert not {"moto", "mypy", "pytest"} & set(installed)
    assert inside(project, container, "bash", "-c", "id -u; pwd; touch it && rm it") == (
        f"{USER}\n{HOME}"
    )


@pytest.fixture(scope="module")
def machine(project: Project, made: str, cloud: Any) -> dict[str, Any]:
    """The flow as a state machine: a job's command and variables by its step."""
    here = env("staging")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in project.environ.items():
            patch.setenv(name, value)
        stack = Stacks(here).describe(here.compute_stack) or {}
    outputs = {each["Description"]: each["OutputValue"] for each in stack["Outputs"]}
    settings = {name: value for name, value in outputs.items() if name.startswith("METAFLOW_")}
    settings |= {
        "AWS_DEFAULT_REGION": here.region,
        "METAFLOW_BATCH_CONTAINER_IMAGE": made,
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_S3_ENDPOINT_URL": cloud.url,
        "METAFLOW_TOKEN_HOME": str(project.folder),
        "METAFLOW_USER": "tester",
    }
    words = ["--no-pylint", "--datastore=s3", "--config", "config", "config/staging.toml"]
    words += ["--branch", BRANCH, "step-functions", "create"]
    _output(project, "flows/train.py", *words, **settings)
    states = cloud.client("stepfunctions")
    (found,) = states.list_state_machines()["stateMachines"]
    described = states.describe_state_machine(stateMachineArn=found["stateMachineArn"])
    return dict(json.loads(described["definition"])["States"])


def variables(state: dict[str, Any], **referred: str) -> dict[str, str]:
    """A job's variables, with those that Step Functions takes from the execution."""
    pairs = state["Parameters"]["ContainerOverrides"]["Environment"]
    fixed = {each["Name"]: each["Value"] for each in pairs if "Value" in each}
    assert {each["Name"] for each in pairs} - set(fixed) == set(referred)
    return fixed | referred


def test_a_steps_own_batch_command_runs_in_it_and_models_are_the_same(
    project: Project, container: str, made: str, machine: dict[str, Any], cloud: Any
) -> None:
    definitions = cloud.client("batch").describe_job_definitions()["jobDefinitions"]
    assert {each["containerProperties"]["image"] for each in definitions} == {made}
    snapshot = re.findall(r"snapshot ([0-9a-f]+)", command(project, "data"))[0]
    environ = variables(
        machine["start"],
        METAFLOW_PARAMETERS=json.dumps({"snapshot": snapshot}),
        METAFLOW_RUN_ID=RUN,
    )
    words = machine["start"]["Parameters"]["ContainerOverrides"]["Command"]
    inside(project, container, *words, **environ, **OF_BATCH)
    listed = cloud.client("s3").list_objects_v2(
        Bucket=env("staging").bucket, Prefix=f"metaflow/TrainFlow/sfn-{RUN}/start/first/"
    )
    names = {each["Key"].rpartition("/")[2] for each in listed["Contents"]}
    assert {"0.DONE.lock", "0.data.json", "0.task_stdout.log"} <= names
    job = f"{HOME}/metaflow"
    code = f"/guard:{job}/.mf_code"  # as the job has unpacked it
    data = ["-c", MODELS, config.load(PROBLEM, "staging").store.root, snapshot]
    region = {"AWS_DEFAULT_REGION": env("staging").region}
    begins = ("env", f"--chdir={job}", "python")
    there = inside(project, container, *begins, *data, **region, PYTHONPATH=code)
    assert there == _output(project, "-P", *data, **region, **dict.fromkeys(THREADS, "1")).strip()
    assert len(there.splitlines()) > 1
