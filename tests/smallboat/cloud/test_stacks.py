"""What a stack's events become, asked of botocore's own stub: the emulator tells no events."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from smallboat.cloud.stacks import Stacks
from smallboat.errors import CloudError, UserError

ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/ground/1"
NOW = datetime.now(UTC)


class Told:
    """A CloudFormation that answers as it is told, in order."""

    def __init__(self) -> None:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        self.client = boto3.client("cloudformation", region_name="eu-west-1", **keys)
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.stacks = Stacks(SimpleNamespace(client=lambda _: self.client))  # type: ignore[arg-type]

    def state(self, state: str | None) -> None:
        if state is None:
            self.stub.add_client_error(
                "describe_stacks", "ValidationError", "Stack with id ground does not exist"
            )
            return
        stack = {"StackName": "ground", "StackId": ID, "StackStatus": state, "CreationTime": NOW}
        self.stub.add_response("describe_stacks", {"Stacks": [stack]})

    def events(self, *told: tuple[str, str, str]) -> None:
        """Events by resource, state and reason, the newest first as AWS tells them."""
        events = [
            {
                "StackId": ID,
                "EventId": f"{what}-{state}",
                "StackName": "ground",
                "LogicalResourceId": what,
                "ResourceStatus": state,
                "ResourceStatusReason": reason,
                "Timestamp": NOW,
            }
            for what, state, reason in told
        ]
        self.stub.add_response("describe_stack_events", {"StackEvents": events})

    def changes(self, kind: str) -> None:
        made = {"Id": "change-1-set", "StackId": ID}
        asked = dict.fromkeys(
            ["StackName", "ChangeSetName", "TemplateBody", "Parameters", "Tags", "Capabilities"],
            ANY,
        )
        asked |= {"ChangeSetType": kind, "ImportExistingResources": True}
        self.stub.add_response("create_change_set", made, asked)

    def change_set(self, status: str, reason: str = "") -> None:
        self.stub.add_response("describe_change_set", {"Status": status, "StatusReason": reason})

    def put(self) -> bool:
        return self.stacks.put("ground", "{}", {"NamePrefix": "a-b"}, {"project": "a"})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr("smallboat.cloud.stacks.POLL_SECONDS", 0)
    return Told()


def test_each_resource_is_told_once_as_it_happens(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    begun, made = ("Bucket", "CREATE_IN_PROGRESS", ""), ("Bucket", "CREATE_COMPLETE", "")
    told.state(None)
    told.changes("CREATE")
    told.change_set("CREATE_IN_PROGRESS")
    told.change_set("CREATE_COMPLETE")
    told.events()
    told.stub.add_response("execute_change_set", {})
    told.state("CREATE_IN_PROGRESS")
    told.events(made, begun)
    told.state("CREATE_COMPLETE")
    told.events(("ground", "CREATE_COMPLETE", ""), ("Role", "CREATE_COMPLETE", ""), made, begun)
    assert told.put()
    told.stub.assert_no_pending_responses()
    assert capsys.readouterr().out.splitlines() == [
        "ground: creating",
        "  create complete: Bucket",
        "  create complete: Role",
        "ground: create complete",
    ]


def test_a_refused_resource_is_named_with_its_reason(told: Told) -> None:
    told.state("UPDATE_COMPLETE")
    told.changes("UPDATE")
    told.change_set("CREATE_COMPLETE")
    told.events(("Bucket", "CREATE_COMPLETE", ""))
    told.stub.add_response("execute_change_set", {})
    told.state("UPDATE_ROLLBACK_COMPLETE")
    told.events(
        ("Images", "UPDATE_FAILED", "Resource update cancelled"),
        ("Role", "UPDATE_FAILED", "policy too large"),
        ("Bucket", "CREATE_COMPLETE", ""),
    )
    with pytest.raises(CloudError, match="UPDATE_ROLLBACK_COMPLETE: Role: policy too large"):
        told.put()


def test_a_stack_that_was_rolled_back_is_removed_and_made(told: Told) -> None:
    told.state("ROLLBACK_COMPLETE")
    told.state("ROLLBACK_COMPLETE")
    told.events()
    told.stub.add_response("delete_stack", {})
    told.state("DELETE_COMPLETE")
    told.events()
    told.changes("CREATE")
    told.change_set("FAILED", "The submitted information didn't contain changes.")
    told.stub.add_response("delete_change_set", {})
    assert not told.put()
    told.stub.assert_no_pending_responses()


def test_a_wrong_template_is_told(told: Told) -> None:
    told.state("CREATE_COMPLETE")
    told.changes("UPDATE")
    told.change_set("FAILED", "Unresolved resource dependencies [Nobody]")
    with pytest.raises(CloudError, match="Nobody"):
        told.put()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("UPDATE_IN_PROGRESS", "is busy"),
        ("UPDATE_ROLLBACK_FAILED", "continue update rollback"),
        ("DELETE_FAILED", "console shows why"),
    ],
)
def test_a_stack_that_is_busy_or_broken_is_left_alone(told: Told, state: str, message: str) -> None:
    told.state(state)
    with pytest.raises(UserError, match=message):
        told.put()
    told.stub.assert_no_pending_responses()


def test_a_stack_that_can_not_be_removed_is_told(told: Told) -> None:
    told.state("CREATE_COMPLETE")
    told.events()
    told.stub.add_response("delete_stack", {})
    told.state("DELETE_FAILED")
    reason: Any = "the repository is not empty"
    told.events(("Images", "DELETE_FAILED", reason))
    with pytest.raises(CloudError, match=f"DELETE_FAILED: Images: {reason}"):
        told.stacks.remove("ground")
