"""What `make deploy`, `refresh`, `rollback`, `status`, `serve`, `stop` and `predict` do."""

import json
from contextlib import suppress
from typing import Any

import requests

from ..aws import aws
from ..cloud import lambda_api
from ..config import config
from ..errors import ReleaseError, UserError
from ..problem import Problem
from ..serving import servers, serving
from ..workflows import notices
from . import delivery, release
from .targets import local

NOTHING = "nothing is released yet: `make deploy` releases the newest run that passed"


def deploy(
    problem: Problem,
    environment: str,
    run: str | None = None,
    source_environment: str | None = None,
    allow_schema_change: bool = False,
) -> int:
    """Release the newest run that passes, or that run; 0 released or kept, 4 failed."""
    settings = config.load(problem, environment)
    delivery.permitted(settings)
    features_run = run
    if source_environment:
        run, features_run = delivery.promoted(problem, source_environment, run, settings)
    outcome, changed = delivery.release_run(
        problem, settings, run, features_run, allow_schema_change
    )
    delivery.tell(outcome)
    if changed or outcome.name == "failed":
        notices.tell(settings, outcome.name, outcome.message)
    delivery.serve(problem, settings)
    return outcome.exit_code


def refresh(problem: Problem, environment: str) -> int:
    """Serve the pair that is served by today's image, settings and API; 0, too, if none is."""
    settings = config.load(problem, environment)
    if delivery.target(problem, settings).current() is None:
        print(NOTHING)
        return 0
    return deploy(problem, environment, source_environment=environment)


def roll_back(problem: Problem, environment: str) -> int:
    """Serve the release before the current one; 0 if it is served, 4 if it failed."""
    settings = config.load(problem, environment)
    delivery.permitted(settings)
    outcome = release.roll_back(problem, delivery.target(problem, settings), settings.release)
    delivery.tell(outcome)
    notices.tell(settings, outcome.name, outcome.message)
    if settings.aws is None:
        delivery.serve(problem, settings)
    return outcome.exit_code


def status(problem: Problem, environment: str) -> int:
    """Print what is served, and where, as JSON."""
    settings = config.load(problem, environment)
    target = delivery.target(problem, settings)
    before = target.previous()
    told = {
        "environment": environment,
        "release": target.current(),
        "previous": before.name if before else None,
        "server": _server(settings),
    }
    print(json.dumps(told, indent=2))
    return 0


def serve(problem: Problem, environment: str, port: int | None, background: bool) -> int:
    """Serve the endpoint on this machine, in the foreground or as a process that stays."""
    settings = config.load(problem, environment)
    if settings.serve is None:
        raise UserError(f"{environment} is not served on this machine: `make serve` without ENV")
    if delivery.target(problem, settings).current() is None:
        raise UserError(NOTHING)
    wanted, port = port, port or settings.serve.port
    if not background:
        with suppress(KeyboardInterrupt):
            serving.serve(problem, local.FOLDER, settings, port)
        print("stopped")
        return 0
    server = serving.serve_in_background(problem, local.FOLDER, environment, port)
    if wanted is not None and not server["url"].endswith(f":{port}"):
        raise UserError(f"this project is served already at {server['url']}: `make stop` ends that")
    print(f"serving {server['url']} in the background (process {server['pid']} and those it")
    print(f"started, log {local.FOLDER / serving.LOG}): `make stop` ends it")
    return 0


def stop(problem: Problem, environment: str) -> int:
    """End the server that runs in the background."""
    pid = serving.stop(local.FOLDER)
    print("nothing is running" if pid is None else f"stopped process {pid} and those it started")
    return 0


def predict(problem: Problem, environment: str) -> int:
    """Ask for the prediction of an example, the API if there is one, and print it as a table."""
    settings = config.load(problem, environment)
    if settings.aws is not None:
        env = aws.Environment(settings)
        url = lambda_api.url(env)
        headers = {"x-api-key": lambda_api.key(env)} if url else {}
    else:
        server = serving.running(local.FOLDER)
        url = server["url"] if server else None
        headers = {}
    if url is None:
        example, answer = _ask_model(delivery.target(problem, settings))
    else:
        example = _ask_api(url, "page.json", headers)["example"]
        answer = _ask_api(url, "predict", headers, example)
    print(_table(example, answer))
    return 0


def _server(settings: config.Settings) -> dict[str, Any] | None:
    if settings.aws is not None:
        return {"url": lambda_api.url(aws.Environment(settings))}
    server = serving.running(local.FOLDER)
    return server and server | {"release": _serves(server["model_url"])}


def _serves(url: str) -> str | None:
    try:
        with servers.connect(url) as ask:
            return str(ask({"describe": True})["release"]["release"])
    except ReleaseError:
        return None


def _ask_model(target: release.Target) -> tuple[Any, Any]:
    if target.current() is None:
        raise UserError(NOTHING)
    with target.live_server() as ask:
        example = ask({"describe": True})["example"]
        answered = ask({"requests": [example]})
    return example, {"model": answered["model"], **answered["results"][0]}


def _ask_api(url: str, route: str, headers: dict[str, str], body: Any = None) -> Any:
    method = "GET" if body is None else "POST"
    try:
        with requests.Session() as session:
            # No proxy has business between processes of one machine.
            session.trust_env = not url.startswith("http://127.0.0.1:")
            answer = session.request(
                method, f"{url}/{route}", json=body, headers=headers, timeout=30
            )
        told = answer.json()
    except requests.JSONDecodeError:
        raise UserError(f"{url}/{route} answered {answer.status_code}, no JSON") from None
    except requests.RequestException as error:
        raise UserError(f"{url}/{route} can't be asked: {error}") from None
    if answer.status_code != 200:
        message = told.get("error", told)
        raise UserError(f"{url}/{route} answered {answer.status_code}: {message}")
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
            *([asked] if asked else []),
            *("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells),
            *(f"warning: {warning}" for warning in answer["warnings"]),
            f"model of run {model['run']}, features as of {model['features_as_of']}",
        ]
    )


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
