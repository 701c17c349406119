"""The IAM actions that calls need."""

from typing import Any

ALSO = {
    "batch:SubmitJob": {"batch:TagResource"},
    "sagemaker:CreateModel": {"iam:PassRole", "sagemaker:AddTags"},
    "sagemaker:CreateEndpointConfig": {"sagemaker:AddTags"},
    "sagemaker:CreateEndpoint": {"sagemaker:AddTags"},
    "cloudformation:CreateStack": {"iam:PassRole"},
    "application-autoscaling:RegisterScalableTarget": {
        "application-autoscaling:TagResource",
        "iam:CreateServiceLinkedRole",
    },
}
"""More actions that AWS checks for a call."""
ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObjectVersion",
    "sagemaker-runtime:InvokeEndpoint": "sagemaker:InvokeEndpoint",
    "apigateway:UpdateStage": "apigateway:PATCH",
    "apigateway:TagResource": "apigateway:PUT",
    "sts:GetCallerIdentity": "",
}
"""The action of a call that has another name, or needs none."""


def action(service: str, operation: str) -> str:
    """The IAM action of a call, empty if it needs none; of API Gateway see `iam_simulation`."""
    prefix = "states" if service == "stepfunctions" else service
    return ACTIONS.get(f"{service}:{operation}", f"{prefix}:{operation}")


def actions(calls: list[dict[str, Any]], *principals: str) -> set[str]:
    """The actions that principals needed."""
    needed: set[str] = set()
    for call in calls:
        if call["principal"] not in principals:
            continue
        name = f"{call['service']}:{call['operation']}"
        reads = call["service"] == "apigateway" and call["operation"].startswith("Get")
        called = action(call["service"], call["operation"])
        needed |= {"apigateway:GET" if reads else called, *ALSO.get(name, ())}
    return needed - {""}
