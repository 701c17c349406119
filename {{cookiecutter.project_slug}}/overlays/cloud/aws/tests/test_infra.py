"""AWS: templates without fault, each permission with its reason; no account number; the image."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint_file
from cfnlint.decode.cfn_yaml import load
from smallboat.aws import image
from smallboat.config import config

from {{ cookiecutter.project_slug }}.problem import PROBLEM

ROOT = Path(__file__).resolve().parents[1]
INFRA = ROOT / "infra"
TEMPLATES = sorted(INFRA.glob("*.yaml"))


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_cfn_lint_finds_nothing(file: Path) -> None:
    regions = {"us-east-1", "eu-west-1", config.load(PROBLEM, "local").project.aws_region}
    found = lint_file(file, config=ManualArgs(regions=sorted(regions)))
    assert [f"{each.rule.id} line {each.linenumber}: {each.message}" for each in found] == []


def statements(file: Path) -> dict[tuple[str, str], Any]:
    """What the roles of a template may do, by role and Sid."""
    resources = load(str(file))["Resources"]
    found: dict[tuple[str, str], Any] = {}
    for role, each in resources.items():
        if each["Type"] != "AWS::IAM::Role":
            continue
        properties = each["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for policy in properties.get("ManagedPolicyArns", []):
            if isinstance(policy, dict) and "Ref" in policy:
                documents.append(resources[policy["Ref"]]["Properties"]["PolicyDocument"])
        for document in documents:
            found |= {(role, statement["Sid"]): statement for statement in document["Statement"]}
    return found


def test_every_permission_has_its_reason_and_none_that_is_gone() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (INFRA / "permissions.md").read_text().splitlines()
        if line.startswith("|")
    ]
    told = {(role, sid): why for role, sid, why, _ in rows[2:]}
    given = {key for file in TEMPLATES for key in statements(file)}
    assert set(told) == given
    assert all(told.values())


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_every_action_is_spelled_out(file: Path) -> None:
    allowed = {key: it for key, it in statements(file).items() if it["Effect"] == "Allow"}
    for key, statement in allowed.items():
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert not set(action) & set("*?"), f"{key} may do {action}"


def test_no_workflow_has_the_account_number() -> None:
    written = "".join(file.read_text() for file in (ROOT / ".github").rglob("*.yml"))
    for name in ("staging", "prod"):
        aws = config.load(PROBLEM, name).aws
        assert aws is None or aws.account not in written


def test_the_image_holds_every_module_that_the_model_server_imports(tmp_path: Path) -> None:
    for inside, file in image.content().items():
        (tmp_path / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, tmp_path / inside)
    code = "import sys; sys.path += sys.argv[2:]; __import__('smallboat.serving.model.server'); "
    code += "__import__(f'{sys.argv[1]}.service')"
    paths = [tmp_path, tmp_path / "vendor" / "smallboat", sysconfig.get_path("purelib")]
    # -S: without the environment's own path to the library.
    words = [sys.executable, "-I", "-S", "-c", code, PROBLEM.package, *paths]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
