"""The model server's image: built, pushed, promoted, and run as it lies in the registry."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bundles
import pytest
import requests
from container import Container
from image_project import ACCOUNT, Project, locked, with_buildah
from smallboat.aws import aws, containers, image
from smallboat.config import config
from smallboat.errors import CloudError
from smallboat.release import smoke_tests
from smallboat.serving import servers
from smallboat.store import release_bundle
from toy.problem import PROBLEM

pytestmark = [pytest.mark.nightly, pytest.mark.usefixtures("locked")]
UNKNOWN = 4242
"""A user whom the image does not know."""
MIB = 2**20
MOUNTED = ("dev", "etc", "marker", "opt", "proc", "run", "sys", "tmp")
NOT_LEFT = ("pip", "pip3", "gcc", "cc", "g++", "clang", "ld", "make", "git", "curl", "wget")


def repository(environment: str) -> str:
    return aws.Environment(config.load(PROBLEM, environment)).image_repository


def named(output: str) -> str:
    """The image that `make image` prints."""
    found = re.search(r"(?m)^image (\S+@sha256:[0-9a-f]{64})$", output)
    assert found, output
    return found[1]


@pytest.fixture(scope="module")
def project(cloud: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with staging's bucket and key, and both environments' repositories, all empty."""
    cloud.reset()
    for environment in ("staging", "prod"):
        cloud.client("ecr").create_repository(repositoryName=repository(environment))
    name = repository("staging").removesuffix("-model")
    place = {"LocationConstraint": cloud.client("s3").meta.region_name}
    cloud.client("s3").create_bucket(Bucket=f"{name}-{ACCOUNT}", CreateBucketConfiguration=place)
    role, kms = repository("staging").replace("-model", "-build"), cloud.client("kms")
    cloud.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=f"alias/{name}-images", TargetKeyId=key)
    with with_buildah(tmp_path_factory.mktemp("image"), cloud.environ) as started:
        package = PROBLEM.package
        shutil.copytree(package, started.folder / package, dirs_exist_ok=True)
        yield started
    cloud.reset()


@pytest.fixture(scope="module")
def made(project: Project) -> str:
    """The image's name by its digest, after a workflow's `make image ENV=staging` on main."""
    role = repository("staging").replace("-model", "-build")
    github = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"}
    code, output = project.make("staging", AWS_ACCESS_KEY_ID=role, **github)
    assert code == 0, output
    assert f"signed {repository('staging')}@{named(output).rpartition('@')[2]}" in output
    return named(output)


def test_what_is_there_is_not_made_again(project: Project, made: str) -> None:
    code, output = project.make("staging", PATH="/nowhere")
    assert code == 0, output
    assert output.startswith("nothing to do")
    assert named(output) == made


def test_prod_gets_the_very_image_of_staging(project: Project, made: str, cloud: Any) -> None:
    code, output = project.make("prod")
    assert code == 0, output
    assert output.startswith(f"copying the image of {repository('staging')}")
    env, _, digest = named(output).rpartition("@")
    assert env.endswith(f"/{repository('prod')}")
    assert digest == made.rpartition("@")[2]
    manifests = {
        cloud.client("ecr").batch_get_image(
            repositoryName=repository(environment), imageIds=[{"imageDigest": digest}]
        )["images"][0]["imageManifest"]
        for environment in ("staging", "prod")
    }
    assert len(manifests) == 1
    assert json.loads(manifests.pop())["mediaType"] == image.MANIFEST


def test_a_push_reports_the_digest_and_a_registry_that_refuses_is_a_sentence(
    project: Project, made: str, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in project.environ.items():
        monkeypatch.setenv(name, value)
    local = f"{repository('staging')}:main-{image.content_hash()}"
    target = f"{repository('staging')}:x"
    registry = containers.Registry(cloud.url, "AWS", f"{ACCOUNT}-auth-token")
    assert containers.push(local, registry, target) == made.rpartition("@")[2]
    registry = containers.Registry(cloud.url, "AWS", "wrong")
    with pytest.raises(CloudError, match=r"^buildah push failed: .*authentication required"):
        containers.push(local, registry, target)


def pulled(project: Project, cloud: Any, made: str) -> str:
    """The name of a container of what lies in the registry by that digest."""
    digest = made.rpartition("@")[2]
    host = cloud.url.removeprefix("http://")
    login = [f"--creds=AWS:{ACCOUNT}-auth-token", "--tls-verify=false"]
    source = f"docker://{host}/{repository('staging')}@{digest}"
    return project.buildah("from", "--quiet", *login, source)


@pytest.fixture(scope="module")
def container(project: Project, made: str, cloud: Any) -> Container:
    """What lies in the registry by that digest."""
    name = pulled(project, cloud, made)
    settings = json.loads(project.buildah("inspect", name))["Docker"]["config"]
    assert settings["User"] == "root"  # SageMaker's contract
    assert list(settings["ExposedPorts"]) == ["8080/tcp"]
    assert settings["Cmd"] == ["serve"]
    assert "MODEL_HOST=0.0.0.0" in settings["Env"]
    root = Path(project.buildah("mount", name))
    return Container(project, name, root, settings["Entrypoint"])


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release's folder."""
    runs = bundles.empty(tmp_path_factory.mktemp("runs"))
    model = release_bundle.read(runs.keep("1", bundles.BETTER))
    folder = tmp_path_factory.mktemp("model") / "release"
    folder.mkdir()
    release_bundle.write(folder, model, model)
    return folder


def test_it_answers_as_the_releases_own_files_do(container: Container, released: Path) -> None:
    marker = container.root / "marker"
    marker.touch()
    with container.serving(released) as running:
        assert requests.get(f"{running.url}/ping", timeout=5).status_code == 200
        with servers.connect(running.url) as ask:
            smoke_tests.check(
                PROBLEM, "in its container", ask, release_bundle.load(released), latency_ms=250
            )
        assert os.stat(f"/proc/{running.server()}").st_uid == 0
        assert running.end() == 0, running.log.read_text()
        assert "telemetry" not in running.log.read_text()
    found = container.root.rglob("*")
    changed = [p for p in found if p.lstat().st_ctime_ns > marker.stat().st_ctime_ns]
    assert [p for p in changed if p.relative_to(container.root).parts[0] not in MOUNTED] == []


def test_it_answers_as_an_unknown_user_under_a_read_only_root(
    container: Container, released: Path
) -> None:
    for folder in (released, *released.parents[:2]):
        folder.chmod(0o755)
    with container.serving(released, read_only_for=UNKNOWN) as running:
        with servers.connect(running.url) as ask:
            smoke_tests.check(
                PROBLEM, "as anybody", ask, release_bundle.load(released), latency_ms=250
            )
        server = running.server()
        assert os.stat(f"/proc/{server}").st_uid == UNKNOWN
        root = Path(f"/proc/{server}/mountinfo").read_text().splitlines()[0]
        assert " / ro," in root
        assert running.end() == 0, running.log.read_text()


def test_a_build_argument_names_another_user(project: Project, made: str) -> None:
    arguments = ["--build-arg=RUN_AS=10001:10001", f"--file={image.MODEL.dockerfile}"]
    ignore = f"--ignorefile={image.MODEL.ignore_file}"
    project.buildah("build", "--quiet", *arguments, ignore, "--tag=other", ".")
    settings = json.loads(project.buildah("inspect", "--type=image", "other"))["Docker"]["config"]
    assert settings["User"] == "10001:10001"


def test_without_a_release_it_is_not_ready(container: Container, tmp_path: Path) -> None:
    empty = tmp_path / "model"
    empty.mkdir()
    with container.serving(empty) as running:
        assert requests.get(f"{running.url}/ping", timeout=5).status_code == 503
        assert running.end() == 0, running.log.read_text()


def test_without_vendor_an_image_of_the_same_files_is_built(
    project: Project, container: Container, cloud: Any, tmp_path: Path
) -> None:
    """The library is then the one that runs the command, as where it is of a package index."""
    changed = project.folder / PROBLEM.package / "inputs.py"
    text = changed.read_text()
    shutil.move(project.folder / "vendor", tmp_path)
    changed.write_text(f"{text}\n")  # else there is nothing to do
    try:
        code, output = project.make("staging")
    finally:
        changed.write_text(text)
        shutil.move(tmp_path / "vendor", project.folder)
    assert code == 0, output
    beside = Path(project.buildah("mount", pulled(project, cloud, named(output))), "srv")
    assert _own(beside) == _own(container.root / "srv")
    assert (beside / PROBLEM.package / "inputs.py").read_text() == f"{text}\n"


def _own(folder: Path) -> set[Path]:
    """The files in an image that are no packages, by their paths in a folder of it."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    inside = {path.relative_to(folder) for path in files}
    return {path for path in inside if path.parts[0] != "packages"}


def test_it_holds_what_the_lock_names_and_no_tools(container: Container) -> None:
    packages = container.root / "srv" / "packages"
    infos = (
        path.name.removesuffix(".dist-info").split("-") for path in packages.glob("*.dist-info")
    )
    assert {name.replace("_", "-").lower(): version for name, version in infos} == locked()
    folders = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin")
    assert [f for f in folders for t in NOT_LEFT if (container.root / f / t).exists()] == []
    assert list(container.root.glob("usr/local/lib/python*/*-packages/pip")) == []
    assert list(container.root.glob("root/.*_history")) == []
    assert not (container.root / "root" / ".cache").exists()


def test_it_holds_the_files_of_the_list_and_is_small(container: Container) -> None:
    beside = container.root / "srv"
    assert _own(beside) == set(image.content())
    size = sum(path.lstat().st_size for path in beside.rglob("*"))
    print(f"{size / MIB:.0f} MiB beside the base")
    assert size < 250e6
