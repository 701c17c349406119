"""The quota of serverless endpoints that a new account has: moto knows those of VPCs only."""

from typing import Any

from moto.servicequotas.models import ServiceQuotasBackend

SERVERLESS = "sagemaker", "L-96300102"


def install() -> None:
    """Add it to moto."""
    original = ServiceQuotasBackend.get_service_quota

    def get(self: Any, service_code: str, quota_code: str) -> dict[str, Any]:
        if (service_code, quota_code) == SERVERLESS:
            return {"ServiceCode": service_code, "QuotaCode": quota_code, "Value": 10.0}
        return dict(original(self, service_code, quota_code))

    ServiceQuotasBackend.get_service_quota = get  # type: ignore[method-assign]
