"""A step of a workflow that calls `gh`, carried out with the repository of a test."""

import os
import subprocess
from typing import Any

import expressions
from fake_github import NAME, GitHub


def run(
    step: Any, github: GitHub, token: str, inputs: Any = None, **more: Any
) -> "subprocess.CompletedProcess[str]":
    """Run a step of a workflow, with `gh` for a repository."""
    contexts = {
        **more,
        "inputs": inputs,
        "github": {
            "token": token,
            "repository": NAME,
            "server_url": "https://github.com",
            "ref_name": "trunk",
            "run_id": "7",
            "event": {"number": 1},
        },
    }
    env = {name: expressions.fill(value, contexts, {}) for name, value in step["env"].items()}
    path = f"{github.bin}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={"PATH": path, "RUNNER_TEMP": str(github.file.parent), **env},
        capture_output=True,
        text=True,
    )
