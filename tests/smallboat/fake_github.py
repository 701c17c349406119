"""A repository on GitHub as a file, and `gh` for it, as far as the workflows use both.

A token names its permissions, as `issues=write;contents=read`.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]
NAME = "org/repo"
REFUSED = "GraphQL: Resource not accessible by integration"


class GitHub:
    """Issues, pull requests and comments of a repository."""

    def __init__(self, folder: Path) -> None:
        """Make an empty repository in a folder, and `gh` in its `bin`."""
        self.file = folder / "github.json"
        self.file.write_text(
            json.dumps(
                {"issues": [], "comments": [], "events": [], "releases": [], "enabled": True}
            )
        )
        gh = folder / "bin" / "gh"
        gh.parent.mkdir(exist_ok=True)
        gh.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{__file__}" "{self.file}" "$@"\n')
        gh.chmod(0o755)
        self.bin = gh.parent

    @property
    def issues(self) -> list[Json]:
        """Issues and pull requests, the oldest first."""
        return list(_read(self.file)["issues"])

    @property
    def comments(self) -> list[Json]:
        """The comments on all of them, the oldest first."""
        return list(_read(self.file)["comments"])

    @property
    def events(self) -> list[Json]:
        """What was dispatched, the oldest first, as the payload of a repository_dispatch."""
        return list(_read(self.file)["events"])

    @property
    def releases(self) -> list[Json]:
        """The releases, the oldest first."""
        return list(_read(self.file)["releases"])

    def add(self, title: str, pull: bool = False) -> int:
        """Open an issue or a pull request; returns its number."""
        state = _read(self.file)
        number = _open(state, title, "", pull)
        self.file.write_text(json.dumps(state))
        return number

    def comment(self, number: int, body: str, by: str) -> None:
        """Comment as another workflow (`Bot`) or a person (`User`)."""
        state = _read(self.file)
        _comment(state, number, body, by)
        self.file.write_text(json.dumps(state))

    def disable_issues(self) -> None:
        """Switch issues off in the repository's settings."""
        self.file.write_text(json.dumps(_read(self.file) | {"enabled": False}))

    def said(self, number: int) -> list[str]:
        """The comments on an issue or pull request."""
        return [each["body"] for each in self.comments if each["number"] == number]


def _read(file: Path) -> Any:
    return json.loads(file.read_text())


def _open(state: Json, title: str, body: str, pull: bool = False) -> int:
    number = len(state["issues"]) + 1
    issue = {"number": number, "title": title, "body": body, "state": "OPEN", "pull": pull}
    state["issues"].append(issue)
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    kinds = parser.add_subparsers(dest="kind", required=True)
    issue = kinds.add_parser("issue").add_subparsers(dest="action", required=True)
    listing = issue.add_parser("list", allow_abbrev=False)
    listing.add_argument("--limit", type=int, default=30)
    listing.add_argument("--json", required=True)
    listing.add_argument("--jq", required=True)
    create = issue.add_parser("create", allow_abbrev=False)
    create.add_argument("--title", required=True)
    create.add_argument("--body", required=True)
    comment = issue.add_parser("comment", allow_abbrev=False)
    comment.add_argument("number", type=int)
    comment.add_argument("--body", required=True)
    close = issue.add_parser("close", allow_abbrev=False)
    close.add_argument("number", type=int)
    close.add_argument("--comment", required=True)
    pull = kinds.add_parser("pr").add_subparsers(dest="action", required=True)
    on_pull = pull.add_parser("comment", allow_abbrev=False)
    on_pull.add_argument("number", type=int)
    on_pull.add_argument("--body-file", type=Path, required=True)
    pulls = pull.add_parser("list", allow_abbrev=False)
    for name in ("--head", "--state", "--json", "--jq"):
        pulls.add_argument(name, required=True)
    opened = pull.add_parser("create", allow_abbrev=False)
    for name in ("--base", "--head", "--title"):
        opened.add_argument(name, required=True)
    opened.add_argument("--body-file", type=Path, required=True)
    edit = pull.add_parser("edit", allow_abbrev=False)
    edit.add_argument("number", type=int)
    edit.add_argument("--body-file", type=Path, required=True)
    run = kinds.add_parser("run").add_subparsers(dest="action", required=True)
    download = run.add_parser("download", allow_abbrev=False)
    download.add_argument("run")
    download.add_argument("--name", required=True)
    download.add_argument("--dir", type=Path, required=True)
    auth = kinds.add_parser("auth").add_subparsers(dest="action", required=True)
    auth.add_parser("setup-git", allow_abbrev=False)
    release = kinds.add_parser("release").add_subparsers(dest="action", required=True)
    released = release.add_parser("create", allow_abbrev=False)
    released.add_argument("tag")
    for name in ("--target", "--title"):
        released.add_argument(name, required=True)
    released.add_argument("--notes-file", type=Path, required=True)
    api = kinds.add_parser("api", allow_abbrev=False)
    api.add_argument("path")
    api.add_argument("--paginate", action="store_true")
    api.add_argument("--jq")
    api.add_argument("--silent", action="store_true", required="--method" in sys.argv)
    api.add_argument("--method", dest="action", choices=("GET", "PATCH", "POST"), default="GET")
    api.add_argument("-F", dest="field")
    api.add_argument("-f", dest="fields", action="append")
    return parser


def _list(state: Json, given: argparse.Namespace) -> None:
    """Print the newest open issues as a filter of jq shows them."""
    rows = [each for each in state["issues"] if each["state"] == "OPEN" and not each["pull"]]
    shown = [{key: row[key] for key in given.json.split(",")} for row in rows[::-1][: given.limit]]
    _filter(given.jq, shown)


def _filter(jq: str, rows: list[Json]) -> None:
    subprocess.run(["jq", "-r", jq], input=json.dumps(rows), text=True, check=True)


def _comment(state: Json, number: int, body: str, by: str = "Bot") -> None:
    comment = {"id": 100 + len(state["comments"]), "body": body, "user": {"type": by}}
    state["comments"].append({"number": number, **comment})


def _list_comments(state: Json, given: argparse.Namespace) -> None:
    """Print what a filter of jq shows of each page of comments; two are a page here."""
    match = re.fullmatch(f"repos/{NAME}/issues/([0-9]+)/comments", given.path)
    assert match, given.path
    rows = [each for each in state["comments"] if each["number"] == int(match[1])]
    for start in range(0, len(rows) if given.paginate else 2, 2):
        _filter(given.jq, rows[start : start + 2])


def _edit_comment(state: Json, given: argparse.Namespace) -> None:
    match = re.fullmatch(f"repos/{NAME}/issues/comments/([0-9]+)", given.path)
    assert match and given.field.startswith("body=@"), given
    (comment,) = (each for each in state["comments"] if each["id"] == int(match[1]))
    comment["body"] = Path(given.field.removeprefix("body=@")).read_text()


def _pulls(state: Json, given: argparse.Namespace) -> None:
    """List, open or edit pull requests of a branch."""
    if given.action == "list":
        assert given.state == "open" and given.json == "number"
        found = [each for each in state["issues"] if each.get("head") == given.head]
        return _filter(given.jq, [each for each in found if each["state"] == "OPEN"])
    body = given.body_file.read_text()
    if given.action == "comment":
        _comment(state, given.number, body)
    elif given.action == "edit":
        state["issues"][given.number - 1]["body"] = body
    else:
        _open(state, given.title, body, pull=True)
        state["issues"][-1] |= {"base": given.base, "head": given.head}
    return None


def _download(file: Path, given: argparse.Namespace) -> None:
    """Bring an artifact, a folder beside the repository's file."""
    shutil.copytree(file.parent / "artifacts" / given.run / given.name, given.dir)


def _release(state: Json, given: argparse.Namespace) -> None:
    if any(each["tag"] == given.tag for each in state["releases"]):
        sys.exit(f"a release with the same tag name already exists: {given.tag}")
    notes = given.notes_file.read_text()
    state["releases"].append({"tag": given.tag, "target": given.target, "notes": notes})


def _dispatch(state: Json, given: argparse.Namespace) -> None:
    """Send an event to the repository."""
    assert given.path == f"repos/{NAME}/dispatches", given.path
    fields = dict(each.split("=", 1) for each in given.fields)
    payload = {
        name.removeprefix("client_payload[").rstrip("]"): value
        for name, value in fields.items()
        if name != "event_type"
    }
    state["events"].append({"action": fields["event_type"], "client_payload": payload})


def main(file: Path, words: list[str]) -> None:
    """Do what `gh` does."""
    token = os.environ.get("GH_TOKEN")
    if not token:
        print("gh: set the GH_TOKEN environment variable", file=sys.stderr)
        sys.exit(4)
    assert os.environ["GH_REPO"] == NAME
    given, state = _parser().parse_args(words), _read(file)
    if given.kind == "issue" and not state["enabled"]:
        sys.exit(f"the '{NAME}' repository has disabled issues")
    rights = token.split(";")
    if given.kind == "auth":
        return None
    if given.kind == "run":
        return _download(file, given) if "actions=read" in rights else sys.exit(REFUSED)
    if given.action in ("list", "GET") and given.kind != "pr":
        return (_list if given.kind == "issue" else _list_comments)(state, given)
    needed = {"issue": "issues=write", "POST": "contents=write", "release": "contents=write"}
    right = needed.get(given.kind) or needed.get(given.action, "pull-requests=write")
    if right not in rights:
        sys.exit(REFUSED)
    if given.kind == "release":
        _release(state, given)
    elif given.kind == "pr":
        _pulls(state, given)
    elif given.action == "POST":
        _dispatch(state, given)
    elif given.kind == "api":
        _edit_comment(state, given)
    elif given.action == "create":
        _open(state, given.title, given.body)
    elif given.action == "comment":
        _comment(state, given.number, given.body)
    else:
        _comment(state, given.number, given.comment)
        state["issues"][given.number - 1]["state"] = "CLOSED"
    file.write_text(json.dumps(state))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
