"""How all tests run."""

import signal

import pytest
from hypothesis import HealthCheck, settings
from smallboat import process_environment

process_environment.clean(startup=True)

# How long an example takes depends on what else runs.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

pytest_plugins = ["real_data"]
"""The use case's fixtures of data that the project does not ship."""

# What a shell starts with `&` ignores it, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

LONG = (
    "test_retrain",
    "test_pull_requests",
    "test_remote",
    "test_image_train",
    "test_unattended",
    "test_resume",
    "test_deploy",
    "test_walk",
    "test_train",
    "test_image_run",
    "test_remote_runs",
    "test_reproduce",
    "test_target",
    "test_killed",
    "test_faults",
    "test_lambda_api",
    "test_ground",
    "test_emulator_batch",
    "test_pipeline",
    "test_snowflake",
    "test_warehouse",
    "test_made_up",
    "test_page",
    "test_model_server",
    "test_comparison",
    "test_expectations",
)
"""The files that take longest, in that order; `make test` has a process for each processor."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files: none should still run when all others are done."""
    begins = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: begins.get(item.path.stem, len(LONG)))
