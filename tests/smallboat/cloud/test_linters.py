"""What other people's linters say of the templates: nothing, or a finding with its reason here.

Both run in environments of their own, which uv makes: their dependencies exclude some of ours.
"""

import json
import subprocess
import sys
from typing import Any

import pytest
import templates
from uv import find_uv_bin

pytestmark = pytest.mark.nightly
OWN_KEY = (
    "encrypted with AWS's own key at no cost; a key of one's own costs, and protects no more here"
)
CHECKOV = {
    ("CKV_AWS_18", "Artifacts"): "a log of all requests would need a second bucket, and costs",
    (
        "CKV_AWS_26",
        "Alarms",
    ): "alarms and outcomes are no secrets; budgets could not write to AWS's key",
    ("CKV_AWS_28", "Foreach"): "counters of runs, which expire",
    ("CKV_AWS_115", "AgeWatch"): "runs four times a day; reserving takes from the account's quota",
    ("CKV_AWS_116", "AgeWatch"): "the alarm on its metric rings if it fails",
    ("CKV_AWS_117", "AgeWatch"): "asks public AWS services only",
    ("CKV_AWS_119", "Foreach"): OWN_KEY,
    ("CKV_AWS_136", "Images"): OWN_KEY,
    ("CKV_AWS_136", "TrainingImages"): OWN_KEY,
    ("CKV_AWS_136", "PreviewImages"): OWN_KEY,
    ("CKV_AWS_149", "CometKey"): OWN_KEY,
    ("CKV_AWS_158", "AgeWatchLogs"): OWN_KEY,
    ("CKV_AWS_173", "AgeWatch"): "its variable is the name prefix, no secret",
}
"""Findings by check and resource."""
PULL = "a registry token gives what the statement PullImage or PushImage allows, and no more"
PASS = "roles by name, to one service: test_templates.py"
PARLIAMENT = {
    ("SageMakerRole", "CREDENTIALS_EXPOSURE"): PULL,
    ("StartRole", "CREDENTIALS_EXPOSURE"): PULL,
    ("PreviewStartRole", "CREDENTIALS_EXPOSURE"): PULL,
    ("ImagePolicy", "CREDENTIALS_EXPOSURE"): PULL,
    ("PreviewPolicy", "CREDENTIALS_EXPOSURE"): PULL,
    ("DeployPolicy", "PERMISSIONS_MANAGEMENT_ACTIONS"): PASS,
    ("DeployPolicy", "PRIVILEGE_ESCALATION"): (
        "CloudFormationRole is passed for one stack, and can't create roles"
    ),
    ("FlowPolicy", "PERMISSIONS_MANAGEMENT_ACTIONS"): PASS,
    ("PreviewPolicy", "PERMISSIONS_MANAGEMENT_ACTIONS"): PASS,
    ("ScalePolicy", "PERMISSIONS_MANAGEMENT_ACTIONS"): "one service-linked role, which AWS defines",
    ("CloudFormationRole", "UNKNOWN_ACTION"): (
        "lambda:GetFunctionScalingConfig is newer than parliament; a handler lists it"
    ),
}
"""Findings by role or policy and issue."""
ANALYZE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import parliament
found = []
for name, document in json.load(sys.stdin).items():
    policy = parliament.analyze_policy_string(json.dumps(document), include_community_auditors=True)
    found += [(name, each.issue, str(each.detail)) for each in policy.findings]
print(json.dumps(found))
"""


def run(package: str, *words: str, more: tuple[str, ...] = (), text: str = "") -> Any:
    """The JSON that a tool of a package prints; skipped if the index can't be reached."""
    uvx = [find_uv_bin(), "tool", "run", "--python", sys.executable, "--from", package, *more]
    ready = subprocess.run([*uvx, "python", "-c", ""], capture_output=True, text=True, timeout=280)
    if ready.returncode:
        pytest.skip(f"{package} can't be installed: {ready.stderr.strip()[-200:]}")
    done = subprocess.run([*uvx, *words], input=text, capture_output=True, text=True, timeout=280)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_checkov_finds_what_is_known_only() -> None:
    words = ["--framework", "cloudformation", "--compact", "--quiet", "-o", "json"]
    found = run("checkov>=3.3,<4", "checkov", "-d", str(templates.FOLDER), *words)
    assert found["summary"]["parsing_errors"] == 0 and found["summary"]["passed"] > 100
    failed = found["results"]["failed_checks"]
    told = {(each["check_id"], each["resource"].rpartition(".")[2]) for each in failed}
    assert sorted(told ^ set(CHECKOV)) == []


def documents() -> dict[str, Any]:
    """Every policy of the templates, by the logical name of its role or of itself."""
    found = {}
    for name in templates.NAMES:
        for key, each in templates.load(name)["Resources"].items():
            properties = each.get("Properties", {})
            if each["Type"] == "AWS::IAM::ManagedPolicy":
                found[key] = templates.plain(properties["PolicyDocument"], name)
            if each["Type"] == "AWS::IAM::Role":
                for policy in properties.get("Policies", []):
                    found[key] = templates.plain(policy["PolicyDocument"], name)
    return found


def test_parliament_finds_what_is_known_only() -> None:
    given = documents()
    assert len(given) >= 13
    broken = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    given["Broken"] = {"Version": "2012-10-17", **broken}
    found = run(
        "parliament>=1.6,<2", "python", "-c", ANALYZE,
        more=("--with", "setuptools<81"),  # it imports pkg_resources
        text=json.dumps(given),
    )  # fmt: skip
    told = {(name, issue) for name, issue, _ in found}
    assert any(name == "Broken" for name, _ in told)
    told = {each for each in told if each[0] != "Broken"}
    assert sorted(told ^ set(PARLIAMENT)) == []
