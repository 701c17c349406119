"""A cron as GitHub takes it, and as EventBridge does."""

import shutil
from pathlib import Path

import pytest
from smallboat.config import config, schedule
from smallboat.errors import UserError
from toy.problem import PROBLEM

ON_AWS = Path("config/staging.toml").read_text()


@pytest.mark.parametrize(
    "cron",
    ["17 4 * * 1", "*/5 * * * *", "0 0 1,15 JAN-jun *", "20/15 6-18/2 * * mon-FRI", "0 23 31 12 0"],
)
def test_what_github_takes_is_taken(cron: str) -> None:
    schedule.check(cron)


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        (
            "@daily",
            "it must have five fields, as '17 4 * * 1': minute, hour, day of the month",
        ),
        ("17 4 * *", "it must have five fields"),
        ("0 17 4 * * 1", "it must have five fields"),
        ("60 4 * * 1", "the minute is 0 to 59, found '60'"),
        ("0 4 * * 7", "the day of the week is 0 to 6, or a name as SUN, found '7'"),
        ("0 4 0 * *", "the day of the month is 1 to 31, found '0'"),
        ("0 4 * MAI *", "the month is 1 to 12, or a name as JAN, found 'MAI'"),
        ("0 4 * * 5-1", "'5-1' ends before it begins"),
        ("0 4 ? * 1", "'?' is no day of the month: it takes *, a number, 1-3, 1,3 or */2"),
        ("0,,5 4 * * 1", "'' is no minute"),
        ("*/0 4 * * 1", "'*/0' has a step of 0"),
        ("0 4 31 2 *", "it never starts: no month has this day"),
        ("*/4 * * * *", "it starts twice within 5 minutes, which GitHub does not"),
        ("1,4 4 * * *", "it starts twice within 5 minutes"),
        ("1,59 * * * *", "it starts twice within 5 minutes"),
    ],
)
def test_what_github_refuses_is_refused_with_what_is_right(cron: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        config.parse(PROBLEM, with_schedule("actions", cron))
    assert str(caught.value).startswith(f"schedule.cron = {cron!r} is wrong: {message}")


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("17 4 * * 1", "17 4 ? * 2 *"),
        ("17 4 * * *", "17 4 * * ? *"),
        ("0 4 1,15 * *", "0 4 1,15 * ? *"),
        ("0 4 * FEB-APR SUN,fri-SAT", "0 4 ? 2,3,4 1,6,7 *"),
        ("5/20 4 * * 1-5", "5,25,45 4 ? * 2,3,4,5,6 *"),
    ],
)
def test_eventbridge_gets_the_same_times(cron: str, expected: str) -> None:
    assert schedule.for_aws(cron) == expected


def test_a_configuration_is_refused_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree("config", tmp_path / "config")
    (tmp_path / "config" / "staging.toml").write_text(with_schedule("actions", "@daily"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^config/staging.toml: schedule.cron = '@daily' is wron"):
        config.load(PROBLEM, "staging")


def test_step_functions_cannot_have_both_day_fields() -> None:
    both = "0 4 1 * 1"
    settings = config.check(config.parse(PROBLEM, with_schedule("actions", both)))
    assert settings.schedule is not None and settings.schedule.cron == both
    with pytest.raises(UserError, match="a day of the month or of the week, not both"):
        config.parse(PROBLEM, with_schedule("stepfunctions", both))


def with_schedule(by: str, cron: str) -> str:
    """config/staging.toml with another schedule."""
    before, _, after = ON_AWS.partition("[schedule]\n")
    return f'{before}[schedule]\nby = "{by}"\ncron = "{cron}"\n{after[after.index("[") :]}'


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("17 4 * * 1", 7),
        ("*/5 * * * *", 1),
        ("0 3 1 * *", 31),
        ("0 4 1 * 1", 7),  # the first of a month, and Mondays
        ("0 0 29 2 *", 1461),
    ],
)
def test_the_longest_gap_between_two_starts_is_known(cron: str, days: int) -> None:
    assert schedule.longest_gap(cron) == days
