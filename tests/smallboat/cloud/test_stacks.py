"""What is printed of a stack's events, with botocore's stub: the emulator has no events."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from smallboat.cloud.stacks import Stacks
from smallboat.errors import CloudError, UserError

ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/base/1"
NOW = datetime.now(UTC)


class CloudFormation:
    """A CloudFormation that gives the answers of a test, in order."""

    def __init__(self) -> None:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        self.client = boto3.client("cloudformation", region_name="eu-west-1", **keys)
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.stacks = Stacks(SimpleNamespace(client=lambda _: self.client))  # type: ignore[arg-type]

    def state(self, state: str | None) -> None:
        if state is None:
            self.stub.add_client_error(
                "describe_stacks", "ValidationError", "Stack with id base does not exist"
            )
            return
        stack = {"StackName": "base", "StackId": ID, "StackStatus": state, "CreationTime": NOW}
        self.stub.add_response("describe_stacks", {"Stacks": [stack]})

    def events(self, *events: tuple[str, str, str]) -> None:
        """Events by resource, state and reason, the newest first, as AWS lists them."""
        described = [
            {
                "StackId": ID,
                "EventId": f"{what}-{state}",
                "StackName": "base",
                "LogicalResourceId": what,
                "ResourceStatus": state,
                "ResourceStatusReason": reason,
                "Timestamp": NOW,
            }
            for what, state, reason in events
        ]
        self.stub.add_response("describe_stack_events", {"StackEvents": described})

    def changes(self, kind: str) -> None:
        made = {"Id": "change-1-set", "StackId": ID}
        asked = dict.fromkeys(
            ["StackName", "ChangeSetName", "ClientToken", "TemplateBody", "Parameters", "Tags",
             "Capabilities"],
            ANY,
        )  # fmt: skip
        asked |= {"ChangeSetType": kind, "ImportExistingResources": True}
        self.stub.add_response("create_change_set", made, asked)

    def change_set(self, status: str, reason: str = "") -> None:
        self.stub.add_response("describe_change_set", {"Status": status, "StatusReason": reason})

    def put(self) -> bool:
        return self.stacks.put("base", "{}", {"NamePrefix": "a-b"}, {"project": "a"})


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    monkeypatch.setattr("smallboat.cloud.stacks.POLL_SECONDS", 0)
    return CloudFormation()


def test_each_resource_is_printed_once_as_it_happens(
    cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    begun, made = ("Bucket", "CREATE_IN_PROGRESS", ""), ("Bucket", "CREATE_COMPLETE", "")
    cloudformation.state(None)
    cloudformation.changes("CREATE")
    cloudformation.change_set("CREATE_IN_PROGRESS")
    cloudformation.change_set("CREATE_COMPLETE")
    cloudformation.events()
    cloudformation.stub.add_response("execute_change_set", {})
    cloudformation.state("CREATE_IN_PROGRESS")
    cloudformation.events(made, begun)
    cloudformation.state("CREATE_COMPLETE")
    cloudformation.events(
        ("base", "CREATE_COMPLETE", ""), ("Role", "CREATE_COMPLETE", ""), made, begun
    )
    assert cloudformation.put()
    cloudformation.stub.assert_no_pending_responses()
    assert capsys.readouterr().out.splitlines() == [
        "base: creating",
        "  create complete: Bucket",
        "  create complete: Role",
        "base: create complete",
    ]


def test_a_refused_resource_is_named_with_its_reason(cloudformation: CloudFormation) -> None:
    cloudformation.state("UPDATE_COMPLETE")
    cloudformation.changes("UPDATE")
    cloudformation.change_set("CREATE_COMPLETE")
    cloudformation.events(("Bucket", "CREATE_COMPLETE", ""))
    cloudformation.stub.add_response("execute_change_set", {})
    cloudformation.state("UPDATE_ROLLBACK_COMPLETE")
    cloudformation.events(
        ("Images", "UPDATE_FAILED", "Resource update cancelled"),
        ("Role", "UPDATE_FAILED", "policy too large"),
        ("Bucket", "CREATE_COMPLETE", ""),
    )
    with pytest.raises(CloudError, match="UPDATE_ROLLBACK_COMPLETE: Role: policy too large"):
        cloudformation.put()


def test_a_stack_that_was_rolled_back_is_deleted_and_created(
    cloudformation: CloudFormation,
) -> None:
    cloudformation.state("ROLLBACK_COMPLETE")
    cloudformation.state("ROLLBACK_COMPLETE")
    cloudformation.events()
    cloudformation.stub.add_response("delete_stack", {})
    cloudformation.state("DELETE_COMPLETE")
    cloudformation.events()
    cloudformation.changes("CREATE")
    cloudformation.change_set("FAILED", "The submitted information didn't contain changes.")
    cloudformation.stub.add_response("delete_change_set", {})
    assert not cloudformation.put()
    cloudformation.stub.assert_no_pending_responses()


def test_a_refused_template_is_an_error(cloudformation: CloudFormation) -> None:
    cloudformation.state("CREATE_COMPLETE")
    cloudformation.changes("UPDATE")
    cloudformation.change_set("FAILED", "Unresolved resource dependencies [Nobody]")
    with pytest.raises(CloudError, match="Nobody"):
        cloudformation.put()


@pytest.mark.parametrize("state", ["REVIEW_IN_PROGRESS", "ROLLBACK_FAILED", "DELETE_FAILED"])
def test_a_stack_that_was_not_completed_is_deleted_first(
    cloudformation: CloudFormation, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation.state(state)
    cloudformation.state(state)
    cloudformation.events()
    cloudformation.stub.add_response("delete_stack", {})
    cloudformation.state("DELETE_FAILED")
    cloudformation.events(("Images", "DELETE_FAILED", "the repository is not empty"))
    with pytest.raises(CloudError, match="DELETE_FAILED: Images: the repository is not empty"):
        cloudformation.put()
    cloudformation.stub.assert_no_pending_responses()
    assert f"base: an earlier attempt was not completed ({state})" in capsys.readouterr().out


def test_a_rollback_that_failed_is_continued_before_the_update(
    cloudformation: CloudFormation,
) -> None:
    cloudformation.state("UPDATE_ROLLBACK_FAILED")
    cloudformation.events(("Role", "UPDATE_FAILED", "of the earlier attempt"))
    cloudformation.stub.add_response("continue_update_rollback", {}, {"StackName": "base"})
    cloudformation.state("UPDATE_ROLLBACK_COMPLETE")
    cloudformation.events(("Role", "UPDATE_FAILED", "of the earlier attempt"))
    cloudformation.changes("UPDATE")
    cloudformation.change_set("FAILED", "The submitted information didn't contain changes.")
    cloudformation.stub.add_response("delete_change_set", {})
    assert not cloudformation.put()
    cloudformation.stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("state", "message"),
    [("UPDATE_IN_PROGRESS", "is busy"), ("IMPORT_ROLLBACK_FAILED", "see the reason")],
)
def test_a_stack_that_is_busy_or_broken_is_left_alone(
    cloudformation: CloudFormation, state: str, message: str
) -> None:
    cloudformation.state(state)
    with pytest.raises(UserError, match=message):
        cloudformation.put()
    cloudformation.stub.assert_no_pending_responses()


def test_a_stack_that_can_not_be_deleted_is_an_error(cloudformation: CloudFormation) -> None:
    cloudformation.state("CREATE_COMPLETE")
    cloudformation.events()
    cloudformation.stub.add_response("delete_stack", {})
    cloudformation.state("DELETE_FAILED")
    reason: Any = "the repository is not empty"
    cloudformation.events(("Images", "DELETE_FAILED", reason))
    with pytest.raises(CloudError, match=f"DELETE_FAILED: Images: {reason}"):
        cloudformation.stacks.delete("base")
