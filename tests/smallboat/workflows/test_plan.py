"""What the workflows ask the configuration for; and the cron that is written into one of them."""

import json
import re
import shutil
from pathlib import Path

import pytest
from smallboat.config import config
from smallboat.errors import UserError
from smallboat.workflows import plan
from toy.problem import PROBLEM


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's configurations and workflows, set up for the repository org/repo."""
    for name in ("config", ".github"):
        shutil.copytree(name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_REPOSITORY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    for environment in ("staging", "prod"):
        change(environment, r'github = ".*?"', 'github = "org/repo"')
    change("staging", r'by = ".*?"', 'by = "actions"')
    return tmp_path


def change(environment: str, pattern: str, text: str) -> None:
    """Replace the first such line of a configuration."""
    file = Path("config", f"{environment}.toml")
    after, found = re.subn(f"(?m)^{pattern}", text, file.read_text(), count=1)
    assert found
    file.write_text(after)


def planned(capsys: pytest.CaptureFixture[str], environment: str = "local") -> dict[str, str]:
    """What is printed for GitHub."""
    assert plan.plan(PROBLEM, environment) == 0
    return dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())


def schedule(check: bool = False) -> str:
    """What the workflow starts with after `make schedule`."""
    assert plan.write_schedule(PROBLEM, "staging", check) == 0
    text = plan.RETRAIN.read_text()
    return text[text.index("on:\n") : text.index("  workflow_dispatch")]


def test_the_roles_follow_from_the_configuration(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "org/repo")
    monkeypatch.setenv("GITHUB_OUTPUT", str(project / "output"))
    settings = config.load(PROBLEM, "prod")
    assert settings.aws is not None
    known = planned(capsys)
    assert (
        known["prod"] == f"arn:aws:iam::{settings.aws.account}:role/{settings.name_prefix}-deploy"
    )
    assert known["build"] == known["staging"].replace("-deploy", "-build")
    assert known["preview"] == known["staging"].replace("-deploy", "-preview")
    assert known["region"] == settings.project.aws_region
    assert known["flow"] == "false"
    staging, prod = json.loads(known["monitors"])
    assert (staging["environment"], prod["environment"]) == ("staging", "prod")
    assert prod["role"] == known["prod"].replace("-deploy", "-monitor")
    written = (project / "output").read_text().splitlines()
    assert written == [f"{name}={value}" for name, value in known.items()]


def test_where_nothing_is_captured_nothing_is_monitored_and_it_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change("prod", r'capture = ".*?"', 'capture = "off"')
    plan.plan(PROBLEM, "local")
    told = capsys.readouterr()
    (monitors,) = re.findall(r"(?m)^monitors=(.*)$", told.out)
    assert [each["environment"] for each in json.loads(monitors)] == ["staging"]
    assert "prod=arn:" in told.out
    assert told.err.startswith(
        "prod is not monitored: nothing is captured in this environment, so nothing can be "
        "monitored: set api.capture in config/prod.toml to stdout"
    )


def test_what_is_not_set_up_has_no_role_and_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change("prod", r'github = ".*?"', 'github = ""')
    plan.plan(PROBLEM, "staging")
    told = capsys.readouterr()
    assert "prod=\n" in told.out and "staging=arn:" in told.out
    assert told.err.startswith("prod is not set up yet: write this repository's ORG/REPO as `gith")
    with pytest.raises(UserError, match=r"^prod is not set up yet: .* `make bootstrap ENV=prod`$"):
        plan.plan(PROBLEM, "prod")


def test_an_environment_that_was_removed_has_no_role(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config/prod.toml").unlink()
    known = planned(capsys)
    assert known["prod"] == ""
    assert [each["environment"] for each in json.loads(known["monitors"])] == ["staging"]


@pytest.mark.parametrize("here", ["fork/repo", "Org/repo"])
def test_another_repository_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, here: str
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", here)
    message = f"config/staging.toml is deployed by the workflows of org/repo, this is {here}"
    with pytest.raises(UserError, match=message):
        plan.plan(PROBLEM, "local")


def test_an_unknown_environment_is_refused(project: Path) -> None:
    with pytest.raises(UserError, match="there is no environment 'production': choose one of"):
        plan.plan(PROBLEM, "production")


def test_environments_of_two_regions_are_refused(project: Path) -> None:
    change("prod", "^", '[project]\naws_region = "eu-west-1"\n')
    change("staging", "^", '[project]\naws_region = "eu-west-2"\n')
    with pytest.raises(UserError, match=r"are in eu-west-1 and eu-west-2: .* give both the same"):
        plan.plan(PROBLEM, "local")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [(r'by = ".*?"', 'by = "stepfunctions"'), ("^", "[steps.train_candidate]\nremote = true\n")],
)
def test_there_is_a_flow_if_step_functions_or_a_remote_step_asks_for_it(
    project: Path, capsys: pytest.CaptureFixture[str], pattern: str, text: str
) -> None:
    change("staging", pattern, text)
    assert planned(capsys)["flow"] == "true"


def test_the_cron_of_the_configuration_is_written_into_the_workflow(project: Path) -> None:
    change("staging", r'cron = ".*?"', 'cron = "3 5 * * 2"')
    assert schedule() == 'on:\n  schedule:\n    - cron: "3 5 * * 2"\n'
    change("staging", r'by = ".*?"', 'by = "stepfunctions"')
    assert schedule() == "on:\n  # no cron: Step Functions has the schedule\n"
    change("staging", r'by = ".*?"', 'by = "actions"')
    assert schedule() == 'on:\n  schedule:\n    - cron: "3 5 * * 2"\n'
    Path("config/staging.toml").unlink()
    assert schedule() == "on:\n  # no cron\n"


def test_the_monitor_has_a_cron_of_its_own(project: Path) -> None:
    change("staging", "^", '[monitor]\ncron = "1 2 * * *"\n')
    schedule()
    assert 'on:\n  schedule:\n    - cron: "1 2 * * *"\n' in plan.MONITOR.read_text()
    with pytest.raises(UserError, match=r"monitor.cron = '61 2 \* \* \*' is wrong"):
        change("staging", 'cron = "1 2', 'cron = "61 2')
        schedule()


def test_a_project_of_an_older_template_has_no_monitor_to_schedule(project: Path) -> None:
    plan.MONITOR.unlink()
    schedule()
    schedule(check=True)
    assert not plan.MONITOR.exists()


def test_an_environment_on_step_functions_is_not_monitored_by_github(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change("staging", r'by = ".*?"', 'by = "stepfunctions"')
    (monitor,) = json.loads(planned(capsys)["monitors"])
    assert monitor["environment"] == "prod"


def test_lint_refuses_another_cron_and_writes_nothing(project: Path) -> None:
    schedule()
    schedule(check=True)
    before = plan.RETRAIN.read_text()
    change("staging", r'cron = ".*?"', 'cron = "3 5 * * 2"')
    with pytest.raises(UserError, match=r"retrain.yml: not the cron of .*`make schedule`"):
        schedule(check=True)
    assert plan.RETRAIN.read_text() == before


@pytest.mark.parametrize("text", ["name: Retrain\n", None])
def test_a_workflow_that_is_not_there_or_has_no_triggers_is_brought_back(
    project: Path, text: str | None
) -> None:
    if text is None:
        plan.RETRAIN.unlink()
    else:
        plan.RETRAIN.write_text(text)
    with pytest.raises(
        UserError, match=r"is missing or .*: `git checkout .github/workflows/retrain.yml`"
    ):
        schedule()
