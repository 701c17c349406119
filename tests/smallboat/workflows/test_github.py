"""Issues and comments by GitHub's API, as a server on this machine gives it."""

import pytest
from fake_github import NAME, GitHub
from smallboat.errors import CloudError
from smallboat.workflows.github import Repository

MAY = "contents=read;issues=write"


def repository(github: GitHub, token: str = MAY) -> Repository:
    return Repository(github.url, NAME, token)


def test_here_is_the_workflow_that_we_run_in(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Repository.here() is None
    monkeypatch.setenv("GITHUB_REPOSITORY", NAME)
    assert Repository.here() is None  # the job gives no token
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setenv("GITHUB_TOKEN", MAY)
    here = Repository.here()
    assert here is not None
    here.open_issue("title", "body")
    assert [each["title"] for each in github.issues] == ["title"]


def test_an_issue_is_opened_once_updated_closed_and_opened_anew(github: GitHub) -> None:
    for number in range(5):  # more than a page
        github.add(f"other {number}")
    github.add("title", pull=True)
    ours = repository(github)
    ours.close_issue("title", "there is none")
    ours.open_issue("title", "first")
    ours.open_issue("title", "second")
    ours.close_issue("title", "well")
    ours.open_issue("title", "third")
    *_, pull, before, now = github.issues
    assert [each["state"] for each in (pull, before, now)] == ["open", "closed", "open"]
    assert (before["body"], github.said(7)) == ("first", ["second", "well"])
    assert (now["body"], github.said(8), len(github.issues)) == ("third", [], 8)


def test_a_comment_takes_the_place_of_the_one_with_its_marker(github: GitHub) -> None:
    pull = github.add("a change", pull=True)
    ours = repository(github, "pull-requests=write")
    for body in ("first", "second"):
        ours.comment(pull, "metrics", body)
    ours.comment(pull, "other", "<!-- metrics -->")
    assert github.said(pull) == [
        "<!-- metrics -->\nsecond",
        "<!-- other -->\n<!-- metrics -->",
    ]


@pytest.mark.parametrize(
    ("token", "broken", "message"),
    [
        ("old", 0, "GitHub does not know GITHUB_TOKEN: the job must set it to github.token"),
        ("issues=read", 0, "GITHUB_TOKEN may not POST .*: a fork's may only read; .*issues: write"),
        (MAY, 404, "GitHub has no .*, or GITHUB_TOKEN may not see it"),
        (MAY, 410, "the repository has no issues: switch them on in its settings"),
        (MAY, 502, r"GitHub refused GET .* \(502\)"),
    ],
)
def test_a_refusal_is_a_sentence(github: GitHub, token: str, broken: int, message: str) -> None:
    github.broken = broken
    with pytest.raises(CloudError, match=message):
        repository(github, token).open_issue("title", "body")


def test_so_is_no_answer() -> None:
    with pytest.raises(CloudError, match="GitHub can't be reached"):
        Repository("http://127.0.0.1:1", NAME, MAY).open_issue("title", "body")
