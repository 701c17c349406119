"""A fork server for all trainings of a session: it has the packages that each of them imports."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from smallboat.training import fork_server

PACKAGES = (
    "pandas",
    "great_expectations.expectations",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "xgboost",
    "matplotlib.backends.backend_svg",
    "onnxruntime",
    "skl2onnx",
)
"""Not the library and no project: those are what is tested, and each copy has its own. Metaflow
reads a project's variables when it is imported."""


@contextmanager
def shared(
    python: str | Path = sys.executable, variables: Mapping[str, str] = os.environ
) -> Iterator[dict[str, str]]:
    """Run a server; yields the variable by which trainings find it."""
    if not fork_server.available():
        yield {}
        return
    with fork_server.running(PACKAGES, variables, python) as (path, _):
        yield {fork_server.VARIABLE: path}
