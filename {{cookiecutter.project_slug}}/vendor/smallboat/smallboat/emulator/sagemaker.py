"""What moto's SageMaker lacks: running containers, updates, and AWS's validation."""

import re
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ecr.models import ecr_backends
from moto.s3.models import s3_backends
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeEndpoint, SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from .containers import Containers, StartError, Variant

Method = Callable[..., Any]
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com/"
    r"(?P<repository>[^:@]+)(?:@(?P<digest>sha256:\w+)|:(?P<tag>[\w.-]+))"
)
CHANGING = ("Creating", "Updating", "Deleting")


def install(containers: Containers) -> None:
    """Add it all to moto."""
    backend, response = SageMakerModelBackend, SageMakerResponse
    for kind, kept in (("model", "_models"), ("endpoint_config", "endpoint_configs")):
        _wrap(backend, f"create_{kind}", _once(kind, kept))
    _wrap(backend, "create_endpoint", _once("endpoint", "endpoints"))
    _wrap(backend, "create_endpoint", _started(containers))
    _wrap(backend, "delete_endpoint", _ended(containers))
    for kind in ("model", "endpoint", "endpoint_config"):
        _wrap(response, f"describe_{kind}", _without_empty)
    response.update_endpoint = _updating(containers)


def known(endpoint: str) -> bool:
    """Whether any region has the endpoint."""
    return any(endpoint in each.endpoints for _, _, each in sagemaker_backends.iter_backends())


def _wrap(owner: type, name: str, around: Callable[[Method], Method]) -> None:
    method = getattr(owner, name)
    setattr(owner, name, wraps(method)(around(method)))


def _once(kind: str, kept: str) -> Callable[[Method], Method]:
    """Refuse a name that exists or is invalid, as AWS does: moto would replace the resource."""

    def around(method: Method) -> Method:
        def create(self: Any, *args: Any, **named: Any) -> Any:
            name = named[f"{kind}_name"]
            if not NAME.fullmatch(name):
                raise ValidationError(
                    f"1 validation error detected: Value '{name}' at '{kind}_name' failed to "
                    f"satisfy constraint: Member must satisfy regular expression pattern: "
                    f"{NAME.pattern}"
                )
            if taken := getattr(self, kept).get(name):
                arn = getattr(taken, "endpoint_config_arn", taken.arn)
                says = kind.replace("endpoint_config", "endpoint configuration")
                raise ValidationError(f'Cannot create already existing {says} "{arn}".')
            return method(self, *args, **named)

        return create

    return around


def _started(containers: Containers) -> Callable[[Method], Method]:
    """Keep a new endpoint Creating until its container answers or fails: moto starts none."""

    def around(method: Method) -> Method:
        def create(self: Any, *args: Any, **named: Any) -> FakeEndpoint:
            endpoint: FakeEndpoint = method(self, *args, **named)
            _change(self, endpoint, named["endpoint_config_name"], containers, "Creating", "Failed")
            return endpoint

        return create

    return around


def _updating(containers: Containers) -> Method:
    """UpdateEndpoint, which moto lacks: blue/green, with a rollback if it fails."""

    def update_endpoint(self: SageMakerResponse) -> ActionResult:
        backend = self.sagemaker_backend
        name, config = self._get_param("EndpointName"), self._get_param("EndpointConfigName")
        backend.describe_endpoint(name)
        new = backend.describe_endpoint_config(config)
        endpoint = backend.endpoints[name]
        _refuse_while_changing(endpoint)
        if endpoint.endpoint_status == "Failed":
            raise ValidationError(f'Cannot update failed endpoint "{endpoint.arn}".')
        now = endpoint.production_variants[0]
        if "CurrentServerlessConfig" not in now and "ServerlessConfig" in _only(new):
            raise ValidationError(
                f'Cannot update endpoint "{endpoint.arn}": an instance-based endpoint can not '
                "become serverless."
            )
        _change(backend, endpoint, config, containers, "Updating", "InService")
        return ActionResult({"EndpointArn": endpoint.arn})

    return update_endpoint


def _ended(containers: Containers) -> Callable[[Method], Method]:
    """Stop the container with its endpoint."""

    def around(method: Method) -> Method:
        def delete(self: Any, endpoint_name: str) -> None:
            if endpoint_name in self.endpoints:
                _refuse_while_changing(self.endpoints[endpoint_name])
            method(self, endpoint_name)
            containers.stop(endpoint_name)

        return delete

    return around


def _without_empty(method: Method) -> Method:
    """Leave empty structures out of a response, as AWS does."""

    def describe(self: SageMakerResponse) -> ActionResult:
        told: Any = dict(method(self).result)
        if "EndpointStatus" in told and (capture := told.get("DataCaptureConfig")):
            # AWS tells of an endpoint's capture what goes on, moto what was asked for.
            told["DataCaptureConfig"] = {
                "EnableCapture": capture["EnableCapture"],
                "CaptureStatus": "Started",
                "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
                "DestinationS3Uri": capture["DestinationS3Uri"],
                "KmsKeyId": "",
            }
        return ActionResult({k: v for k, v in told.items() if v not in (None, {}, [])})

    return describe


def _refuse_while_changing(endpoint: FakeEndpoint) -> None:
    if endpoint.endpoint_status in CHANGING:
        raise ValidationError(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _change(
    backend: SageMakerModelBackend,
    endpoint: FakeEndpoint,
    config: str,
    containers: Containers,
    meanwhile: str,
    failed: str,
) -> None:
    """Start a configuration's container in the background, then send it the endpoint's requests."""
    said = backend.endpoint_configs[config]

    def run() -> None:
        before = None
        try:
            container = containers.start(endpoint.endpoint_name, _variant(backend, said))
        except Exception as error:  # whatever it was, the endpoint must not change for ever
            endpoint.failure_reason, status = str(error), failed
        else:
            if backend.endpoints.get(endpoint.endpoint_name) is not endpoint:  # it was a reset
                return container.end()
            before = containers.serve(endpoint.endpoint_name, container)
            endpoint.endpoint_config_name, status = config, "InService"
            endpoint.production_variants = endpoint._process_production_variants(
                said.production_variants
            )
            endpoint.data_capture_config = said.data_capture_config
            endpoint.failure_reason = None
        endpoint.pending_deployment_summary = None
        endpoint.last_modified_time = utcnow()
        endpoint.endpoint_status = status
        if before:
            before.end()

    if meanwhile == "Creating":
        endpoint.production_variants = []  # none runs yet, and if this fails none ever did
    endpoint.endpoint_status, endpoint.last_modified_time = meanwhile, utcnow()
    endpoint.pending_deployment_summary = {"EndpointConfigName": config}
    threading.Thread(target=run, daemon=True).start()


def _variant(backend: SageMakerModelBackend, config: Any) -> Variant:
    """The variant of a configuration; StartError if something is missing."""
    variant = _only({"ProductionVariants": config.production_variants})
    model = backend._models.get(variant["ModelName"])
    if model is None:
        raise StartError(f'Could not find model "{variant["ModelName"]}".')
    container = model.primary_container or model.containers[0]
    _check_image(container["Image"])
    return Variant(
        variant["VariantName"],
        variant.get("ServerlessConfig", {}).get("MaxConcurrency", 0),
        _archive(container.get("ModelDataUrl", "")),
        dict(container.get("Environment") or {}),
    )


def _only(config: dict[str, Any]) -> Any:
    return config["ProductionVariants"][0]


def _check_image(image: str) -> None:
    found = ECR.fullmatch(image)
    repository: Any = found and ecr_backends[found["account"]][found["region"]].repositories.get(
        found["repository"]
    )
    if found and repository:
        for each in repository.images:
            tags = each.image_tags or []
            if found["digest"] == each.get_image_digest() or found["tag"] in tags:
                return
    raise StartError(f"The image '{image}' does not exist.")


def _archive(url: str) -> bytes:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    for _, _, s3 in s3_backends.iter_backends():
        if bucket in s3.buckets and (found := s3.get_object(bucket, key)):
            content: bytes = found.value
            return content
    raise StartError(
        f'Failed to download model data for container "container_1" from URL: "{url}". Please '
        "ensure that there is an object located at the URL and that the role passed to "
        "CreateModel has permissions to download the object."
    )
