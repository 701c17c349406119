"""Who may ask the API, and how often."""

import ipaddress
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from .text import UserPool, WebAcl

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
"""How the tables of a configuration are read; an unknown key is an error."""
DAY_SECONDS, MONTH_DAYS = 86_400, 31
PREDICT_METHODS = 2
"""GET and POST; API Gateway limits each of them alone."""


class Limits(BaseModel):
    """What API Gateway accepts: `/predict` with credentials, and everything else of all callers."""

    model_config = STRICT

    requests_per_second: PositiveInt
    burst: PositiveInt
    requests_per_day: PositiveInt  # of the API key; best effort, as AWS says
    public_requests_per_second: PositiveFloat = 1.0  # all callers and paths together
    public_burst: int = Field(default=200, ge=20)  # a page needs some 15 requests

    def most_requests(self, auth: str) -> dict[str, int]:
        """The most requests of a month of 31 days that API Gateway charges.

        Requests that it throttles or refuses are free. Only a key has a quota a day.

        Args:
            auth: as `[aws.access] auth`.

        Returns:
            `public` for those that anybody can make, `predict` for those with credentials.
        """
        by_rate = PREDICT_METHODS * self.requests_per_second * DAY_SECONDS
        daily = min(self.requests_per_day, by_rate) if auth == "key" else by_rate
        public = self.public_requests_per_second * DAY_SECONDS * MONTH_DAYS + self.public_burst
        return {"public": round(public), "predict": daily * MONTH_DAYS}


class Access(BaseModel):
    """Who may ask the API: for predictions, and at all."""

    model_config = STRICT

    auth: Literal["key", "iam", "jwt"] = "key"
    user_pools: list[UserPool] = []  # their ARNs, for jwt
    addresses: list[str] = []  # blocks that may ask; empty: all
    web_acl: WebAcl = ""  # the ARN of a regional web ACL of AWS WAF
    private_facts: bool = False  # whether facts about the model require the same credentials

    @field_validator("addresses")
    @classmethod
    def _check_addresses(cls, addresses: list[str]) -> list[str]:
        for address in addresses:
            try:
                ipaddress.ip_network(address)
            except ValueError as error:
                raise ValueError(
                    f"{error}: write a block as 203.0.113.0/24 or 2001:db8::/32"
                ) from None
        return addresses

    @model_validator(mode="after")
    def _check_user_pools(self) -> "Access":
        if (self.auth == "jwt") != bool(self.user_pools):
            raise ValueError(
                'auth = "jwt" and user_pools, the ARNs of Cognito user pools, need each other: '
                "set both or none"
            )
        return self
