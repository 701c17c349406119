"""Which variables of the caller pass, and which are ours."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smallboat import process_environment
from smallboat.config import config
from smallboat.process_environment import ALLOWED, IGNORED, IGNORED_AT_START, SET, cleaned
from smallboat.serving import servers, serving
from smallboat.serving.api.settings import Settings
from smallboat.training import flow
from toy.problem import PROBLEM

KNOWN = IGNORED | IGNORED_AT_START
NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1, max_size=20)


def run(code: str, **variables: str) -> str:
    """What code prints that is started as make starts a command."""
    command = [sys.executable, "-I", process_environment.__file__, sys.executable, "-c", code]
    return subprocess.check_output(command, env=os.environ | variables, text=True)


@pytest.mark.parametrize(
    "name",
    ["PATH", "HOME", "LANG", "HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
     "COMET_API_KEY", "SNOWFLAKE_PASSWORD", "PREFECT_API_URL", "OPENBLAS_CORETYPE", "MY_OWN",
     "TMPDIR", "DISPLAY", "XDG_CACHE_HOME", "F1_DATA", "PIPELINE"],
)  # fmt: skip
def test_passes(name: str) -> None:
    assert cleaned({name: "value"})[name] == "value"


@pytest.mark.parametrize(
    "name",
    ["METAFLOW_PROFILE", "METAFLOW_DECOSPECS", "METAFLOW_SERVICE_URL", "AWS_PROFILE", "GIT_DIR",
     "GIT_INDEX_FILE", "DBT_TARGET", "COMET_AUTO_LOG_DISABLE", "OMP_NUM_THREADS",
     "MODEL_HOST", "MODEL_WORKERS",
     "GITHUB_TOKEN", "VIRTUAL_ENV", "WEB_CONCURRENCY", "MATPLOTLIBRC", "SKLEARN_SEED"],
)  # fmt: skip
def test_is_ignored(name: str) -> None:
    assert name not in cleaned({name: "value"})


def test_no_setting_of_the_api_on_this_machine_is_the_callers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Serving sets it, or it is ignored."""
    started: dict[str, str] = {}
    monkeypatch.setattr(servers, "started", lambda *given: started.update(given[4]))
    serving._api(config.load(PROBLEM, "local"), "http://127.0.0.1:1", 1)
    asked = set()

    class Asked(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.add(name)
            return super().get(name, default)

    Settings.from_environment(Asked(started))
    assert {"AUTH", "MODEL_START_SECONDS", "CAPTURE"} <= asked
    assert cleaned(dict.fromkeys(asked - set(started), "the caller's")).keys() & asked == set()


@given(pattern=st.sampled_from(sorted(IGNORED)), rest=NAMES)
def test_of_a_tool_only_what_is_listed_passes(pattern: str, rest: str) -> None:
    name = pattern.replace("*", rest)
    found = cleaned({name: "the caller's"}).get(name)
    assert (found == "the caller's") == (name in ALLOWED)


@given(name=NAMES, value=st.text("abc", min_size=1))
def test_all_else_passes_unchanged(name: str, value: str) -> None:
    prefixes = tuple(pattern.rstrip("*") for pattern in KNOWN)
    if not name.startswith(prefixes) and name not in SET:
        assert cleaned({name: value})[name] == value


def test_ours_win() -> None:
    assert cleaned(dict.fromkeys(SET, "the caller's")).items() >= SET.items()


def test_only_an_environment_on_aws_sees_credentials() -> None:
    given = {"AWS_PROFILE": "company"}
    assert cleaned(given, on_aws=True)["AWS_PROFILE"] == "company"
    here = cleaned(given)
    assert "AWS_PROFILE" not in here
    assert here["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_a_token_counts_in_a_workflow_only() -> None:
    assert "GITHUB_TOKEN" in cleaned({"GITHUB_TOKEN": "x", "GITHUB_ACTIONS": "true"})


def test_a_started_command_has_them_only(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("print('a module of others')")
    message = run(
        "import json, os; print(*sorted(os.environ), os.environ['TZ'])",
        PYTHONPATH=str(tmp_path),
        UV_FROZEN="1",
        NODE_OPTIONS="--no",
        TZ="Asia/Tokyo",
        MY_OWN="1",
    )
    assert "a module of others" not in message
    assert message.split()[-1] == "UTC"
    assert "MY_OWN" in message and "UV_FROZEN" not in message and "NODE_OPTIONS" not in message


def test_steps_are_local_whatever_metaflow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_DEFAULT_DATASTORE", "s3")
    monkeypatch.setenv("METAFLOW_PROFILE", "company")
    settings: Any = config.load(PROBLEM, "local")
    found = flow.environment(settings)
    assert found["METAFLOW_DEFAULT_DATASTORE"] == "local"
    assert "METAFLOW_PROFILE" not in found
    assert found["OMP_NUM_THREADS"] == "1"
