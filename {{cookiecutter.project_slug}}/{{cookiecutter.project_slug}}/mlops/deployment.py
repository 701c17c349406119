"""What `make deploy`, `rollback`, `status`, `serve`, `stop` and `predict` do."""

import argparse
import json
import os
import signal
from contextlib import suppress
from typing import Any

import requests

from ..errors import ReleaseError, UserError
from . import config, release, servers, serving
from .targets import local

NOTHING = "nothing is released yet: `make deploy` releases the newest run that passed"


def deploy(options: argparse.Namespace) -> int:
    """Release the newest run that passes, or that run; 0 released or kept, 4 failed."""
    settings = config.load(options.env)
    target = _target(settings)
    root, rules = settings.store.root, settings.release
    return _tell(release.deploy(target, root, rules, options.run, options.allow_schema_change))


def roll_back(options: argparse.Namespace) -> int:
    """Serve the release before the current one; 0 if it is served, 4 if it failed."""
    settings = config.load(options.env)
    return _tell(release.roll_back(_target(settings), settings.release))


def status(options: argparse.Namespace) -> int:
    """Print what is served, and by which server, as JSON."""
    target = _target(config.load(options.env))
    before, server = target.previous(), serving.running(local.FOLDER)
    if server is not None:
        server["release"] = _serves(server["model_url"])
    told = {
        "environment": options.env,
        "release": target.current(),
        "previous": before.name if before else None,
        "server": server,
    }
    print(json.dumps(told, indent=2))
    return 0


def serve(options: argparse.Namespace) -> int:
    """Serve the endpoint on this machine, in the foreground or as a process that stays."""
    settings = config.load(options.env)
    if _target(settings).current() is None:
        raise UserError(NOTHING)
    port = settings.serve.port if options.port is None else _port(options.port)
    if not options.background:
        with suppress(KeyboardInterrupt):
            serving.serve(local.FOLDER, settings, port)
        print("stopped")
        return 0
    server = serving.serve_in_background(local.FOLDER, options.env, port)
    if options.port is not None and not server["url"].endswith(f":{port}"):
        raise UserError(f"this project is served already at {server['url']}: `make stop` ends that")
    print(f"serving {server['url']} in the background (process {server['pid']} and those it")
    print(f"started, log {local.FOLDER / serving.LOG}): `make stop` ends it")
    return 0


def stop(options: argparse.Namespace) -> int:
    """End the server that runs in the background."""
    pid = serving.stop(local.FOLDER)
    print("nothing is running" if pid is None else f"stopped process {pid} and those it started")
    return 0


def predict(options: argparse.Namespace) -> int:
    """Ask for the prediction of an example, the API if it runs, and print it as a table."""
    target = _target(config.load(options.env))
    if target.current() is None:
        raise UserError(NOTHING)
    with target.asked() as ask:
        example = ask({"describe": True})["example"]
        server = serving.running(local.FOLDER)
        if server is not None:
            answer = _ask_api(server["url"], example)
        else:
            answered = ask({"requests": [example]})
            answer = {"model": answered["model"], **answered["results"][0]}
    print(_table(example, answer))
    return 0


def _target(settings: config.Settings) -> local.Endpoint:
    """The endpoint; whoever is told to end goes back first, as with Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return local.Endpoint(keep=settings.release.keep)


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65535:
        return int(text)
    raise UserError(f"the port must be a number from 1 to 65535, found {text!r}")


def _tell(outcome: release.Outcome) -> int:
    server = serving.running(local.FOLDER)
    print(f"{outcome.name}: {outcome.says}")
    if outcome.name == "failed":
        print("what was served before is served still")
    print(f"serving {server['url']}" if server else "next: make serve")
    return outcome.exit_code


def _serves(url: str) -> str | None:
    try:
        with servers.asking(url) as ask:
            return str(ask({"describe": True})["release"]["release"])
    except ReleaseError:
        return None


def _ask_api(url: str, example: dict[str, Any]) -> dict[str, Any]:
    key = {"x-api-key": os.environ["API_KEY"]} if "API_KEY" in os.environ else {}
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy has no business between processes of one machine
            answer = session.post(f"{url}/predict", json=example, headers=key, timeout=30)
        told: dict[str, Any] = answer.json()
    except requests.JSONDecodeError:
        raise UserError(f"{url}/predict answered {answer.status_code}, no JSON") from None
    except requests.RequestException as error:
        raise UserError(f"{url}/predict can't be asked: {error}") from None
    if answer.status_code != 200:
        raise UserError(f"{url}/predict answered {answer.status_code}: {told['error']['message']}")
    return told


def _table(example: dict[str, Any], answer: dict[str, Any]) -> str:
    """The request's plain values, what was predicted, and how new that is."""
    rows = answer["predictions"]
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    asked = ", ".join(f"{k} {v}" for k, v in example.items() if isinstance(v, str | int | float))
    model = answer["model"]
    return "\n".join(
        [
            asked,
            *("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells),
            *(f"warning: {warning}" for warning in answer["warnings"]),
            f"model of run {model['run']}, features as of {model['features_as_of']}",
        ]
    )


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
