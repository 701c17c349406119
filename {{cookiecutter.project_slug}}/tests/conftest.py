"""How all tests run."""

import signal

from hypothesis import HealthCheck, settings
from smallboat import process_environment

process_environment.clean(startup=True)

# How long an example takes depends on what else runs.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

pytest_plugins = ["browsing", "real_data"]
"""Fixtures: the page in a browser; the use case's data that the project does not ship."""

# What a shell starts with `&` ignores it, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
