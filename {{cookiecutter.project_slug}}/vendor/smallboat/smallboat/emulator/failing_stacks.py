"""Stacks whose resources fail on request, with the states and events that AWS documents for that.

A fault of the service `cloudformation` whose operation is the logical name of a resource lets the
next change of that resource fail, with the fault's message as its reason. Its code is the state in
which the stack ends, by default that of a rollback that succeeds.

CloudFormation User Guide, "Stack status codes" and "Continue rolling back an update".
"""

from collections.abc import Callable, Iterable
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Event, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.core.responses import EmptyResult

from .calls import Fault

Take = Callable[[str, Iterable[str]], tuple[str, Fault] | None]
UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}


def install(take: Take) -> None:
    """Add it to moto.

    Args:
        take: the fault of one of some operations of a service, which then counts as used.
    """
    backend: Any = CloudFormationBackend
    backend.create_change_set = _refused_by_state(backend.create_change_set)
    backend.execute_change_set = _or_failed(backend.execute_change_set, take)
    backend.delete_stack = _or_kept(backend.delete_stack, take)
    response: Any = CloudFormationResponse
    response.continue_update_rollback = _continued(take)


def _refused_by_state(create: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse to change a stack that can't be changed."""

    def created(self: Any, stack_name: str, *args: Any, **named: Any) -> Any:
        is_new = named["change_set_type"] == "CREATE"
        for stack in self.stacks.values():
            if stack.name == stack_name and (is_new or stack.status not in UPDATABLE):
                state = f"is in {stack.status} state and can not be updated."
                raise ValidationError(stack.stack_id, message=f"Stack:{stack.stack_id} {state}")
        return create(self, stack_name, *args, **named)

    return created


def _or_failed(execute: Callable[..., None], take: Take) -> Callable[..., None]:
    """Execute a change set, or fail at a resource of it."""

    def executed(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
        change: ChangeSet = self.describe_change_set(change_set_name)
        names = [each.logical_resource_id for each in change.changes]
        if not (found := take("cloudformation", names)):
            _execute(execute, self, change_set_name, change)
            return
        resource, fault = found
        verb, rolled_back = change.change_set_type, "ROLLBACK"
        if verb == "UPDATE":
            rolled_back = "UPDATE_ROLLBACK"
        elif fault.code.endswith("_FAILED"):  # what was created is still there
            execute(self, change_set_name, stack_name)
        _add(change.stack, resource, f"{verb}_FAILED", fault.message)
        failed = fault.code.endswith("_FAILED")
        change.stack.status = f"{rolled_back}_{'FAILED' if failed else 'COMPLETE'}"

    return executed


def _execute(execute: Callable[..., None], backend: Any, name: str, change: ChangeSet) -> None:
    """Execute a change set; roll a new stack back if a service refuses a resource."""
    try:
        execute(backend, name)
    except (JsonRESTError, ServiceException) as error:
        if change.change_set_type == "UPDATE":
            raise
        change.stack.resource_map.delete()
        _add(change.stack, "resource", "CREATE_FAILED", error.message)
        change.stack.status = "ROLLBACK_COMPLETE"


def _or_kept(delete: Callable[..., None], take: Take) -> Callable[..., None]:
    """Delete a stack, or fail at a resource of it."""

    def deleted(self: Any, name_or_stack_id: str) -> None:
        for stack in list(self.stacks.values()):
            if name_or_stack_id not in (stack.name, stack.stack_id):
                continue
            names = [f"delete {each}" for each in stack.template_dict.get("Resources", {})]
            if found := take("cloudformation", names):
                _add(stack, found[0].removeprefix("delete "), "DELETE_FAILED", found[1].message)
                stack.status = "DELETE_FAILED"
                return
        delete(self, name_or_stack_id)

    return deleted


def _continued(take: Take) -> Callable[..., Any]:
    def continue_update_rollback(self: CloudFormationResponse) -> EmptyResult:
        """Roll back an update whose rollback failed, or fail again."""
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise ValidationError(stack.stack_id, message=f"{stack.name} is in {stack.status}")
        if found := take("cloudformation", list(stack.template_dict["Resources"])):
            _add(stack, found[0], "UPDATE_FAILED", found[1].message)
        else:
            stack.status = "UPDATE_ROLLBACK_COMPLETE"
        return EmptyResult()

    return continue_update_rollback


def _add(stack: Stack, resource: str, status: str, reason: str) -> None:
    """Add an event of a resource."""
    kind = "AWS::CloudFormation::Resource"
    event = Event(stack.stack_id, stack.name, resource, resource, kind, status, reason, None)
    stack.events.append(event)
