"""Staging and prod in an account each: bootstrap, image, release, promotion; and who allows it."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import templates
from bootstrapped import ACCOUNT, REGION
from bundles import PLAIN
from clouds import Cloud
from iam_simulation import allows, by, needs
from smallboat.aws import image
from walking import Walk, url

pytestmark = pytest.mark.nightly  # two deployments, with an API each
OTHER = "210987654321"
PERSON, WORKFLOW = f"testing@{OTHER}", f"project-prod-deploy@{OTHER}"
BUCKET = f"project-staging-{ACCOUNT}"
ROLE = f"arn:aws:iam::{OTHER}:role/project-prod-deploy"


class TwoAccounts(Walk):
    """A project with an account for each environment."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        super().__init__(folder, cloud)
        self.change("prod", account=OTHER)

    def put_image(self) -> str:
        """Push an image with its one blob into staging's registry; returns its digest."""
        blob, name = b"{}", "project-staging-model"
        found = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        address, login = f"{self.cloud.url}/v2/{name}", ("AWS", f"{ACCOUNT}-auth-token")
        kind = "application/vnd.docker.container.image.v1+json"
        config = {"mediaType": kind, "size": len(blob), "digest": found}
        manifest = {"schemaVersion": 2, "mediaType": image.MANIFEST, "config": config, "layers": []}
        tag = f"main-{image.content_hash()}"
        for path, content, more in (
            ("blobs/uploads/1", blob, {"params": {"digest": found}}),
            (f"manifests/{tag}", json.dumps(manifest).encode(), {}),
        ):
            headers = {"Content-Type": image.MANIFEST}
            answer = requests.put(
                f"{address}/{path}", content, auth=login, headers=headers, timeout=10, **more
            )
            assert answer.status_code == 201, answer.text
        digest = answer.headers["Docker-Content-Digest"]
        self.sign(digest, tag)
        return str(digest)


@pytest.fixture(scope="module")
def walk(
    tools: None, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoAccounts]:
    """Both environments with a release; prod's is staging's."""
    cloud.reset()
    here = Path.cwd()
    walk = TwoAccounts(tmp_path_factory.mktemp("accounts"), cloud)
    walk.link_packages()
    os.chdir(walk.folder)
    try:
        walk.do("bootstrap staging", "bootstrap")
        walk.do("wrong account", "bootstrap", environment="prod", code=2)
        walk.do("bootstrap prod", "bootstrap", environment="prod", role=PERSON)
        walk.first = walk.put_image()
        walk.runs.keep("1", PLAIN)
        walk.do("staging", "deploy", "--from", "local", "--run", "1")
        cloud.forget()
        walk.do("image", "image", environment="prod", role=WORKFLOW)
        walk.do("promoted", "deploy", "--from", "staging", environment="prod", role=WORKFLOW)
        walk.calls = cloud.calls()
        yield walk
    finally:
        os.chdir(here)
        cloud.reset()


def test_credentials_of_the_other_account_are_refused(walk: TwoAccounts) -> None:
    assert f"is for the AWS account {OTHER}, these credentials" in walk.printed["wrong account"]


def test_prod_has_the_very_image_and_run_of_staging_in_its_own_account(walk: TwoAccounts) -> None:
    assert "copying the image of project-staging-model, as it is" in walk.printed["image"]
    host = f"{OTHER}.dkr.ecr.{REGION}.amazonaws.com"
    assert f"image {host}/project-prod-model@{walk.first}" in walk.printed["image"]
    assert "released: " in walk.printed["promoted"]
    status = json.loads(walk.do("status", "status", environment="prod", role=WORKFLOW))
    assert status["release"]["run"] == "1"
    assert url(walk.printed["promoted"]) != url(walk.printed["staging"])


def test_each_account_has_its_own_and_nothing_else(walk: TwoAccounts) -> None:
    for environment, role in (("staging", "testing"), ("prod", PERSON)):
        owner = "project-" + environment
        import boto3

        client = boto3.client(
            "sagemaker", region_name=REGION, endpoint_url=walk.cloud.url,
            aws_access_key_id=role, aws_secret_access_key="testing",
        )  # fmt: skip
        found = [each["EndpointName"] for each in client.list_endpoints()["Endpoints"]]
        assert found == [owner]


def at_staging(calls: list[dict[str, Any]]) -> list[Any]:
    """What the calls of prod's role need at staging's resources, whose account is the first."""
    found = {str(need): need for call in calls for need in needs(call)
             if "project-staging" in str(need)}  # fmt: skip
    return list(found.values())


def test_both_accounts_allow_what_prod_reads_of_staging(walk: TwoAccounts) -> None:
    """An action across accounts needs the identity's policy and the resource's."""
    needed = at_staging(walk.calls)
    assert {each.action for each in needed} == {
        "s3:GetObject", "s3:ListBucket", "ecr:DescribeImages", "kms:Verify",
    }  # fmt: skip
    own = templates.policy("foundation", "DeployRole", "prod")
    template = templates.load("foundation")["Resources"]
    bucket = templates.plain(
        template["ArtifactsPolicy"]["Properties"]["PolicyDocument"], "foundation"
    )["Statement"]
    images = templates.plain(
        template["Images"]["Properties"]["RepositoryPolicyText"], "foundation"
    )["Statement"]
    key = templates.plain(template["ImageKey"]["Properties"]["KeyPolicy"], "foundation")
    of_service = {"s3": bucket, "ecr": images, "kms": key["Statement"][2:]}
    for need in needed:
        asked = by("project-prod-deploy", need)
        assert allows(own, asked), need
        theirs = [
            {key: value for key, value in each.items() if key not in ("Principal", "Condition")}
            for each in of_service[need.action.partition(":")[0]]
            if each["Effect"] == "Allow"
        ]
        for each in theirs:
            each.setdefault("Resource", "*")  # a repository's policy is about itself
        assert allows(theirs, asked), need


def test_staging_lets_the_role_of_prods_workflow_in_and_nobody_else(walk: TwoAccounts) -> None:
    found = walk.client("cloudformation").describe_stacks(StackName="project-staging-foundation")
    given = {p["ParameterKey"]: p["ParameterValue"] for p in found["Stacks"][0]["Parameters"]}
    assert ROLE in given["Promoters"] and OTHER in given["PromoterAccounts"]
    template = templates.load("foundation")["Resources"]
    documents = [
        template["ArtifactsPolicy"]["Properties"]["PolicyDocument"],
        template["ImageKey"]["Properties"]["KeyPolicy"],
        template["Images"]["Properties"]["RepositoryPolicyText"],
        template["TrainingImages"]["Properties"]["RepositoryPolicyText"],
    ]
    crossing = [
        each
        for document in documents
        for each in templates.plain(document, "foundation")["Statement"]
        if each["Effect"] == "Allow" and "PromoterAccounts" in str(each["Principal"])
    ]
    assert len(crossing) == 5
    for each in crossing:
        assert each["Condition"] == {"ArnEquals": {"aws:PrincipalArn": "Promoters"}}
        for action in templates.listed(each["Action"]):
            assert action.split(":")[1].startswith(("Get", "List", "Batch", "Describe", "Verify"))
