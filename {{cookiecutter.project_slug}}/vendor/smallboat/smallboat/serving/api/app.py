"""The API: checks a request, invokes the model, captures the answer; and a page for people.

`api_server.py` runs it on this machine, `handler.py` on Lambda.
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request, send_from_directory
from flask_cors import CORS
from werkzeug.exceptions import NotFound

from ..request_parsing import ApiError, parse_json
from . import access, caching, compression, openapi, web_app
from .capture import Capture
from .model_client import ModelClient
from .releases import ReleaseList, Releases
from .settings import Settings
from .web_app import read_body

Json = dict[str, Any]
SHARED_PAGE = Path(__file__).with_name("static")
"""The part of the page that is the same in every project."""
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
ALLOWED_HEADERS = [  # of requests from other origins; the last four have credentials
    "Content-Type", "X-Request-Id",
    "X-Api-Key", "Authorization", "X-Amz-Date", "X-Amz-Security-Token",
]  # fmt: skip
PAGE_POLICY = (  # the hash is of the inline script
    "default-src 'none'; script-src 'self' 'sha256-/2wNOOqzuV0DH9B2kRgjrJwD89KK7aP+e6gG+97hgj0='; "
    "style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


CARD_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)


def create(page_folder: str | Path, settings: Settings | None = None) -> Flask:
    """The API as a WSGI application.

    Args:
        page_folder: the project's part of the page.
        settings: read from environment variables if None.
    """
    settings = settings or Settings.from_environment(os.environ)
    app = web_app.App(__name__, failure_status=503)
    _add_checks(app, settings)
    model = ModelClient(settings)
    if capture := Capture.from_settings(settings):
        _add_capture(app, capture)
    access.install(app, settings)  # after the capture, which keeps refusals, too
    caching.install(app, settings)
    _add_predictions(app, settings, model)
    _add_facts(app, settings, model)
    _add_page(app, Path(page_folder).resolve(), settings)
    if not settings.on_lambda:
        app.after_request(compression.compress)
    return app


def _add_checks(app: Flask, settings: Settings) -> None:
    """Add the check of the host, CORS, and the headers of every answer."""
    if settings.cors_origins:
        CORS(
            app,
            origins=list(settings.cors_origins),
            send_wildcard=True,
            allow_headers=ALLOWED_HEADERS,
            expose_headers=["X-Request-Id", "Retry-After"],
            max_age=600,
        )

    @app.before_request
    def check_host() -> None:
        if not settings.on_lambda:  # AWS checks the host there
            web_app.check_host(settings.allowed_hosts)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.extend(HEADERS)
        if response.status_code in {429, 503}:
            response.headers["Retry-After"] = "5"
        return response


def _add_predictions(app: Flask, settings: Settings, model: ModelClient) -> None:
    to_capture = {"redact": sorted(settings.capture_redact)}

    @app.post("/predict")
    def predict() -> Json:
        body = _json_body()
        explain = body.pop("explain", False) if isinstance(body, dict) else False
        if not isinstance(explain, bool):
            raise ApiError(422, "explain must be boolean", "explain")
        model.validate(body)
        return answer(body, explain)

    @app.get("/predict")
    def predict_known() -> Json:
        known = model.invoke({"known": request.args.to_dict()}, g.request_id)
        return answer(known["request"], False)

    def answer(body: Json, explain: bool) -> Json:
        asked = to_capture if g.get("sampled") else None
        content, captured = model.predict(body, explain, g.request_id, asked)
        g.answered = {"model": content["model"], **captured, "request": body, **content}
        return content


def _add_capture(app: Flask, capture: Capture) -> None:
    """Capture answers and refusals of /predict."""

    @app.before_request
    def sample() -> None:
        predicts = request.path == "/predict" and request.method != "OPTIONS"
        g.sampled = predicts and capture.sampled()

    @app.after_request
    def put(response: Response) -> Response:
        if g.get("sampled"):
            facts = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "id": g.request_id,
                "ms": round((time.perf_counter() - g.started) * 1000, 1),
                "status": response.status_code,
            }
            refused = g.error and {"error": {name: g.error[name] for name in ("code", "field")}}
            capture.put(facts | (refused or g.get("answered", {})))
        return response


def _add_facts(app: Flask, settings: Settings, model: ModelClient) -> None:
    listed = ReleaseList(settings)

    @app.get("/health")
    def health() -> Json:
        release = model.description().content["release"]
        if settings.private_facts:
            return {"status": "ok"}
        return {"status": "ok", "run": release["run"], "release": release["release"]}

    @app.get("/model")
    def facts() -> Json:
        return _facts(model.description().content)

    @app.get("/model/card")
    def card() -> Response:
        response = Response(model.card(g.request_id), mimetype="text/html")
        response.headers["Content-Security-Policy"] = CARD_POLICY
        return response

    @app.get("/releases")
    def releases() -> Releases:
        return listed.read()

    @app.get("/page.json")
    def page_data() -> Json:
        content = model.description().content
        inputs = {each["name"]: each for each in content["signature"]["inputs"]}
        page = {"page": content["page"], "example": content["example"], "inputs": inputs}
        return {"model": _facts(content), **page}

    @app.get("/openapi.json")
    def document() -> Json:
        return openapi.document(model.description().content, settings.auth, settings.private_facts)


def _add_page(app: Flask, page_folder: Path, settings: Settings) -> None:
    html = (SHARED_PAGE / "index.html").read_text()
    facts = "private" if settings.private_facts else "public"
    html = html.replace("<html ", f'<html data-auth="{settings.auth}" data-facts="{facts}" ', 1)

    @app.get("/")
    def page() -> Response:
        response = Response(html, mimetype="text/html")
        response.add_etag()
        response.make_conditional(request)
        response.headers["Content-Security-Policy"] = PAGE_POLICY
        return response

    @app.get("/static/<path:filename>")
    def static(filename: str) -> Response:
        try:
            return send_from_directory(SHARED_PAGE, filename)
        except NotFound:
            return send_from_directory(page_folder, filename)


def _facts(description: Json) -> Json:
    return {**description["release"], **description["evaluation"]}


def _json_body() -> Any:
    if request.mimetype != "application/json":
        message = "the body must be JSON; send Content-Type: application/json"
        raise ApiError(415, message, "Content-Type")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        message = "compressed bodies are not accepted; send JSON without Content-Encoding"
        raise ApiError(415, message, "Content-Encoding")
    return parse_json(read_body())
