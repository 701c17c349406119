"""Texts of a configuration that have a form, as an account's number or an ARN."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator


def like(example: str, pattern: str) -> AfterValidator:
    """Accepts a text that matches a pattern as a whole; the error shows an example of it."""
    return AfterValidator(_check(example, re.compile(pattern)))


def _check(example: str, pattern: re.Pattern[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"write it as {example}")
        return text

    return check


Host = Annotated[str, like("model.example.org", r"[a-z0-9.-]+|\[[0-9a-f:]+\]")]
Boundary = Annotated[
    str,
    like(
        "arn:aws:iam::123456789012:policy/boundary",
        r"(arn:aws:iam::(\d{12}|aws):policy/[\w.+=,@/-]+)?",
    ),
]
UserPool = Annotated[
    str,
    like(
        "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbCdEf123",
        r"arn:aws:cognito-idp:[a-z0-9-]+:\d{12}:userpool/[\w-]+_[0-9A-Za-z]+",
    ),
]
WebAcl = Annotated[
    str,
    like(
        "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/NAME/"
        "01234567-89ab-cdef-0123-456789abcdef",
        r"(arn:aws:wafv2:[a-z0-9-]+:\d{12}:regional/webacl/[\w-]+/[0-9a-f-]+)?",
    ),
]
"""ARNs: of a policy that limits roles, of a Cognito user pool, of a regional web ACL."""
