"""GitHub's API in a thread: issues, comments, and tokens that say themselves what they may do."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
NAME = "org/repo"
ISSUES = re.compile(r"/repos/org/repo/issues(/(?P<number>\d+))?(?P<comments>/comments)?")
COMMENT = re.compile(r"/repos/org/repo/issues/comments/(?P<id>\d+)")


class GitHub:
    """A repository; a token is a list as `issues=write;contents=read`.

    Attributes:
        issues: issues and pull requests, the oldest first.
        comments: of all of them.
        page: how many a page of a list holds, whatever is asked for.
        broken: the status that every request is answered with, if any.
    """

    def __init__(self) -> None:
        self.issues: list[Json] = []
        self.comments: list[Json] = []
        self.page, self.broken, self.url = 2, 0, ""

    def add(self, title: str, pull: bool = False) -> int:
        """Make an issue, or a pull request; returns its number."""
        number = len(self.issues) + 1
        made = {"number": number, "title": title, "body": "", "state": "open"}
        self.issues.append(made | ({"pull_request": {}} if pull else {}))
        return number

    def said(self, number: int) -> list[str]:
        """The comments on an issue or pull request."""
        return [each["body"] for each in self.comments if each["number"] == number]

    def answer(self, method: str, path: str, query: Json, token: str, body: Json) -> Any:
        """Status and value for a request."""
        if self.broken:
            return self.broken, {"message": "no"}
        if "=" not in token:
            return 401, {"message": "Bad credentials"}
        if found := COMMENT.fullmatch(path):
            comment = self.comments[int(found["id"])]
            return self._change(method, comment["number"], token, comment, body)
        found = ISSUES.fullmatch(path)
        if not found:
            return 404, {"message": "Not Found"}
        number = int(found["number"] or 0)
        if method == "GET":
            rows = self.comments if found["comments"] else self.issues
            wanted = {"number": number} if found["comments"] else {"state": query["state"][0]}
            return 200, [row for row in rows if wanted.items() <= row.items()]
        if not self._may(number, token):
            return 403, {"message": "Resource not accessible by integration"}
        if found["comments"]:
            self.comments.append({"id": len(self.comments), "number": number, **body})
            return 201, {}
        if number:
            return self._change(method, number, token, self.issues[number - 1], body)
        self.issues[self.add(body["title"]) - 1] |= body
        return 201, {}

    def _change(self, method: str, number: int, token: str, row: Json, body: Json) -> Any:
        if method != "PATCH" or not self._may(number, token):
            return 403, {"message": "Resource not accessible by integration"}
        row |= body
        return 200, {}

    def _may(self, number: int, token: str) -> bool:
        pull = number and "pull_request" in self.issues[number - 1]
        rights = ["issues=write", "pull-requests=write"] if pull else ["issues=write"]
        return any(right in token.split(";") for right in rights)


@contextmanager
def answering() -> Iterator[GitHub]:
    """The server, while the block lasts."""
    github = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            split = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            query = parse_qs(split.query)
            body = json.loads(sent or "{}") or {}
            status, value = github.answer(self.command, split.path, query, token, body)
            self.send_response(status)
            if isinstance(value, list):
                page = int(query.get("page", ["1"])[0])
                if len(value) > page * github.page:
                    asked = split.query.partition("&page=")[0]
                    there = f"{github.url}{split.path}?{asked}&page={page + 1}"
                    self.send_header("Link", f'<{there}>; rel="next"')
                value = value[(page - 1) * github.page : page * github.page]
            content = json.dumps(value).encode()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = handle_one  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    github.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
