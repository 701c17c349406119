"""CloudFormation resources of API Gateway, and properties, that moto ignores silently."""

from contextlib import suppress
from typing import Any

from moto.apigateway.models import RestAPI, apigateway_backends
from moto.core.common_models import CloudFormationModel

Json = dict[str, Any]


def install() -> None:
    """Delete a REST API with its stack, and take its least size for compression from it.

    Moto finds the classes below itself.
    """
    create = RestAPI.create_from_cloudformation_json.__func__

    def delete(self: Any, account: str, region: str) -> None:
        apigateway_backends[account][region].delete_rest_api(self.id)

    def create_with_size(cls: Any, name: str, template: Json, *words: Any, **options: Any) -> Any:
        api = create(cls, name, template, *words, **options)
        api.minimum_compression_size = template["Properties"].get("MinimumCompressionSize")
        return api

    RestAPI.delete = delete
    RestAPI.create_from_cloudformation_json = classmethod(create_with_size)
    from . import rest_api_access

    rest_api_access.install()


class CloudFormationResource:
    """A resource of a stack."""

    kind = ""

    def __init__(self, backend: Any, properties: Json) -> None:
        self.said = properties
        self.physical_resource_id = self.make(backend)

    def make(self, backend: Any) -> str:
        """Create it from its properties; returns its id."""
        raise NotImplementedError

    def remove(self, backend: Any) -> None:
        """Delete it."""
        raise NotImplementedError

    def change(self, backend: Any) -> None:
        """Update it to its properties."""
        self.remove(backend)
        self.physical_resource_id = self.make(backend)

    def delete(self, account: str, region: str) -> None:
        """Delete it with its stack, unless it was deleted with its parent."""
        with suppress(Exception):
            self.remove(apigateway_backends[account][region])

    @classmethod
    def cloudformation_type(cls) -> str:
        """Its type in a template."""
        return f"AWS::ApiGateway::{cls.kind}"

    @staticmethod
    def cloudformation_name_type() -> str:
        """None: moto need not generate a name."""
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """It has no attributes."""
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, template: Json, account_id: str, region_name: str, **_: Any
    ) -> "CloudFormationResource":
        """Create it with its stack."""
        return cls(apigateway_backends[account_id][region_name], template["Properties"])

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "CloudFormationResource",
        new_resource_name: str,
        cloudformation_json: Json,
        account_id: str,
        region_name: str,
    ) -> "CloudFormationResource":
        """Update it with its stack."""
        original_resource.said = cloudformation_json["Properties"]
        original_resource.change(apigateway_backends[account_id][region_name])
        return original_resource


class Stage(CloudFormationResource, CloudFormationModel):
    """A stage; osls creates a resource for it if access is logged."""

    kind = "Stage"

    def make(self, backend: Any) -> str:
        """Create it from its properties."""
        said = self.said
        backend.create_stage(said["RestApiId"], said["StageName"], said["DeploymentId"])
        return str(said["StageName"])

    def remove(self, backend: Any) -> None:
        """Delete it."""
        backend.delete_stage(self.said["RestApiId"], self.physical_resource_id)


class ApiKey(CloudFormationResource, CloudFormationModel):
    """An API key."""

    kind = "ApiKey"

    def make(self, backend: Any) -> str:
        """Create it from its properties."""
        said = {name: self.said.get(name.capitalize()) for name in ("name", "enabled", "value")}
        return str(backend.create_api_key({k: v for k, v in said.items() if v is not None}).id)

    def remove(self, backend: Any) -> None:
        """Delete it."""
        backend.delete_api_key(self.physical_resource_id)

    def change(self, backend: Any) -> None:
        """Enable or disable it; its value stays."""
        backend.get_api_key(self.physical_resource_id).enabled = self.said.get("Enabled", False)


class UsagePlan(CloudFormationResource, CloudFormationModel):
    """A usage plan."""

    kind = "UsagePlan"

    def make(self, backend: Any) -> str:
        """Create it from its properties."""
        plan = backend.create_usage_plan({"name": self.said.get("UsagePlanName", "")})
        self.physical_resource_id = str(plan.id)
        self.change(backend)
        return self.physical_resource_id

    def remove(self, backend: Any) -> None:
        """Delete it."""
        backend.delete_usage_plan(self.physical_resource_id)

    def change(self, backend: Any) -> None:
        """Update it to its properties; its keys stay."""
        plan = backend.get_usage_plan(self.physical_resource_id)
        plan.api_stages = [_lowered(each) for each in self.said.get("ApiStages", [])]
        plan.throttle = _lowered(self.said.get("Throttle", {}))
        plan.quota = _lowered(self.said.get("Quota", {}))


class UsagePlanKey(CloudFormationResource, CloudFormationModel):
    """A key's membership in a usage plan."""

    kind = "UsagePlanKey"

    def make(self, backend: Any) -> str:
        """Create it from its properties."""
        payload = {"keyId": self.said["KeyId"], "keyType": self.said["KeyType"]}
        backend.create_usage_plan_key(self.said["UsagePlanId"], payload)
        return f"{self.said['KeyId']}:{self.said['UsagePlanId']}"

    def remove(self, backend: Any) -> None:
        """Delete it."""
        backend.delete_usage_plan_key(self.said["UsagePlanId"], self.said["KeyId"])


class GatewayResponse(CloudFormationResource, CloudFormationModel):
    """A response of API Gateway itself."""

    kind = "GatewayResponse"

    def make(self, backend: Any) -> str:
        """Create it from its properties."""
        said = self.said
        backend.put_gateway_response(
            said["RestApiId"],
            said["ResponseType"],
            said.get("StatusCode"),
            said.get("ResponseParameters"),
            said.get("ResponseTemplates"),
        )
        return str(said["ResponseType"])

    def remove(self, backend: Any) -> None:
        """Delete it."""
        backend.delete_gateway_response(self.said["RestApiId"], self.said["ResponseType"])


def _lowered(said: Json) -> Json:
    return {name[0].lower() + name[1:]: value for name, value in said.items()}
