"""What CloudFormation makes of API Gateway, where moto skips it without a word."""

from contextlib import suppress
from typing import Any

from moto.apigateway.models import RestAPI, apigateway_backends
from moto.core.common_models import CloudFormationModel

Json = dict[str, Any]


def install() -> None:
    """Let a REST API go with its stack: moto leaves it. The classes below are found by moto."""

    def delete(self: Any, account: str, region: str) -> None:
        apigateway_backends[account][region].delete_rest_api(self.id)

    RestAPI.delete = delete


class _Resource:
    """A resource of a stack."""

    kind = ""

    def __init__(self, backend: Any, properties: Json) -> None:
        self.said = properties
        self.physical_resource_id = self.make(backend)

    def make(self, backend: Any) -> str:
        """Make what is said; returns its id."""
        raise NotImplementedError

    def remove(self, backend: Any) -> None:
        """Remove it."""
        raise NotImplementedError

    def change(self, backend: Any) -> None:
        """Let it be what is said now."""
        self.remove(backend)
        self.physical_resource_id = self.make(backend)

    def delete(self, account: str, region: str) -> None:
        """Remove it with its stack, unless it went with what it belonged to."""
        with suppress(Exception):
            self.remove(apigateway_backends[account][region])

    @classmethod
    def cloudformation_type(cls) -> str:
        """What templates call it."""
        return f"AWS::ApiGateway::{cls.kind}"

    @staticmethod
    def cloudformation_name_type() -> str:
        """No property is a name that moto must make."""
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """No attribute can be asked for."""
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, template: Json, account_id: str, region_name: str, **_: Any
    ) -> "_Resource":
        """Make it with its stack."""
        return cls(apigateway_backends[account_id][region_name], template["Properties"])

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "_Resource",
        new_resource_name: str,
        cloudformation_json: Json,
        account_id: str,
        region_name: str,
    ) -> "_Resource":
        """Change it with its stack."""
        original_resource.said = cloudformation_json["Properties"]
        original_resource.change(apigateway_backends[account_id][region_name])
        return original_resource


class Stage(_Resource, CloudFormationModel):
    """A stage; osls makes one of its own where access is logged."""

    kind = "Stage"

    def make(self, backend: Any) -> str:
        """Make what is said."""
        said = self.said
        backend.create_stage(said["RestApiId"], said["StageName"], said["DeploymentId"])
        return str(said["StageName"])

    def remove(self, backend: Any) -> None:
        """Remove it."""
        backend.delete_stage(self.said["RestApiId"], self.physical_resource_id)


class ApiKey(_Resource, CloudFormationModel):
    """An API key."""

    kind = "ApiKey"

    def make(self, backend: Any) -> str:
        """Make what is said."""
        said = {name: self.said.get(name.capitalize()) for name in ("name", "enabled", "value")}
        return str(backend.create_api_key({k: v for k, v in said.items() if v is not None}).id)

    def remove(self, backend: Any) -> None:
        """Remove it."""
        backend.delete_api_key(self.physical_resource_id)

    def change(self, backend: Any) -> None:
        """Let it be enabled or not; its value stays."""
        backend.get_api_key(self.physical_resource_id).enabled = self.said.get("Enabled", False)


class UsagePlan(_Resource, CloudFormationModel):
    """A usage plan; its limits are kept, not applied."""

    kind = "UsagePlan"

    def make(self, backend: Any) -> str:
        """Make what is said."""
        plan = backend.create_usage_plan({"name": self.said.get("UsagePlanName", "")})
        self.physical_resource_id = str(plan.id)
        self.change(backend)
        return self.physical_resource_id

    def remove(self, backend: Any) -> None:
        """Remove it."""
        backend.delete_usage_plan(self.physical_resource_id)

    def change(self, backend: Any) -> None:
        """Let it be what is said now; its keys stay."""
        plan = backend.get_usage_plan(self.physical_resource_id)
        plan.api_stages = [_lowered(each) for each in self.said.get("ApiStages", [])]
        plan.throttle = _lowered(self.said.get("Throttle", {}))
        plan.quota = _lowered(self.said.get("Quota", {}))


class UsagePlanKey(_Resource, CloudFormationModel):
    """That a key is of a usage plan."""

    kind = "UsagePlanKey"

    def make(self, backend: Any) -> str:
        """Make what is said."""
        payload = {"keyId": self.said["KeyId"], "keyType": self.said["KeyType"]}
        backend.create_usage_plan_key(self.said["UsagePlanId"], payload)
        return f"{self.said['KeyId']}:{self.said['UsagePlanId']}"

    def remove(self, backend: Any) -> None:
        """Remove it."""
        backend.delete_usage_plan_key(self.said["UsagePlanId"], self.said["KeyId"])


class GatewayResponse(_Resource, CloudFormationModel):
    """What API Gateway answers by itself."""

    kind = "GatewayResponse"

    def make(self, backend: Any) -> str:
        """Make what is said."""
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
        """Remove it."""
        backend.delete_gateway_response(self.said["RestApiId"], self.said["ResponseType"])


def _lowered(said: Json) -> Json:
    return {name[0].lower() + name[1:]: value for name, value in said.items()}
