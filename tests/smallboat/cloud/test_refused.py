"""What AWS refuses once: bootstrap says why, and the next one succeeds."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bootstrapped import NAME_PREFIX, Bootstrapped
from botocore.config import Config
from clouds import Cloud
from smallboat.aws import aws
from smallboat.cloud import base_stacks, destruction, inventory, stacks
from smallboat.config import config
from smallboat.errors import CommandError
from toy.problem import PROBLEM

DENIED = {"status": 403, "code": "AccessDenied", "message": "not authorized to perform it"}
FOUNDATION, COMPUTE = f"{NAME_PREFIX}-foundation", f"{NAME_PREFIX}-compute"
BUDGET = f"{NAME_PREFIX}-budget"
SERVICE_ROLE = (
    "Unable to assume the service linked role. Please verify that the ECS service linked role "
    "exists."
)


@dataclass(frozen=True)
class Refusal:
    """A call or a resource that is refused once.

    Attributes:
        of: the service and the operation, or CloudFormation's name of the resource.
        told: what the message says.
        fault: status, code and message of the answer; the code of a resource is the stack's state.
        bootstrapped: whether the stacks exist already.
        passes: whether bootstrap repeats it by itself.
    """

    of: tuple[str, str]
    told: str
    fault: dict[str, Any] = field(default_factory=dict)
    bootstrapped: bool = False
    passes: bool = False


REFUSALS = (
    Refusal(("sts", "GetCallerIdentity"), "AWS does not know these credentials",
            {"status": 403, "code": "InvalidClientTokenId"}),
    Refusal(("iam", "ListOpenIDConnectProviders"), "administrator of the account", DENIED),
    Refusal(("apigateway", "GetAccount"), "no permission for GetAccount", DENIED),
    Refusal(("ec2", "DescribeVpcs"), "no permission for DescribeVpcs",
            {**DENIED, "code": "UnauthorizedOperation"}),
    Refusal(("cloudformation", "CreateChangeSet"), "no permission for CreateChangeSet", DENIED),
    Refusal(("cloudformation", "ExecuteChangeSet"), "no permission for ExecuteChangeSet", DENIED),
    Refusal(("cloudformation", "DescribeStackEvents"), "AWS throttles these calls",
            {"status": 400, "code": "Throttling", "times": 2}),
    Refusal(("cloudformation", "SageMakerRole"),
            f"{FOUNDATION} ended in ROLLBACK_COMPLETE: SageMakerRole: not authorized",
            {"message": "not authorized to perform iam:CreateRole"}),
    Refusal(("cloudformation", "Artifacts"),
            f"{FOUNDATION} ended in ROLLBACK_FAILED: Artifacts: bucket is taken",
            {"code": "ROLLBACK_FAILED", "message": "bucket is taken"}),
    Refusal(("cloudformation", "Fargate"), "Fargate: Unable to assume the service linked role",
            {"message": SERVICE_ROLE}, passes=True),
    Refusal(("cloudformation", "CometKey"), "CometKey: You can't create this secret",
            {"message": "You can't create this secret because a secret with this name is already "
             "scheduled for deletion."}, passes=True),
    Refusal(("cloudformation", "DeployPolicy"),
            f"{FOUNDATION} ended in UPDATE_ROLLBACK_COMPLETE: DeployPolicy: too many versions",
            {"message": "too many versions"}, bootstrapped=True),
    Refusal(("cloudformation", "DeployPolicy"),
            f"{FOUNDATION} ended in UPDATE_ROLLBACK_FAILED: DeployPolicy: access denied",
            {"code": "UPDATE_ROLLBACK_FAILED", "message": "access denied"}, bootstrapped=True),
)  # fmt: skip


class Run:
    """Commands of an environment in this process, against the emulator."""

    def __init__(self, environment: Bootstrapped, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.cloud, self.client = environment.cloud, environment.client
        self._folder = environment.folder
        self.error = ""

    def bootstrap(self) -> str:
        """What bootstrap prints; `error` is its message if it fails, else empty."""
        return self._printed(lambda: base_stacks.bootstrap(PROBLEM, "staging"))

    def destroy(self) -> str:
        """Likewise for destroy."""
        return self._printed(lambda: destruction.destroy(PROBLEM, "staging", "staging", True))

    def change(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the next bootstrap update the policies of the foundation stack."""
        changed = shutil.copytree(
            base_stacks.TEMPLATES, self._folder / "changed", dirs_exist_ok=True
        )
        file = changed / "foundation.yaml"
        file.write_text(file.read_text().replace("The permissions", "What"))
        monkeypatch.setattr(base_stacks, "TEMPLATES", changed)

    def state(self, stack: str) -> str:
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return str(found[0]["StackStatus"])

    def _printed(self, command: Any) -> str:
        self._capsys.readouterr()
        self.error = ""
        try:
            assert command() == 0
        except CommandError as error:
            self.error = str(error)
        return self._capsys.readouterr().out


@pytest.fixture(scope="module")
def environment(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bootstrapped]:
    with pytest.MonkeyPatch.context() as patch:
        for key, value in cloud.environ.items():
            patch.setenv(key, value)
        for place in (stacks, inventory):
            patch.setattr(place, "POLL_SECONDS", 0.1)
        patch.setattr(stacks, "PAUSES", (0.1, 2.0))
        few = Config(retries={"mode": "standard", "total_max_attempts": 2})
        patch.setattr(aws, "options", lambda: few)
        yield Bootstrapped(tmp_path_factory.mktemp("refused"), cloud)
    cloud.reset()


@pytest.fixture
def run(
    environment: Bootstrapped, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    environment.cloud.reset()
    monkeypatch.chdir(environment.folder)
    return Run(environment, capsys)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: " ".join(each.of))
def test_after_a_refusal_bootstrap_says_why_and_the_next_one_succeeds(
    run: Run, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    if refusal.bootstrapped:
        run.bootstrap()
        run.change(monkeypatch)
    run.cloud.fail(*refusal.of, **refusal.fault)
    printed = run.bootstrap()
    assert refusal.told in (printed if refusal.passes else run.error)
    assert bool(run.error) != refusal.passes
    assert "Traceback" not in printed
    again = run.bootstrap()
    assert run.error == "", run.error
    for stack in (FOUNDATION, COMPUTE, BUDGET):
        assert run.state(stack).endswith(("CREATE_COMPLETE", "UPDATE_COMPLETE"))
    assert ("nothing to do" in again) == refusal.passes


def test_templates_older_than_the_library_are_named_before_anything_is_made(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    older = shutil.copytree(base_stacks.TEMPLATES, tmp_path / "infra")
    (older / "budget.yaml").unlink()
    file = older / "foundation.yaml"
    file.write_text(file.read_text().replace("  QuietHours:\n", "  Quiet:\n"))
    monkeypatch.setattr(base_stacks, "TEMPLATES", older)
    assert "creating" not in run.bootstrap()
    assert run.error == (
        f"{older}/ is older than the library: {file} has no parameter QuietHours; "
        f"{older}/budget.yaml is missing. Take that folder of the newer template (`cruft update`)"
    )


def test_ten_and_more_are_refused() -> None:
    assert len({(each.of, each.bootstrapped, str(each.fault)) for each in REFUSALS}) >= 10


def test_a_rollback_that_fails_again_is_an_error_and_the_next_one_succeeds(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.bootstrap()
    run.change(monkeypatch)
    stuck = {"code": "UPDATE_ROLLBACK_FAILED", "message": "access denied"}
    run.cloud.fail("cloudformation", "DeployPolicy", times=2, **stuck)
    run.bootstrap()
    run.bootstrap()
    assert f"{FOUNDATION} can't be rolled back: DeployPolicy: access denied" in run.error
    assert "Continue update rollback" in run.error
    printed = run.bootstrap()
    assert run.error == ""
    assert f"{FOUNDATION}: continuing the rollback" in printed


def test_a_failure_that_does_not_pass_is_not_repeated_forever(run: Run) -> None:
    run.cloud.fail("cloudformation", "Fargate", times=9, message=SERVICE_ROLE)
    printed = run.bootstrap()
    assert printed.count("this passes: trying again in ") == len(stacks.PAUSES)
    assert f"{COMPUTE} ended in ROLLBACK_COMPLETE: Fargate: Unable to assume" in run.error


def test_without_billing_everything_but_the_budget_is_there(run: Run) -> None:
    denied = "User is not authorized to perform: budgets:ModifyBudget"
    run.cloud.fail("cloudformation", "Budget", message=denied)
    printed = run.bootstrap()
    assert run.error == ""
    assert (
        f"there is no budget: the stack {BUDGET} ended in ROLLBACK_COMPLETE: Budget: User is"
        in (printed)
    )
    assert "Let somebody who may use AWS Budgets run `make bootstrap ENV=staging` again" in printed
    assert printed.rindex("there is no budget") > printed.rindex(f"{COMPUTE}: create complete")
    assert run.state(COMPUTE) == run.state(FOUNDATION) == "CREATE_COMPLETE"
    again = run.bootstrap()
    assert f"{BUDGET}: create complete" in again and "there is no budget" not in again
    assert f"{FOUNDATION}: no updates" in again


def test_destroy_detaches_what_people_attached_and_waits_for_the_secret(run: Run) -> None:
    run.bootstrap()
    iam = run.client("iam")
    policies = [each["Arn"] for each in iam.list_policies(Scope="Local")["Policies"]]
    assert len(policies) >= 4
    iam.create_role(RoleName="person", AssumeRolePolicyDocument="{}")
    iam.create_user(UserName="person")
    iam.create_group(GroupName="people")
    for policy in policies:
        iam.attach_role_policy(RoleName="person", PolicyArn=policy)
    iam.attach_user_policy(UserName="person", PolicyArn=policies[0])
    iam.attach_group_policy(GroupName="people", PolicyArn=policies[0])
    own = {"RoleName": f"{NAME_PREFIX}-deploy", "PolicyArn": policies[0]}
    iam.attach_role_policy(**own)  # as CloudFormation does, and moto does not
    found = inventory._attachments(aws.Environment(config.load(PROBLEM, "staging")))
    assert len(found) == len(policies) + 2 and not any(
        NAME_PREFIX in each.split()[-1] for each in found
    )
    iam.detach_role_policy(**own)
    run.cloud.fail("iam", "ListEntitiesForPolicy", status=404, code="NoSuchEntity")
    assert inventory._attachments(aws.Environment(config.load(PROBLEM, "staging")))
    printed = run.destroy()
    assert run.error == ""
    for policy in policies:
        assert f"deleted: attachment of a policy {policy} at role person\n" in printed
    assert f"{policies[0]} at user person\n" in printed
    assert f"{policies[0]} at group people\n" in printed
    assert printed.count("attachment of a policy arn") == len(policies) + 2
    assert iam.list_attached_role_policies(RoleName="person")["AttachedPolicies"] == []
    assert "nothing is left of: " in printed
    secrets = run.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)
    assert secrets["SecretList"] == []
    run.bootstrap()
    assert run.error == ""


@pytest.mark.parametrize(
    ("left", "refused", "asked"),
    [
        ([["secret a", "stack b"], ["secret a", "stack b"], ["stack b"]], {"stack b"}, 3),
        ([["stack b"]], {"stack b"}, 1),
        ([[]], set(), 1),
        ([["secret a"]] * 99, set(), 99),
    ],
)
def test_what_aws_deletes_late_is_waited_for_and_what_it_refused_is_not(
    left: list[list[str]],
    refused: set[str],
    asked: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock, answers = iter(range(98)), iter(left)
    monkeypatch.setattr(destruction, "LATE_SECONDS", 96)
    monkeypatch.setattr(destruction, "_remaining", lambda *_: next(answers))
    monkeypatch.setattr(destruction.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(destruction.time, "sleep", lambda _: None)
    env: Any = None
    assert destruction._wait(env, False, refused) == left[min(asked, len(left)) - 1]
    printed = capsys.readouterr().out
    told = "waiting up to 96 s until AWS has deleted: secret a\n"
    assert printed == (told if "secret a" in left[0] else "")


def test_destroy_repeats_what_could_not_be_deleted(run: Run) -> None:
    run.bootstrap()
    denied = "not authorized to perform: iam:DeletePolicy"
    run.cloud.fail("cloudformation", "delete DeployPolicy", message=denied)
    printed = run.destroy()
    assert (
        f"not deleted: stack {FOUNDATION}: the stack {FOUNDATION} ended in DELETE_FAILED: "
        in printed
    )
    assert f"DeployPolicy: {denied}" in printed and f"left on AWS: stack {FOUNDATION}." in run.error
    run.destroy()
    assert run.error == ""
