"""CloudFormation stacks: made, brought up to date and removed, told resource by resource."""

import time
from typing import Any

from ..aws import aws
from ..errors import CloudError, UserError

POLL_SECONDS = 2.0
UNCHANGED = ("didn't contain changes", "No updates are to be performed")
UNDONE = {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"}
"""States of a stack that was never made: nothing stands in it, so it may go."""
ENDED = ("_COMPLETE", "_FAILED")


class Stacks:
    """The stacks of a place."""

    def __init__(self, env: aws.Environment) -> None:
        """The stacks of the place's account and region."""
        self._client = env.client("cloudformation")

    def state(self, name: str) -> str | None:
        """The state of a stack as CloudFormation names it, or None if there is none."""
        found = self.found(name)
        return found["StackStatus"] if found else None

    def parameters(self, name: str) -> dict[str, str]:
        """What a stack was made with; empty if there is none."""
        found = self.found(name) or {}
        return {p["ParameterKey"]: p["ParameterValue"] for p in found.get("Parameters", [])}

    def outputs(self, name: str) -> list[tuple[str, str, str]]:
        """Key, description and value of each output of a stack."""
        found = (self.found(name) or {}).get("Outputs", [])
        return [(o["OutputKey"], o.get("Description", ""), o["OutputValue"]) for o in found]

    def put(
        self, name: str, template: str, parameters: dict[str, str], tags: dict[str, str]
    ) -> bool:
        """Make a stack or bring it up to date, and wait; False if there was nothing to do.

        A resource that a destroyed environment left, as its bucket, is taken over by its name.

        Raises:
            UserError: the stack is busy or broken; the sentence says what to do.
            CloudError: a resource was refused.
        """
        state = self._usable(name)
        with aws.aws_errors():
            token = f"bootstrap-{time.time_ns()}"
            made = self._client.create_change_set(
                StackName=name,
                ChangeSetName=token,
                ChangeSetType="UPDATE" if state else "CREATE",
                TemplateBody=template,
                Parameters=[
                    {"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()
                ],
                Tags=[{"Key": k, "Value": v} for k, v in tags.items()],
                Capabilities=["CAPABILITY_NAMED_IAM"],
                ImportExistingResources=True,
            )
            if not self._has_changes(made["Id"]):
                self._client.delete_change_set(ChangeSetName=made["Id"])
                print(f"{name}: no updates", flush=True)
                return False
            print(f"{name}: {'updating' if state else 'creating'}", flush=True)
            seen = self._events(made["StackId"])
            self._client.execute_change_set(
                ChangeSetName=made["Id"],
                ClientRequestToken=token,  # a second attempt of the client is not a second change
            )
            self._follow(made["StackId"], name, {event["EventId"] for event in seen})
        return True

    def remove(self, name: str) -> None:
        """Remove a stack and wait until it is gone."""
        with aws.aws_errors():
            found = self.found(name)
            if found is None:
                return
            print(f"{name}: removing", flush=True)
            seen = {event["EventId"] for event in self._events(found["StackId"])}
            self._client.delete_stack(StackName=name)
            self._follow(found["StackId"], name, seen)

    def found(self, name: str) -> dict[str, Any] | None:
        """A stack as CloudFormation describes it, or None if there is none."""
        from botocore.exceptions import ClientError

        with aws.aws_errors():
            try:
                found: dict[str, Any] = self._client.describe_stacks(StackName=name)["Stacks"][0]
            except ClientError as error:
                if "does not exist" in str(error):
                    return None
                raise
        return found if found["StackStatus"] != "DELETE_COMPLETE" else None

    def _usable(self, name: str) -> str | None:
        """The state of a stack that can be updated, or None if it is to be made."""
        state = self.state(name)
        if state in UNDONE:
            print(f"{name}: an earlier attempt made nothing of it ({state})", flush=True)
            self.remove(name)
            return None
        if state and state.endswith("_IN_PROGRESS"):
            raise UserError(f"the stack {name} is busy ({state}): repeat the command in a minute")
        if state and state.endswith("_FAILED"):
            raise UserError(
                f"the stack {name} is in {state}: CloudFormation's console shows why and can go "
                "on (continue update rollback, or delete); then repeat the command"
            )
        return state

    def _has_changes(self, change_set: str) -> bool:
        while True:
            told = self._client.describe_change_set(ChangeSetName=change_set)
            if told["Status"] == "CREATE_COMPLETE":
                return True
            reason = told.get("StatusReason", "")
            if told["Status"] == "FAILED" and any(words in reason for words in UNCHANGED):
                return False
            if told["Status"] == "FAILED":
                raise CloudError(f"CloudFormation refused the template: {reason}")
            time.sleep(POLL_SECONDS)

    def _events(self, stack: str) -> list[dict[str, Any]]:
        """The events of a stack, the oldest first."""
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=stack)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def _follow(self, stack: str, name: str, seen: set[str]) -> None:
        """Tell what becomes of each resource until the stack is at rest."""
        broken = []
        while True:
            state = self._client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
            for event in self._events(stack):
                if event["EventId"] in seen:
                    continue
                seen.add(event["EventId"])
                what, became = event["LogicalResourceId"], event["ResourceStatus"]
                if what == name or not became.endswith(ENDED):
                    continue
                print(f"  {became.lower().replace('_', ' ')}: {what}", flush=True)
                if became.endswith("_FAILED"):
                    broken.append(f"{what}: {event.get('ResourceStatusReason', 'no reason told')}")
            if state.endswith(ENDED):
                break
            time.sleep(POLL_SECONDS)
        if "ROLLBACK" in state or state.endswith("_FAILED"):
            why = broken[0] if broken else "its events in the console say why"
            raise CloudError(f"the stack {name} ended in {state}: {why}; repeat the command then")
        print(f"{name}: {state.lower().replace('_', ' ')}", flush=True)
