"""The steps that call `gh`: issues about releases, and the comment on a pull request."""

import subprocess
from pathlib import Path

import pytest
import yaml
from fake_github import REFUSED, GitHub
from gh_steps import run

TITLE = "staging: the newest model is not released"
PAGE = "https://github.com/org/repo/actions/runs/7"
ISSUES = "contents=read;issues=write"
(ISSUE,) = yaml.safe_load(Path(".github/actions/issue/action.yml").read_text())["runs"]["steps"]
(RETRAIN,) = (
    step
    for step in yaml.safe_load(Path(".github/workflows/monitor.yml").read_text())["jobs"][
        "monitor"
    ]["steps"]
    if step.get("name") == "Retrain"
)
(COMMENT,) = (
    step
    for step in yaml.safe_load(Path(".github/workflows/ci.yml").read_text())["jobs"]["compare"][
        "steps"
    ]
    if step.get("name") == "Comment"
)


def release(
    github: GitHub, result: str, message: str = "", token: str = ISSUES
) -> "subprocess.CompletedProcess[str]":
    """Run the action after a release."""
    inputs = {"title": TITLE, "result": result, "message": message}
    return run(ISSUE, github, token, inputs)


def test_an_issue_is_opened_once_updated_closed_and_opened_anew(github: GitHub) -> None:
    github.add("prod: the newest model is not released")
    github.add(TITLE, pull=True)
    ends = [("success", "a"), ("failure", "b"), ("failure", "c"), ("success", "d"), ("failure", "")]
    for result, message in ends:
        done = release(github, result, message)
        assert done.returncode == 0, done.stderr
    other, pull, closed, opened = github.issues
    states = [each["state"] for each in (other, pull, closed, opened)]
    assert states == ["OPEN", "OPEN", "CLOSED", "OPEN"]
    assert closed["title"] == opened["title"] == TITLE
    assert closed["body"].split() == ["b", PAGE]
    assert [said.split() for said in github.said(3)] == [["c", PAGE], ["d", PAGE]]
    assert opened["body"].splitlines() == ["The log of the job says why.", "", PAGE]
    assert github.said(4) == github.said(1) == github.said(2) == []


def test_a_note_is_added_to_an_open_issue_only(github: GitHub) -> None:
    assert release(github, "note", "a").returncode == 0
    assert github.issues == []
    number = github.add(TITLE)
    assert release(github, "note", "b").returncode == 0
    assert [said.split() for said in github.said(number)] == [["b", PAGE]]
    assert github.issues[0]["state"] == "OPEN"


@pytest.mark.parametrize("token", ["contents=write", "contents=read"])
def test_a_retraining_is_dispatched_with_its_reason(github: GitHub, token: str) -> None:
    reason = "drifted: $(x) has drifted (PSI 0.31), since 2026-11-01"
    contexts = {
        "matrix": {"environment": "prod"},
        "steps": {"monitor": {"outputs": {"message": reason}}},
    }
    done = run(RETRAIN, github, token, **contexts)
    if token == "contents=read":
        assert done.returncode != 0 and github.events == []
        return
    assert done.returncode == 0, done.stderr
    payload = {"environment": "prod", "reason": reason}
    assert github.events == [{"action": "drift", "client_payload": payload}]


def test_an_issue_is_found_among_many(github: GitHub) -> None:
    first = github.add(TITLE)
    for number in range(40):  # `gh` lists 30 unless told otherwise
        github.add(f"other {number}")
    release(github, "success")
    assert github.issues[first - 1]["state"] == "CLOSED"


def test_a_message_is_text_and_never_run(github: GitHub, tmp_path: Path) -> None:
    message = f"\"; touch {tmp_path}/ran; $(touch {tmp_path}/ran) `touch {tmp_path}/ran` '"
    assert release(github, "failure", message).returncode == 0
    assert github.issues[0]["body"].startswith(message)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("token", "message"),
    [("issues=read", REFUSED), ("", "set the GH_TOKEN"), (ISSUES, "repository has disabled issue")],
)
def test_an_issue_that_can_not_be_written_says_what_is_missing(
    github: GitHub, token: str, message: str
) -> None:
    if token == ISSUES:
        github.disable_issues()
    done = release(github, "failure", "why", token)
    assert done.returncode != 0 and not github.issues
    assert message in done.stdout + done.stderr
    assert "::warning::Issue not updated: the job needs issues: write" in done.stdout


def comment(github: GitHub, text: str, token: str) -> "subprocess.CompletedProcess[str]":
    """Comment on pull request 1."""
    (github.file.parent / "comparison.md").write_text(text)
    return run(COMMENT, github, token)


def test_a_comment_takes_the_place_of_the_one_before(github: GitHub) -> None:
    github.add("a change", pull=True)
    marker = COMMENT["env"]["MARKER"]
    others = [("Bot", "coverage"), ("User", f"{marker}\nmine"), ("Bot", f"see {marker}")]
    for by, text in others:
        github.comment(1, text, by)
    for text in ("first", "second"):
        assert comment(github, text, "pull-requests=write").returncode == 0
        github.comment(1, "coverage again", "Bot")
    own = [said for said in github.said(1) if said == f"{marker}\nsecond"]
    assert len(own) == 1 and len(github.said(1)) == len(others) + 3
    assert github.said(1)[:3] == [text for _, text in others]


@pytest.mark.parametrize("token", ["pull-requests=read", ""])
def test_a_token_that_may_not_comment_is_no_failure(github: GitHub, token: str) -> None:
    github.add("a change", pull=True)
    done = comment(github, "a table", token)
    assert done.returncode == 0 and not github.comments
    assert "::warning::Not commented: a fork's token may only read" in done.stdout
