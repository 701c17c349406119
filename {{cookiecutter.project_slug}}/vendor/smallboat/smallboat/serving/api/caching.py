"""How long browsers and proxies may keep an answer: fewer requests to pay for."""

from flask import Flask, Response, request

from .settings import Settings

SECONDS = {
    "/": 300,
    "/static/<path:filename>": 300,
    "/model": 60,
    "/model/card": 60,
    "/openapi.json": 60,
    "/page.json": 60,
    "/releases": 60,
}
"""By rule; nothing else is kept. Page and files have an ETag, by which they are then renewed."""
FILES = frozenset({"/", "/static/<path:filename>"})


def install(app: Flask, settings: Settings) -> None:
    """Say it in each answer. On this machine, where requests are free, nothing is kept unasked."""

    @app.after_request
    def add_header(response: Response) -> Response:
        response.headers["Cache-Control"] = _policy(response.status_code, settings)
        return response


def _policy(status: int, settings: Settings) -> str:
    rule = request.url_rule.rule if request.url_rule else ""
    is_file = rule in FILES
    if status not in {200, 304} or rule not in SECONDS or (settings.private_facts and not is_file):
        return "no-store"
    if not settings.on_lambda:
        return "no-cache" if is_file else "no-store"
    return f"{'public' if settings.shared_caches else 'private'}, max-age={SECONDS[rule]}"
