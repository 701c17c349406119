"""CloudFormation stacks: created, updated and deleted, with one printed line per resource."""

import time
from typing import Any

from ..aws import aws
from ..errors import CloudError, UserError

Json = dict[str, Any]
POLL_SECONDS = 2.0
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
NEVER_CREATED = {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"}
"""States of a stack without resources, which CloudFormation can only delete."""
FINAL = ("_COMPLETE", "_FAILED")


class Stacks:
    """The stacks of an environment's account and region."""

    def __init__(self, env: aws.Environment) -> None:
        self._client = env.client("cloudformation")

    def describe(self, name: str) -> Json | None:
        """A stack as CloudFormation describes it, or None if there is none."""
        with aws.aws_errors("does not exist"):
            stack: Json = self._client.describe_stacks(StackName=name)["Stacks"][0]
            return stack if stack["StackStatus"] != "DELETE_COMPLETE" else None
        return None

    def put(
        self, name: str, template: str, parameters: dict[str, str], tags: dict[str, str]
    ) -> bool:
        """Create or update a stack, and wait; False if nothing changed.

        A resource that an earlier stack retained, as the bucket, is imported by its name.

        Raises:
            UserError: the stack is busy or broken; the message says what to do.
            CloudError: CloudFormation refused the template or a resource.
        """
        state = self._updatable(name)
        with aws.aws_errors():
            token = f"bootstrap-{time.time_ns()}"
            change = self._client.create_change_set(
                StackName=name,
                ChangeSetName=token,
                ChangeSetType="UPDATE" if state else "CREATE",
                TemplateBody=template,
                Parameters=[
                    {"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()
                ],
                Tags=aws.as_list(tags),
                Capabilities=["CAPABILITY_NAMED_IAM"],
                ImportExistingResources=True,
            )
            if not self._has_changes(change["Id"]):
                self._client.delete_change_set(ChangeSetName=change["Id"])
                print(f"{name}: no updates", flush=True)
                return False
            print(f"{name}: {'updating' if state else 'creating'}", flush=True)
            earlier = self._events(change["StackId"])
            self._client.execute_change_set(
                ChangeSetName=change["Id"],
                ClientRequestToken=token,  # boto3 may send the request twice
            )
            self._follow(change["StackId"], name, earlier)
        return True

    def delete(self, name: str) -> None:
        """Delete a stack, and wait until it is gone."""
        stack = self.describe(name)
        if stack is None:
            return
        with aws.aws_errors():
            print(f"{name}: deleting", flush=True)
            earlier = self._events(stack["StackId"])
            self._client.delete_stack(StackName=name)
            self._follow(stack["StackId"], name, earlier)

    def _updatable(self, name: str) -> str | None:
        """The state of a stack that can be updated, or None if it must be created."""
        stack = self.describe(name)
        state: str | None = stack["StackStatus"] if stack else None
        if state in NEVER_CREATED:
            print(f"{name}: an earlier attempt created nothing ({state})", flush=True)
            self.delete(name)
            return None
        if state and state.endswith("_IN_PROGRESS"):
            raise UserError(f"the stack {name} is busy ({state}): repeat the command in a minute")
        if state and state.endswith("_FAILED"):
            raise UserError(
                f"the stack {name} is in {state}: see the reason in CloudFormation's console and "
                "continue the rollback or delete the stack there; then repeat the command"
            )
        return state

    def _has_changes(self, change_set: str) -> bool:
        while True:
            change = self._client.describe_change_set(ChangeSetName=change_set)
            if change["Status"] == "CREATE_COMPLETE":
                return True
            if change["Status"] == "FAILED":
                reason = change.get("StatusReason", "")
                if any(message in reason for message in NO_CHANGES):
                    return False
                raise CloudError(f"CloudFormation refused the template: {reason}")
            time.sleep(POLL_SECONDS)

    def _events(self, stack: str) -> list[Json]:
        """The events of a stack, the oldest first."""
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=stack)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def _follow(self, stack: str, name: str, earlier: list[Json]) -> None:
        """Print what happens to each resource until the stack's state is final."""
        seen, failures = {event["EventId"] for event in earlier}, []
        while True:
            state = self._client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
            for event in self._events(stack):
                resource, status = event["LogicalResourceId"], event["ResourceStatus"]
                if event["EventId"] in seen or resource == name or not status.endswith(FINAL):
                    continue
                seen.add(event["EventId"])
                print(f"  {status.lower().replace('_', ' ')}: {resource}", flush=True)
                if status.endswith("_FAILED"):
                    failures.append(f"{resource}: {event.get('ResourceStatusReason', status)}")
            if state.endswith(FINAL):
                break
            time.sleep(POLL_SECONDS)
        if "ROLLBACK" in state or state.endswith("_FAILED"):
            reason = failures[0] if failures else "see its events in CloudFormation's console"
            raise CloudError(f"the stack {name} ended in {state}: {reason}")
        print(f"{name}: {state.lower().replace('_', ' ')}", flush=True)
