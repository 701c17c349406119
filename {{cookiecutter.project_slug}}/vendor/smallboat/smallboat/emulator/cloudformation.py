"""What moto's CloudFormation lacks: imports, secrets, Batch's service-linked role and more."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from moto.batch.models import ComputeEnvironment, JobQueue, batch_backends
from moto.cloudformation.models import ChangeSet, Stack
from moto.cloudformation.parsing import OutputMap
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_models import CloudFormationModel
from moto.ecr.models import Repository, ecr_backends
from moto.iam.exceptions import NotFoundException
from moto.iam.models import ManagedPolicy, iam_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.secretsmanager.exceptions import InvalidRequestException
from moto.secretsmanager.models import secretsmanager_backends

SERVICE = "batch.amazonaws.com"
ROLE = "AWSServiceRoleForBatch"
DELETED = (
    "You can't create this secret because a secret with this name is already scheduled for "
    "deletion."
)
_importing: ContextVar[set[str]] = ContextVar("_importing")


def install() -> None:
    """Add it to moto."""
    ChangeSet.apply = _whole(ChangeSet.apply)  # type: ignore[method-assign]
    Stack.delete = _without_outputs(Stack.delete)  # type: ignore[method-assign]
    Stack.parse_template = staticmethod(_with_known_policies(Stack.parse_template))
    response: Any = CloudFormationResponse
    response._validate_different_update = _later(response._validate_different_update)
    response.create_change_set = _told_of_imports(response.create_change_set)
    bucket: Any = FakeBucket
    found = bucket.create_from_cloudformation_json.__func__
    bucket.create_from_cloudformation_json = classmethod(_or_imported(found))
    for kind, kept in (
        (ManagedPolicy, lambda account, _: iam_backends[account]["aws"].managed_policies),
        (ComputeEnvironment, lambda *key: _batch(*key)._compute_environments),
        (JobQueue, lambda *key: _batch(*key)._job_queues),
    ):
        kind.delete = _removed_from(kept)  # type: ignore[attr-defined]
    repository: Any = Repository
    create = repository.create_from_cloudformation_json.__func__
    repository.create_from_cloudformation_json = classmethod(_with_empty_on_delete(create))
    repository.delete = _delete_repository
    batch: Any = ComputeEnvironment
    made = batch.create_from_cloudformation_json.__func__
    batch.create_from_cloudformation_json = classmethod(_with_service_role(made))


class Secret(CloudFormationModel):
    """A secret of Secrets Manager, which moto's CloudFormation lacks."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        """Its name, by which moto finds it."""
        return self.name

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property that names it."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """Its type in a template."""
        return "AWS::SecretsManager::Secret"

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, resource: Any, account_id: str, region_name: str, **_: Any
    ) -> "Secret":
        """Create it, with its first value."""
        given = resource["Properties"]
        secrets = secretsmanager_backends[account_id][region_name]
        if secrets._is_valid_identifier(name) and secrets.secrets[name].is_deleted():
            raise InvalidRequestException(DELETED)
        secrets.create_secret(
            name, given.get("SecretString"), None, given.get("Description"), given.get("Tags"),
            None, None, [], False,
        )  # fmt: skip
        return cls(name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original: "Secret", name: str, resource: Any, account_id: str, region_name: str
    ) -> "Secret":
        """Keep it: a stack update does not change the value."""
        return original

    def delete(self, account: str, region: str) -> None:
        """Delete it without recovery, as CloudFormation does."""
        secretsmanager_backends[account][region].delete_secret(self.name, None, True)


def _batch(account: str, region: str) -> Any:
    return batch_backends[account][region]


def _with_empty_on_delete(create: Callable[..., Any]) -> Callable[..., Any]:
    """A repository knows whether its images are deleted with it."""

    def created(
        cls: type, name: str, resource: Any, account_id: str, region_name: str, **more: Any
    ) -> Any:
        repository = create(cls, name, resource, account_id, region_name, **more)
        repository.empty_on_delete = resource["Properties"].get("EmptyOnDelete", False)
        return repository

    return created


def _delete_repository(self: Any, account: str, region: str) -> None:
    force = self.empty_on_delete
    ecr_backends[account][region].delete_repository(self.name, force=force)


def _removed_from(kept: Callable[[str, str], dict[str, Any]]) -> Callable[..., None]:
    """Delete with the stack what moto would keep."""

    def delete(self: Any, account: str, region: str) -> None:
        kept(account, region).pop(self.arn)

    return delete


def _whole(apply: Callable[[ChangeSet], None]) -> Callable[[ChangeSet], None]:
    """A stack has the outputs, parameters and tags of its last change set."""

    def applied(self: ChangeSet) -> None:
        token = _importing.set(getattr(self, "imports", set()))
        try:
            apply(self)
        finally:
            _importing.reset(token)
        stack = self.stack
        stack.template, stack.parameters, stack.tags = self.template, self.parameters, self.tags
        stack._parse_template()
        stack.output_map = stack._create_output_map()

    return applied


def _without_outputs(delete: Callable[[Stack], None]) -> Callable[[Stack], None]:
    """Clear a deleted stack's outputs: moto would recreate resources to describe them."""

    def deleted(self: Stack) -> None:
        delete(self)
        self.output_map = OutputMap(self.resource_map, {}, self.stack_id)

    return deleted


def _with_known_policies(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Replace RetainExceptOnCreate, which moto does not know, by Retain."""

    def parsed(template: str) -> Any:
        found = parse(template)
        for each in found.get("Resources", {}).values():
            if each.get("DeletionPolicy") == "RetainExceptOnCreate":
                each["DeletionPolicy"] = "Retain"
        return found

    return parsed


def _told_of_imports(create: Callable[..., Any]) -> Callable[..., Any]:
    """Note in a change set what it may import: only resources with a literal name."""

    def create_change_set(self: CloudFormationResponse) -> Any:
        told = create(self)
        made: Any = self.cloudformation_backend.change_sets[told.result["Id"]]
        made.imports, made.template_dict = set(), Stack.parse_template(made.template)
        if self._get_bool_param("ImportExistingResources"):
            resources = made.template_dict["Resources"].values()
            names = [each.get("Properties", {}).get("BucketName") for each in resources]
            made.imports = {name for name in names if isinstance(name, str)}
        return told

    return create_change_set


def _or_imported(create: Callable[..., Any]) -> Callable[..., Any]:
    """Import an existing bucket if the change set allows it."""

    def imported(
        cls: type, name: str, resource: Any, account_id: str, region_name: str, **more: Any
    ) -> Any:
        there = s3_backends[account_id]["aws"].buckets.get(name)
        if there is not None and name in _importing.get(set()):
            return there
        return create(cls, name, resource, account_id, region_name, **more)

    return imported


def _later(refuse: Callable[..., None]) -> Callable[..., None]:
    """Create a change set without changes, which then fails: AWS does not refuse it."""

    def validate(self: CloudFormationResponse, *args: Any) -> None:
        if self._get_action() != "CreateChangeSet":
            refuse(self, *args)

    return validate


def _with_service_role(create: Callable[..., Any]) -> Callable[..., Any]:
    """Without a role, use Batch's service-linked role, created at the first use."""

    def with_role(
        cls: type, name: str, resource: Any, account_id: str, region_name: str, **more: Any
    ) -> Any:
        resource["Properties"].setdefault("ServiceRole", _service_role(account_id))
        return create(cls, name, resource, account_id, region_name, **more)

    return with_role


def _service_role(account: str) -> str:
    iam = iam_backends[account]["aws"]
    try:
        return str(iam.get_role(ROLE).arn)
    except NotFoundException:
        path = f"/aws-service-role/{SERVICE}/"
        return str(iam.create_role(ROLE, "", path, None, "", [], None, SERVICE).arn)
