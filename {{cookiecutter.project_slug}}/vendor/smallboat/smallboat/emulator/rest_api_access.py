"""What moto's CloudFormation lacks of who may call a REST API."""

import json
from contextlib import suppress
from typing import Any

from moto.apigateway.models import Method, Resource, RestAPI, apigateway_backends
from moto.core.common_models import CloudFormationModel
from moto.wafv2.models import wafv2_backends

from .apigateway import CloudFormationResource

Json = dict[str, Any]


def install() -> None:
    """Add policies of APIs, authorizers of methods, and what a stack update changes of them."""
    for kind, take in ((RestAPI, _take_policy), (Method, _take_authorization)):
        create = kind.create_from_cloudformation_json.__func__
        kind.create_from_cloudformation_json = classmethod(_taking(create, take))
        kind.update_from_cloudformation_json = classmethod(_updating(take))
    Method.delete, Resource.delete = _delete_method, _delete_resource


def _taking(create: Any, take: Any) -> Any:
    def created(cls: Any, name: str, template: Json, *words: Any, **options: Any) -> Any:
        made = create(cls, name, template, *words, **options)
        take(made, template["Properties"])
        return made

    return created


def _updating(take: Any) -> Any:
    def updated(
        cls: Any,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Json,
        account_id: str,
        region_name: str,
    ) -> Any:
        take(original_resource, cloudformation_json["Properties"])
        return original_resource

    return updated


def _take_policy(api: Any, properties: Json) -> None:
    policy = properties.get("Policy")
    api.policy = json.dumps(policy) if policy else None


def _take_authorization(method: Any, properties: Json) -> None:
    method.authorization_type = properties["AuthorizationType"]
    method.authorizer_id = properties.get("AuthorizerId")
    method.api_key_required = properties.get("ApiKeyRequired", False)


def _delete_method(self: Any, account: str, region: str) -> None:
    for api in apigateway_backends[account][region].apis.values():
        for resource in api.resources.values():
            for verb, method in list(resource.resource_methods.items()):
                if method is self:
                    del resource.resource_methods[verb]


def _delete_resource(self: Any, account: str, region: str) -> None:
    with suppress(KeyError):  # deleted with its API
        del apigateway_backends[account][region].apis[self.api_id].resources[self.id]


class Authorizer(CloudFormationResource, CloudFormationModel):
    """An authorizer, as one for the tokens of user pools."""

    kind = "Authorizer"

    def make(self, backend: Any) -> str:
        """Create it from its properties."""
        said = self.said
        made = backend.create_authorizer(
            said["RestApiId"], said["Name"], said["Type"], provider_arns=said["ProviderARNs"],
            auth_type=None, authorizer_uri=None, authorizer_credentials=None,
            identity_source=said["IdentitySource"], identiy_validation_expression=None,
            authorizer_result_ttl=300,
        )  # fmt: skip
        return str(made.id)

    def remove(self, backend: Any) -> None:
        """Delete it."""
        backend.delete_authorizer(self.said["RestApiId"], self.physical_resource_id)

    def change(self, backend: Any) -> None:
        """Take other user pools; its id stays."""
        found = backend.get_authorizer(self.said["RestApiId"], self.physical_resource_id)
        found.provider_arns = self.said["ProviderARNs"]


class WebAclAssociation(CloudFormationResource, CloudFormationModel):
    """The association of a web ACL of AWS WAF with a stage."""

    def make(self, backend: Any) -> str:
        """Create it from its properties."""
        acl, stage = self.said["WebACLArn"], self.said["ResourceArn"]
        _waf(backend).associate_web_acl(acl, stage)
        return f"{acl}|{stage}"

    def remove(self, backend: Any) -> None:
        """Delete it."""
        _waf(backend).disassociate_web_acl(self.said["ResourceArn"])

    @classmethod
    def cloudformation_type(cls) -> str:
        """Its type in a template."""
        return "AWS::WAFv2::WebACLAssociation"


def _waf(backend: Any) -> Any:
    return wafv2_backends[backend.account_id][backend.region_name]
