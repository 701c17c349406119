"""The commands that change nothing: status, runs, card and predict."""

import json
import os
import sys
import time
import webbrowser
from typing import Any

import requests

from ..aws import aws
from ..cloud import api_client, lambda_api
from ..config import config
from ..errors import ReleaseError, UserError
from ..problem import Problem
from ..reports import report
from ..serving import servers, serving
from ..serving.request_parsing import MODEL_NOT_READY
from ..store import runs, store
from . import history, progress, targets
from .commands import NOTHING
from .targets.local import FOLDER

PARTS = {"run": "model", "features_run": "features"}
"""The parts of a release by the field that names their run."""


def status(problem: Problem, environment: str) -> int:
    """Print what is served, where, and the releases with their lives, as JSON."""
    settings = config.load(problem, environment)
    target = targets.of(problem, settings)
    previous = target.previous()
    facts = {
        "environment": environment,
        "release": target.current(),
        "previous": previous.name if previous else None,
        "server": _server(settings),
        "releases": history.releases(settings.store.root, target.history()),
    }
    print(json.dumps(facts, indent=2))
    return 0


def list_runs(problem: Problem, environment: str) -> int:
    """Print all runs with their metrics, the newest first."""
    settings = config.load(problem, environment)
    evaluations, skipped = runs.read(settings.store.root)
    notes = [f"skipped: {reason}" for reason in skipped.values()]
    try:
        release = targets.of(problem, settings).current() or {}
    except UserError as error:
        release, notes = {}, [*notes, str(error)]
    rows = []
    for run, evaluation in evaluations.items():
        served = [part for field, part in PARTS.items() if release.get(field) == run]
        rows.append(evaluation | {"release": " and ".join(served)})
    print("\n".join([report.runs(rows, problem.metrics.PRIMARY) if rows else runs.NONE, *notes]))
    return 0


def card(problem: Problem, environment: str, run: str | None) -> int:
    """Open a run's report in the browser, or print where it is; print where its model card is."""
    root = config.load(problem, environment).store.root
    run = runs.pick(run, *runs.read(root))
    folder = store.run_folder(root, run)
    page, model_card = (folder / name for name in ("report.html", "model_card.html"))
    os.environ.pop("TERM", None)  # else webbrowser starts a text browser in this terminal
    display = sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    opened = display and webbrowser.open(page.resolve().as_uri())
    print(page)
    if model_card.is_file():  # runs of an older library, and those without a winner, have none
        print(f"model card: {model_card}")
    if not opened:
        print("no browser can show it from here: open it in yours")
    return 0


def predict(problem: Problem, environment: str) -> int:
    """Print the prediction of an example as a table; the API answers, or else the model."""
    settings = config.load(problem, environment)
    url = (_server(settings) or {}).get("url")
    if url is None:
        example, answer = _ask_model(targets.of(problem, settings))
    else:
        sign = api_client.credentials(aws.Environment(settings)) if settings.aws else None
        example = _ask_api(url, "page.json", sign)["example"]
        answer = _ask_api(url, "predict", sign, example)
    print(_table(example, answer))
    return 0


def _server(settings: config.Settings) -> dict[str, Any] | None:
    """Where the API is; on this machine, also the processes and the release that they serve."""
    if settings.aws is not None:
        return {"url": lambda_api.url(aws.Environment(settings))}
    server = serving.running(FOLDER)
    if server is None:
        return None
    try:
        with servers.connect(server["model_url"]) as ask:
            release = ask({"describe": True})["release"]["release"]
    except ReleaseError:
        release = None
    return server | {"release": release}


def _ask_model(target: Any) -> tuple[Any, Any]:
    """The model's example and the answer to it."""
    if target.current() is None:
        raise UserError(NOTHING)
    with target.live_server() as ask:
        example = ask({"describe": True})["example"]
        answer = ask({"requests": [example]})
    return example, {"model": answer["model"], **answer["results"][0]}


def _ask_api(url: str, route: str, sign: api_client.Sign | None, body: Any = None) -> Any:
    """The JSON that the API answers; waits while it says that the model is starting."""
    end = time.monotonic() + progress.START_SECONDS
    with progress.shown(f"{url}: waiting for the model to start"):
        response, answer = _send(url, route, sign, body)
        while _starts(response, answer) and time.monotonic() < end:
            time.sleep(float(response.headers.get("Retry-After", 5)))
            response, answer = _send(url, route, sign, body)
    if response.status_code != 200:
        error = answer.get("error", answer)
        message = error.get("message", error) if isinstance(error, dict) else error
        raise UserError(f"{url}/{route} answered {response.status_code}: {message}")
    return answer


def _starts(response: requests.Response, answer: Any) -> bool:
    error = answer.get("error") if response.status_code == 503 else None
    return isinstance(error, dict) and error.get("code") == MODEL_NOT_READY


def _send(
    url: str, route: str, sign: api_client.Sign | None, body: Any
) -> tuple[requests.Response, Any]:
    method = "GET" if body is None else "POST"
    try:
        with requests.Session() as session:
            # Requests to this machine must not go through a proxy.
            session.trust_env = not url.startswith("http://127.0.0.1:")
            response = session.request(method, f"{url}/{route}", json=body, auth=sign, timeout=30)
        return response, response.json()
    except requests.JSONDecodeError:
        raise UserError(f"{url}/{route} answered {response.status_code}, no JSON") from None
    except requests.RequestException as error:
        raise UserError(f"{url}/{route} can't be reached: {error}") from None


def _table(example: dict[str, Any], answer: dict[str, Any]) -> str:
    """The plain values of the request, the predictions, and how new the model is."""
    rows = answer["predictions"]
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    request = ", ".join(f"{k} {v}" for k, v in example.items() if isinstance(v, str | int | float))
    model = answer["model"]
    return "\n".join(
        [
            *([request] if request else []),
            *("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells),
            *(f"warning: {warning}" for warning in answer["warnings"]),
            f"model of run {model['run']}"
            + (f", features as of {model['features_as_of']}" if "features_as_of" in model else ""),
        ]
    )


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
