"""What holds for every workflow, and for how these tests read them."""

import re
from pathlib import Path
from typing import Any

import expressions
import pytest
import yaml
from runner import PLAYED
from smallboat.config import config
from toy.problem import PROBLEM

FILES = sorted([*Path(".github/workflows").glob("*.yml"), *Path(".github/actions").glob("*/*.yml")])
FUNCTIONS = {"success": lambda: True, "failure": lambda: False, "always": lambda: True}
KNOWN = {"needs": {"plan": {"outputs": {"prod": "arn", "dev": ""}}}, "inputs": {"to": "prod"}}


def hole(text: str) -> str:
    """An expression as it stands in a workflow; this file is a template's, so not written out."""
    return f"${'{' * 2} {text} {'}' * 2}"


GIVEN = r'(?:(?P<a>[A-Z]+)="\$(?P=a)"|\$\{(?P<b>[A-Z]+):\+(?P=b)="\$(?P=b)"\})'
"""A value that a step has in its `env`: NAME="$NAME", or nothing where it is empty."""


def steps(file: Path) -> list[Any]:
    """All steps of a workflow or an action."""
    content = yaml.safe_load(file.read_text())
    jobs = content["jobs"].values() if "jobs" in content else [content["runs"]]
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_commands_are_make_targets_or_gh_and_hold_no_expression(file: Path) -> None:
    """A step with a token runs `gh` and nothing of the project."""
    for step in steps(file):
        if "GH_TOKEN" in step.get("env", {}):
            assert re.search(r"(?m)^\s*gh ", step["run"]) and "make" not in step["run"]
            assert hole("")[:3] not in step["run"]
        elif "run" in step:
            target = rf'make [a-z-]+( [A-Z]+=[a-z]+| {GIVEN})*( > "\$RUNNER_TEMP/[a-z.]+")?'
            assert re.fullmatch(target, step["run"])
        assert "GITHUB_TOKEN" not in str(step)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_an_issue_that_can_not_be_written_fails_no_job(file: Path) -> None:
    for job in yaml.safe_load(file.read_text()).get("jobs", {}).values():
        told = [step for step in job["steps"] if step.get("uses", "").endswith("/issue")]
        assert all(step["continue-on-error"] for step in told)
        ends = any(re.match("make (retrain|deploy|refresh|rollback|monitor)", step.get("run", ""))
                   for step in job["steps"])  # fmt: skip
        assert bool(told) == ends
        assert (job["permissions"].get("issues") == "write") == ends


@pytest.mark.parametrize("file", FILES, ids=str)
def test_no_account_and_no_region_stand_there(file: Path) -> None:
    settings = config.load(PROBLEM, "staging")
    assert settings.aws is not None
    for value in (settings.aws.account, settings.project.aws_region):
        assert value not in file.read_text()


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_action_is_known_and_pinned_to_one_commit(file: Path) -> None:
    pins = re.findall(r"uses: ([^.\s][^@\s]*)@([0-9a-f]{40}) # v\d+\.\d+\.\d+\n", file.read_text())
    used = [step["uses"] for step in steps(file) if not step.get("uses", "./").startswith("./")]
    assert [f"{name}@{commit}" for name, commit in pins] == used
    assert {name for name, _ in pins} <= PLAYED.keys()


def test_an_action_has_one_commit_everywhere() -> None:
    used = {use["uses"] for file in FILES for use in steps(file) if "@" in use.get("uses", "")}
    assert len(used) == len({use.partition("@")[0] for use in used})


@pytest.mark.parametrize("result", ["success", "failure"])
@pytest.mark.parametrize("changed", ["true", "false", ""])
def test_what_changed_on_staging_is_promoted_also_if_no_candidate_passed(
    result: str, changed: str
) -> None:
    """Exit code 3 fails the job, and the champion has new online features."""
    file = next(file for file in FILES if file.name == "retrain.yml")
    job = yaml.safe_load(file.read_text())["jobs"]["promote"]
    needs = {
        "plan": {"result": "success", "outputs": {"prod": "a role"}},
        "retrain": {"result": result, "outputs": {"changed": changed}},
    }
    contexts = {"needs": needs, "inputs": {"promote_only": False}}
    functions = {"cancelled": lambda: False}
    assert expressions.condition(job["if"], contexts, functions) == (changed == "true")


def test_releases_of_an_environment_wait_for_each_other() -> None:
    """Whatever workflow they are in; none is cancelled, not even one that waits."""
    groups, asked = {}, hole("inputs.rollback")
    for file in FILES:
        for job in yaml.safe_load(file.read_text()).get("jobs", {}).values():
            commands = [step.get("run", "") for step in job["steps"]]
            if any(re.match("make (retrain|deploy|refresh|rollback)", each) for each in commands):
                groups[job["concurrency"]["group"]] = job["environment"]
                assert (job["concurrency"]["cancel-in-progress"], job["concurrency"]["queue"]) == (
                    False,
                    "max",
                )
    assert groups == {
        "release-staging": "staging",
        "release-prod": "prod",
        f"rollback-{asked}": asked,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inputs.to == 'PROD'", True),
        ("inputs.gone == 0", True),
        ("inputs.gone != ''", False),
        ("needs.plan.outputs[inputs.to]", "arn"),
        ("needs.gone.outputs.prod", None),
        ("inputs.gone || inputs.to", "prod"),
        ("!inputs.gone && (inputs.to == 'a' || true)", True),
        ("failure() || 'it''s'", "it's"),
    ],
)
def test_expressions_mean_what_they_mean_on_github(text: str, expected: Any) -> None:
    assert expressions.evaluate(text, KNOWN, FUNCTIONS) == expected


@pytest.mark.parametrize("text", ["matrix.python", "toJSON(inputs)", "inputs.to < 1", "inputs to"])
def test_unknown_expressions_are_errors(text: str) -> None:
    with pytest.raises((KeyError, ValueError, AssertionError)):
        expressions.evaluate(text, KNOWN, FUNCTIONS)


def test_a_condition_asks_for_success_unless_it_says_otherwise() -> None:
    failed = FUNCTIONS | {"success": lambda: False}
    assert expressions.condition("inputs.to", KNOWN, FUNCTIONS)
    assert not expressions.condition("inputs.to", KNOWN, failed)
    assert not expressions.condition(None, KNOWN, failed)
    assert expressions.condition(hole("always() && inputs.to"), KNOWN, failed)
    assert expressions.fill(f"a {hole('inputs.to')} {hole('!inputs.to')}", KNOWN, FUNCTIONS) == (
        "a prod false"
    )
