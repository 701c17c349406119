"""What `make doctor` tells of a project and of its environment on AWS, on the emulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bootstrapped import ACCOUNT, NAME_PREFIX, REGION, Bootstrapped
from clouds import Cloud
from smallboat.doctor import project
from smallboat.doctor.rows import MISSING, NOTE, OK, WRONG

BROKEN = "this is no TOML"


@pytest.fixture
def environment(cloud: Cloud, tmp_path: Path) -> Iterator[Bootstrapped]:
    """An environment that is not bootstrapped."""
    cloud.reset()
    made = Bootstrapped(tmp_path, cloud)
    made.bring("local")
    made.link("serving", "toy", "vendor")
    yield made
    cloud.reset()


def test_without_stacks_it_says_how_to_make_them(
    environment: Bootstrapped,
) -> None:
    environment.change("staging", alert_email="")
    found = environment.doctor()
    assert found["config/staging.toml"].found.startswith(f"account {ACCOUNT}")
    assert found["credentials"][1:3] == (OK, f"of account {ACCOUNT}, {REGION}")
    for stack in ("foundation", "compute", "budget"):
        row = found[f"{NAME_PREFIX}-{stack}"]
        assert (row.state, row.to_do) == (MISSING, "make bootstrap ENV=staging")
    assert found["image"].state == MISSING
    assert found["image"].to_do == "not bootstrapped yet: run `make bootstrap ENV=…`"
    assert found["alarms"].to_do.startswith("nobody is told of alarms")


def test_credentials_of_another_account_are_told_once(environment: Bootstrapped) -> None:
    environment.change("staging", account="210987654321")
    found = environment.doctor()
    assert list(found)[-1] == "credentials"
    assert found["credentials"].state == WRONG
    assert "is for the AWS account 210987654321" in found["credentials"].to_do
    assert found["config/staging.toml"].state == OK


def test_an_account_with_too_small_a_quota_is_told(environment: Bootstrapped) -> None:
    file = environment.folder / "config" / "staging.toml"
    file.write_text(file.read_text().replace("max_concurrency = 2", "max_concurrency = 99"))
    found = environment.doctor()
    assert found["quota"].state == NOTE
    assert found["quota"].to_do.startswith("SageMaker will refuse the endpoint")


@pytest.mark.parametrize(
    ("name", "row", "required"),
    [("local", "config/local.toml", True), ("staging", "config/staging.toml", False)],
)
def test_a_broken_configuration_is_a_row(
    environment: Bootstrapped, name: str, row: str, required: bool
) -> None:
    (environment.folder / "config" / f"{name}.toml").write_text(BROKEN)
    found = environment.doctor()[row]
    assert (found.state, found.required) == (WRONG, required)
    assert "is not valid TOML" in found.found


def test_an_environment_that_is_not_there_is_a_row(environment: Bootstrapped) -> None:
    assert (
        "there is no environment 'stagin'"
        in environment.doctor("stagin")["config/stagin.toml"].found
    )


def test_code_that_can_not_be_loaded_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise SyntaxError("s3cret")

    monkeypatch.setattr("smallboat.problem.here", broken)
    (row,) = project.rows("local")
    assert row[:3] == ("project", WRONG, "SyntaxError")
    assert row.required


def test_locally_nothing_of_aws_is_asked() -> None:
    found = {row.name: row for row in project.rows("local")}
    assert found["config/local.toml"].state == OK
    assert not {"credentials", "quota", "image"} & set(found)
