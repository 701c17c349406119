"""GitHub's REST API, as far as a workflow tells people how it ended."""

import os
from collections.abc import Iterator
from typing import Any

import requests

from ..errors import CloudError

SECONDS = 30


class Repository:
    """A repository, and the token by which a workflow may change it.

    Every method raises a CloudError if GitHub refuses or does not answer.
    """

    def __init__(self, url: str, name: str, token: str) -> None:
        """The API's address, the repository as ORG/REPO, and the token."""
        self._url = f"{url}/repos/{name}"
        self._headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    @classmethod
    def here(cls) -> "Repository | None":
        """That of the workflow we run in; None outside of one, or if it gives us no token."""
        name, token = (os.environ.get(f"GITHUB_{part}") for part in ("REPOSITORY", "TOKEN"))
        if not name or not token:
            return None
        return cls(os.environ.get("GITHUB_API_URL") or "https://api.github.com", name, token)

    def open_issue(self, title: str, body: str) -> None:
        """Open an issue; if one of that title is open, add a comment to it instead."""
        issue = self._issue(title)
        if issue is None:
            self._ask("POST", "issues", {"title": title, "body": body})
        else:
            self._ask("POST", f"issues/{issue}/comments", {"body": body})

    def close_issue(self, title: str, comment: str) -> None:
        """Close the open issue of that title, if there is one, with a comment that says why."""
        issue = self._issue(title)
        if issue is not None:
            self._ask("POST", f"issues/{issue}/comments", {"body": comment})
            self._ask("PATCH", f"issues/{issue}", {"state": "closed"})

    def comment(self, pull: int, marker: str, body: str) -> None:
        """Comment on a pull request, in the place of the earlier comment with that marker."""
        mark = f"<!-- {marker} -->"
        text = {"body": f"{mark}\n{body}"}
        for each in self._all(f"issues/{pull}/comments"):
            if each["body"].startswith(mark):
                self._ask("PATCH", f"issues/comments/{each['id']}", text)
                return
        self._ask("POST", f"issues/{pull}/comments", text)

    def _issue(self, title: str) -> int | None:
        """The number of the open issue of that title; GitHub lists pull requests as issues too."""
        for each in self._all("issues?state=open"):
            if each["title"] == title and "pull_request" not in each:
                return int(each["number"])
        return None

    def _all(self, path: str) -> Iterator[Any]:
        """What a list holds, on all its pages."""
        url = f"{self._url}/{path}{'&' if '?' in path else '?'}per_page=100"
        while url:
            answer = self._asked("GET", url)
            yield from answer.json()
            url = answer.links.get("next", {}).get("url", "")

    def _ask(self, method: str, path: str, body: Any) -> None:
        self._asked(method, f"{self._url}/{path}", body)

    def _asked(self, method: str, url: str, body: Any = None) -> requests.Response:
        try:
            answer = requests.request(
                method, url, json=body, headers=self._headers, timeout=SECONDS
            )
        except requests.RequestException as error:
            raise CloudError(f"GitHub can't be reached: {error}") from error
        if not answer.ok:
            raise CloudError(_refusal(method, url, answer))
        return answer


def _refusal(method: str, url: str, answer: requests.Response) -> str:
    """What a refusal means, and what to do."""
    match answer.status_code:
        case 401:
            return "GitHub does not know GITHUB_TOKEN: the job must set it to github.token"
        case 403:
            return (
                f"GITHUB_TOKEN may not {method} {url}: a fork's may only read; else the job needs "
                "`issues: write`, or `pull-requests: write`, in its permissions"
            )
        case 404:
            return f"GitHub has no {url}, or GITHUB_TOKEN may not see it"
        case 410:
            return "the repository has no issues: switch them on in its settings"
        case status:
            return f"GitHub refused {method} {url} ({status}): {answer.text[:200]}"
