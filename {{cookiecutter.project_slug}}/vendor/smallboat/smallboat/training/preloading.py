"""Which modules the steps of the training flow import: the fork server has them beforehand."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from ..problem import Problem

FIRST = (
    "metaflow",
    "smallboat.training.policy",
    "smallboat.validation.preparation",
)
"""Of every task; the flow's first step waits for them. `metaflow.cli` depends on the flow."""

NEXT = (
    "great_expectations.expectations",
    "smallboat.training.training",
    "smallboat.reports.cards",
    "matplotlib.backends.backend_svg",
    "onnxruntime",
    "skl2onnx",
)
"""Of several steps, which import them when they need them."""


def modules(problem: Problem) -> list[str]:
    """Full names, in the order of need; the last are those that the problem's functions import."""
    parts = [problem.module(field.name) for field in fields(problem) if field.name != "package"]
    inside = [name for part in parts for name in _imported(part)]
    return list(dict.fromkeys([*FIRST, *parts, *NEXT, *inside]))


def _imported(module: str) -> Iterator[str]:
    """What a module imports by absolute names, in functions, too; it is read, not imported."""
    found = find_spec(module)
    try:
        tree = ast.parse(Path(found.origin).read_bytes() if found and found.origin else "")
    except (OSError, SyntaxError, ValueError):
        return  # a step fails with this error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
