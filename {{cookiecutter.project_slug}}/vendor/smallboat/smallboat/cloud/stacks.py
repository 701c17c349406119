"""CloudFormation stacks: created, updated and deleted, with one printed line per resource."""

import time
from typing import Any

from ..aws import aws
from ..errors import CloudError, UserError

Json = dict[str, Any]
POLL_SECONDS = 2.0
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
ONLY_DELETABLE = {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
"""States of a stack that was not completed, or half deleted: it can only be deleted."""
FINAL = ("_COMPLETE", "_FAILED")
TRANSIENT = ("service linked role", "service-linked role", "cannot be assumed by",
             "scheduled for deletion")  # fmt: skip
"""Parts of reasons that pass by themselves: a new role, or a name that was just deleted.

The first ECS cluster of an account always fails: its service-linked role is created then.
"""
PAUSES = (10.0, 30.0)  # seconds before the next attempts


class _TransientError(CloudError):
    """The stack failed for a reason that passes."""


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

        A resource that an earlier stack retained, as the bucket, is imported by its name. What an
        earlier attempt left is deleted or rolled back first; a failure that passes is repeated.

        Raises:
            UserError: the stack is busy or broken; the message says what to do.
            CloudError: CloudFormation refused the template or a resource.
        """
        for pause in PAUSES:
            try:
                return self._put(name, template, parameters, tags)
            except _TransientError as error:
                print(f"{error}\nthis passes: trying again in {pause:g} s", flush=True)
                time.sleep(pause)
        return self._put(name, template, parameters, tags)

    def _put(
        self, name: str, template: str, parameters: dict[str, str], tags: dict[str, str]
    ) -> bool:
        state = self.updatable(name)
        with aws.aws_errors():
            token = f"bootstrap-{time.time_ns()}"
            change = self._client.create_change_set(
                StackName=name,
                ChangeSetName=token,
                ClientToken=token,  # boto3 may send a request twice
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
                ClientRequestToken=token,
            )
            self._finish(change["StackId"], name, earlier)
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
            self._finish(stack["StackId"], name, earlier)

    def updatable(self, name: str) -> str | None:
        """The state of a stack that can be updated, or None if it must be created.

        What an earlier attempt left is deleted, or rolled back.
        """
        stack = self.describe(name)
        state: str | None = stack["StackStatus"] if stack else None
        if stack and state in ONLY_DELETABLE:
            print(f"{name}: an earlier attempt was not completed ({state})", flush=True)
            self.delete(name)
            return None
        if stack and state == "UPDATE_ROLLBACK_FAILED":
            return self._continue_rollback(stack)
        if state and state.endswith("_IN_PROGRESS"):
            raise UserError(f"the stack {name} is busy ({state}): repeat the command in a minute")
        if state and state.endswith("_FAILED"):
            raise UserError(
                f"the stack {name} is in {state}: see the reason in CloudFormation's console, "
                "repair or delete the stack there, and repeat the command"
            )
        return state

    def _continue_rollback(self, stack: Json) -> str:
        """Roll an update back whose rollback failed; returns the state."""
        name = stack["StackName"]
        print(f"{name}: continuing the rollback of an earlier update", flush=True)
        with aws.aws_errors():
            earlier = self._events(stack["StackId"])
            self._client.continue_update_rollback(StackName=name)
            state, failures = self._follow(stack["StackId"], name, earlier)
        if state.endswith("_FAILED"):
            raise CloudError(
                f"the stack {name} can't be rolled back: {_reason(failures)}. Repair that, or skip "
                "the resource in CloudFormation's console (Continue update rollback), and repeat "
                "the command"
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

    def _follow(self, stack: str, name: str, earlier: list[Json]) -> tuple[str, list[str]]:
        """Print what happens to each resource until the stack's state is final.

        Returns:
            The state, and the failures with their reasons, the first one first.
        """
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
                return state, failures
            time.sleep(POLL_SECONDS)

    def _finish(self, stack: str, name: str, earlier: list[Json]) -> None:
        """Follow a stack to its end; CloudError with the first reason unless it ends well."""
        state, failures = self._follow(stack, name, earlier)
        if "ROLLBACK" in state or state.endswith("_FAILED"):
            passes = any(each in text.lower() for text in failures for each in TRANSIENT)
            kind = _TransientError if passes else CloudError
            raise kind(f"the stack {name} ended in {state}: {_reason(failures)}")
        print(f"{name}: {state.lower().replace('_', ' ')}", flush=True)


def _reason(failures: list[str]) -> str:
    return failures[0] if failures else "see its events in CloudFormation's console"
