"""What this project predicts, part by part; the library imports each when it needs it."""

from typing import TYPE_CHECKING, Any

from smallboat.problem import Problem

PROBLEM = Problem(
    package=__package__,
    data=".data",
    expectations=".expectations",
    features=".features",
    candidates=".candidates",
    metrics=".metrics",
    service=".service",
)

if TYPE_CHECKING:  # mypy compares the modules with the contract
    from smallboat.contract import Parts

    from . import candidates, data, expectations, features, metrics, service

    Parts(data, expectations, features, candidates, metrics, service)


def parse(text: str) -> dict[str, Any]:
    """A configuration file's text as the flow has it: plain values, defaults filled in."""
    from smallboat.config import config

    return config.parse(PROBLEM, text)
