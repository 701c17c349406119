"""The images: what goes into them, and what an environment without them says."""

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from image_project import LOCK, copied, locked
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from smallboat.aws import aws, containers, image, provenance
from smallboat.config import config
from smallboat.errors import CloudError, UserError
from toy.problem import PROBLEM

SERVING = LOCK.parent
SERVER = Path("vendor/smallboat/smallboat/serving/model")
pytestmark = pytest.mark.usefixtures("locked")
ONLY_HERE = {"uv"}
"""What no step asks for: the API's zip is packed where a person or a workflow deploys."""
OTHER_TRACKERS = {"mlflow", "wandb"}
"""The project has Comet; a step imports the client of its tracker alone."""
NO_STEPS = ("emulator", "samples", "serving/api", "testing", "warehouse")
"""Rooms that no step imports: a problem's own part, what Lambda has, what tests start."""


@pytest.fixture
def env(tmp_path: Path, cloud: Any, monkeypatch: pytest.MonkeyPatch) -> aws.Environment:
    """Staging on the emulator; its project's folder is the working directory."""
    monkeypatch.chdir(copied(tmp_path))
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    return aws.Environment(config.load(PROBLEM, "staging"))


def test_the_digest_that_was_pushed_is_signed_whoever_moves_the_tag(
    env: aws.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[tuple[str, str, str]] = []
    found = iter([None, "sha256:moved"])
    monkeypatch.setattr(containers, "build", lambda *_: None)
    monkeypatch.setattr(containers, "push", lambda *_: "sha256:pushed")
    monkeypatch.setattr(image, "_digest", lambda *_: next(found))
    monkeypatch.setattr(image, "_registry", lambda _: None)
    monkeypatch.setattr(provenance, "sign", lambda _, *facts: signed.append(facts))
    image._build_signed(env, image.MODEL)
    tag = f"main-{image.content_hash()}"
    assert signed == [(env.image_repository, "sha256:pushed", tag)]


def test_what_docker_and_buildah_report_of_a_push_has_the_digest() -> None:
    digest, layer = (f"sha256:{letter * 64}" for letter in "ab")
    printed = (
        f"The push refers to repository [host/a]\n5f70bf18a086: Pushed\nmain-1: digest: {digest}"
    )
    assert (
        containers._digest(f"{printed} size: 9\n\n Info: not all\n   {layer} -> {layer}\n")
        == digest
    )
    assert containers._digest(digest) == digest


def test_the_lock_holds_what_is_required_and_names_no_index() -> None:
    pins = locked()
    for line in (SERVING / "requirements.txt").read_text().splitlines():
        wanted = Requirement(line)
        found = pins.get(canonicalize_name(wanted.name))
        assert found and wanted.specifier.contains(found), f"{line}: run `make lock`"
    text = LOCK.read_text()
    assert text.count("==") == len(re.findall(r"== *[^ ]+ \\\n    --hash=sha256:", text))
    assert "://" not in text


def test_the_server_imports_nothing_that_the_image_lacks(tmp_path: Path) -> None:
    code = (
        "import json, sys; before = set(sys.modules); "
        "import smallboat.serving.http_protocol, smallboat.serving.model.application, uvicorn; "
        "import smallboat.serving.model.server, toy.service; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    folder = copied(tmp_path)
    path = os.pathsep.join(str(folder / each) for each in (".", "vendor/smallboat"))
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    owners = packages_distributions()
    tops = {name.partition(".")[0] for name in json.loads(found.stdout)}
    own = {"smallboat", "toy"}
    own |= {"a2wsgi"}  # uvicorn imports it where it is there
    used = {canonicalize_name(each) for top in tops - own for each in owners.get(top, [])}
    assert {"uvicorn", "httptools", "numpy", "onnxruntime", "fastjsonschema"} <= used
    assert used <= set(locked())


def test_the_tag_changes_with_what_goes_into_the_image_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied(tmp_path))
    tags = [image.content_hash()]
    assert re.fullmatch("[0-9a-f]{16}", tags[0])
    for file in (SERVER / "notes.txt", SERVER / "__pycache__" / "model.cpython-313.pyc"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("not in the image")
    Path("toy", "data.py").write_text("not in the image")
    os.utime(SERVER / "server.py", (1, 1))
    assert image.content_hash() == tags[0]
    for file in (image.MODEL.dockerfile, *image.content()):
        file.write_text(file.read_text() + "\n")
        tags.append(image.content_hash())
    (SERVER / "server.py").rename(SERVER / "renamed.py")
    tags.append(image.content_hash())
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("file", ["pyproject.toml", "uv.lock", str(image.TRAIN.dockerfile)])
def test_another_lock_or_python_is_another_training_image(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied(tmp_path))
    before = image.content_hash(image.TRAIN)
    assert before != image.content_hash(replace(image.TRAIN, arguments=("PYTHON=3.9",)))
    Path(file).write_text(Path(file).read_text() + "\n")
    assert image.content_hash(image.TRAIN) != before


def test_without_a_lock_a_sentence_says_what_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied(tmp_path))
    Path("uv.lock").unlink()
    with pytest.raises(UserError, match=r"^there is no uv\.lock, .*`make setup` writes it"):
        image.content_hash(image.TRAIN)


def test_training_and_releasing_import_nothing_that_the_training_image_lacks() -> None:
    locked = ["uv", "export", "--frozen", "--no-dev", "--group", "deploy", "--no-hashes"]
    listed = subprocess.run(
        [Path(sys.executable).with_name(locked[0]), *locked[1:], "--no-annotate", "--quiet"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line for line in listed.stdout.splitlines() if "==" in line)
    there = {canonicalize_name(line.partition("==")[0]) for line in lines}
    assert "--group deploy" in image.TRAIN.dockerfile.read_text()
    assert {"boto3", "metaflow", "uvicorn"} <= there
    package = Path(image.__file__).parents[1]
    elsewhere = {file for room in NO_STEPS for file in (package / room).rglob("*.py")}
    files = [*set(package.rglob("*.py")) - elsewhere, *Path("flows").glob("*.py")]
    own = {package.name, PROBLEM.package}
    owners = packages_distributions()
    used = {
        top: owners.get(top, [top]) for top in _imported(files) - own - ONLY_HERE - OTHER_TRACKERS
    }
    assert {
        top for top, names in used.items() if not there & set(map(canonicalize_name, names))
    } == set()


def _imported(files: list[Path]) -> set[str]:
    """The packages, but for Python's own, that files import anywhere in them."""
    names = set()
    for node in (node for path in files for node in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module))
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def test_the_training_image_is_for_environments_whose_steps_run_remotely() -> None:
    values = config.load(PROBLEM, "staging").model_dump(mode="json")
    assert not config.check(values).remote
    values["steps"]["train_candidate"]["remote"] = True
    assert config.check(values).remote
    values["steps"]["train_candidate"]["remote"] = False
    for by, remote in (("actions", False), ("stepfunctions", True)):
        schedule = {"by": by, "cron": "17 4 * * 1"}
        assert config.check(values | {"schedule": schedule}).remote is remote


def test_without_a_builder_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="a running Docker, or buildah"):
        containers.builder()


def test_an_environment_without_a_repository_or_image_says_what_to_do(
    env: aws.Environment, cloud: Any
) -> None:
    with pytest.raises(CloudError, match="not bootstrapped yet: run `make bootstrap"):
        image.current(env)
    client = env.client("ecr")
    client.create_repository(repositoryName=env.image_repository)
    try:
        with pytest.raises(UserError, match="no image of these files: `make image ENV=staging`"):
            image.current(env)
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
        client.put_image(
            repositoryName=env.image_repository,
            imageManifest=json.dumps(manifest),
            imageTag=image.content_hash(),
        )
        with pytest.raises(UserError, match=r"oci.* which SageMaker does not accept"):
            image.current(env)
    finally:
        client.delete_repository(repositoryName=env.image_repository, force=True)
