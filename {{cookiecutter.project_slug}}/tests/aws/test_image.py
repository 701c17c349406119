"""The model server's image: what goes into it, and what an environment without it says."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from image_project import LOCK, copied, locked
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from {{ cookiecutter.project_slug }}.errors import UserError
from {{ cookiecutter.project_slug }}.mlops import aws, config, containers, image

SERVING = LOCK.parent


@pytest.fixture
def place(tmp_path: Path, cloud: Any, monkeypatch: pytest.MonkeyPatch) -> aws.Place:
    """Staging on the emulator; its project's folder is the working directory."""
    monkeypatch.chdir(copied(tmp_path))
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    return aws.Place(config.load("staging"))


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
        "import json, sys; before = set(sys.modules); import server; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    folder = copied(tmp_path)
    path = os.pathsep.join(str(folder / each) for each in (".", SERVING))
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
    own = {"server", "{{ cookiecutter.project_slug }}"}
    used = {canonicalize_name(each) for top in tops - own for each in owners.get(top, [])}
    assert {"flask", "numpy", "onnxruntime", "fastjsonschema"} <= used
    assert used <= set(locked())


def test_the_tag_changes_with_what_goes_into_the_image_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied(tmp_path))
    tags = [image.content_hash()]
    assert re.fullmatch("[0-9a-f]{16}", tags[0])
    for file in (SERVING / "notes.txt", SERVING / "__pycache__" / "model.cpython-313.pyc"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("not in the image")
    Path("{{ cookiecutter.project_slug }}", "data.py").write_text("not in the image")
    os.utime(SERVING / "server.py", (1, 1))
    assert image.content_hash() == tags[0]
    for file in (image.DOCKERFILE, *image.content()):
        file.write_text(file.read_text() + "\n")
        tags.append(image.content_hash())
    (SERVING / "server.py").rename(SERVING / "renamed.py")
    tags.append(image.content_hash())
    assert len(set(tags)) == len(tags)


def test_without_a_builder_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="a running Docker, or buildah"):
        containers.builder()


def test_an_environment_without_a_repository_or_image_says_what_to_do(
    place: aws.Place, cloud: Any
) -> None:
    with pytest.raises(UserError, match="`make bootstrap ENV=staging`"):
        image.current(place)
    client = place.client("ecr")
    client.create_repository(repositoryName=place.image_repository)
    try:
        with pytest.raises(UserError, match="no image of these files: `make image ENV=staging`"):
            image.current(place)
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
        client.put_image(
            repositoryName=place.image_repository,
            imageManifest=json.dumps(manifest),
            imageTag=image.content_hash(),
        )
        with pytest.raises(UserError, match=r"oci.* which SageMaker does not take"):
            image.current(place)
    finally:
        client.delete_repository(repositoryName=place.image_repository, force=True)
