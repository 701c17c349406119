"""The API: checks a request, asks the model, keeps what was answered; and the page for people.

Under gunicorn, which `serving.py` starts: `create('serving/api/static')`; on Lambda: `handler.py`.
"""

import base64
import hashlib
import hmac
import os
import re
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, jsonify, request, send_from_directory
from flask_cors import CORS
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from . import incoming, openapi
from . import settings as configuration
from .capture import capture
from .endpoint import Endpoint
from .errors import ApiError, unavailable

Json = dict[str, Any]
FRAME = Path(__file__).with_name("static")
"""What the page is in every project."""
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{}'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ID = re.compile(r"[\w.:/=+-]{1,128}", re.ASCII)
HTTP = {
    error.status: error
    for error in (
        ApiError(400, "bad_request", "the request can't be read"),
        ApiError(404, "not_found", "there is nothing here; openapi.json lists what there is"),
        ApiError(405, "method_not_allowed", "this address does not take that method"),
        ApiError(413, "too_large", f"the body is larger than {incoming.LIMIT // 2**20} MB", "body"),
    )
}


def create(own: str | Path, settings: configuration.Settings | None = None) -> Flask:
    """The app, by settings or by the environment's variables.

    Args:
        own: the folder of the project's own part of the page.
        settings: else they are read from the environment.
    """
    own = Path(own).resolve()
    settings = settings or configuration.read(os.environ)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = incoming.LIMIT + 1  # one more, to see that it is too much
    app.json.sort_keys = False  # type: ignore[attr-defined]
    if settings.cors_origins:
        CORS(
            app,
            origins=list(settings.cors_origins),
            send_wildcard=True,
            allow_headers=["Content-Type", "X-Api-Key", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After"],
            max_age=600,
        )
    policy = PAGE_POLICY.format(_inline_script(FRAME / "index.html"))
    endpoint = Endpoint(settings)
    kept = capture(settings)

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.id = given if ID.fullmatch(given) else uuid.uuid4().hex
        g.began = time.monotonic()
        if not settings.answers_to(request.host):
            asked = request.host[: incoming.LONGEST]
            message = f"ask this API at localhost, not at {asked!r}; serve.allowed_hosts adds names"
            raise ApiError(403, "forbidden", message, "Host")

    @app.after_request
    def end(response: Response) -> Response:
        incoming.drain(request, response)
        response.headers["X-Request-Id"] = g.id
        response.headers.extend(HEADERS)
        if response.status_code in {429, 503}:
            response.headers["Retry-After"] = "5"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.post("/predict")
    def predict() -> Response:
        allow()
        asked = incoming.body(request)
        explain = asked.pop("explain", False) if isinstance(asked, dict) else False
        if not isinstance(explain, bool):
            raise ApiError(422, "invalid", "explain must be boolean", "explain")
        incoming.check(asked, endpoint)
        return answer(asked, explain)

    @app.get("/predict")
    def predict_known() -> Response:
        allow()
        asked = endpoint.ask({"known": request.args.to_dict()}, g.id)["request"]
        return answer(asked, False)

    @app.get("/health")
    def health() -> Json:
        release = endpoint.description(max_age=incoming.FRESH).content["release"]
        return {"status": "ok", "run": release["run"], "release": release["release"]}

    @app.get("/model")
    def model() -> Json:
        content = endpoint.description(max_age=incoming.FRESH).content
        return {**content["release"], **content["evaluation"]}

    @app.get("/page.json")
    def page_data() -> Json:
        content = endpoint.description(max_age=incoming.FRESH).content
        inputs = {each["name"]: each for each in content["signature"]["inputs"]}
        return {"page": content["page"], "example": content["example"], "inputs": inputs}

    @app.get("/openapi.json")
    def document() -> Json:
        content = endpoint.description(max_age=incoming.FRESH).content
        return openapi.document(content, bool(settings.api_key))

    @app.get("/")
    def page() -> Response:
        response = send_from_directory(FRAME, "index.html")
        response.headers["Content-Security-Policy"] = policy
        return response

    @app.get("/static/<path:filename>")
    def static(filename: str) -> Response:
        try:
            return send_from_directory(FRAME, filename)
        except NotFound:
            return send_from_directory(own, filename)

    @app.errorhandler(ApiError)
    def refuse(error: ApiError) -> tuple[Json, int]:
        return error.body(), error.status

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Response:
        code = error.code or 500
        told = HTTP.get(code) or ApiError(code, "refused", error.name)
        if code >= 500:
            told = unavailable("the answer could not be made; try again in some seconds")
        response = jsonify(told.body())
        response.status_code = told.status
        if isinstance(error, MethodNotAllowed):
            response.allow.update(error.valid_methods or ())
        return response

    @app.errorhandler(Exception)
    def stumble(error: Exception) -> tuple[Json, int]:
        app.logger.error("request %s", g.id, exc_info=error)
        told = unavailable(f"the answer could not be made; the log knows why, by the id {g.id}")
        return told.body(), told.status

    def allow() -> None:
        # API Gateway asks for the key at /predict: nobody may come by another spelling of it.
        if request.environ.get("serverless.event", {}).get("resource", "/predict") != "/predict":
            raise ApiError(404, "not_found", "ask at /predict, spelt like that")
        if not settings.api_key:
            return
        given = request.headers.get("X-Api-Key", "")
        if not given:
            raise ApiError(401, "unauthorized", "send the API key in the header x-api-key")
        if not hmac.compare_digest(given.encode(), settings.api_key.encode()):
            raise ApiError(403, "forbidden", "this API key is not known")

    def answer(asked: Json, explain: bool) -> Response:
        found = endpoint.predict(asked, explain, g.id)
        if kept:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            took = round((time.monotonic() - g.began) * 1000, 1)
            kept.put({"time": now, "id": g.id, "ms": took, "request": asked, **found})
        return jsonify(found)

    return app


def _inline_script(page: Path) -> str:
    """The hash by which the policy knows the page's one script that is no file."""
    (script,) = re.findall(rb"<script>(.*?)</script>", page.read_bytes(), re.DOTALL)
    return base64.b64encode(hashlib.sha256(script).digest()).decode()
