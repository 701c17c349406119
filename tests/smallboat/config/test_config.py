"""A configuration is checked whole before anything runs."""

from pathlib import Path

import pytest
from smallboat.config import config
from smallboat.errors import UserError
from toy.problem import PROBLEM

SHIPPED = Path("config/local.toml").read_text()
ON_AWS = Path("config/staging.toml").read_text()


def test_every_shipped_environment_loads() -> None:
    for path in Path("config").glob("*.toml"):
        assert config.load(PROBLEM, path.stem).project.name


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("seed =", "sede =", "unknown key training.sede: did you mean 'seed'?"),
        ("[store]", "[stroe]", "unknown key stroe: did you mean 'store'?"),
        ("retries =", "retry =", "unknown key steps.train_candidate.retry: did you mean 'retrie"),
        ("source =", "sauce =", "unknown key data.sauce: did you mean 'source'?"),
        ('source = "sample"', 'source = "web"', "data.source = 'web' is wrong"),
        ("workers = 2", "workers = 0", "training.workers = 0 is wrong"),
        ("workers = 2", 'workers = "2"', "training.workers = '2' is wrong"),
        ("[training]", "[training", "not valid TOML"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_right(
    right: str, wrong: str, sentence: str
) -> None:
    assert right in SHIPPED
    with pytest.raises(UserError) as caught:
        config.parse(PROBLEM, SHIPPED.replace(right, wrong))
    assert sentence in str(caught.value)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UserError, match=r"the key training\.seed is missing"):
        config.parse(
            PROBLEM, "\n".join(line for line in SHIPPED.splitlines() if "seed" not in line)
        )


DECISION = "[decision]\ncontact_cost = 1\nmissed_cost = 3.5\n"


def with_decision(table: str) -> str:
    """The shipped configuration with this table in place of its own, if it has one."""
    before, found, after = SHIPPED.partition("[decision]")
    rest = after[after.index("\n[") :] if found else ""
    return f"{before}{rest}\n{table}"


def test_what_a_decision_costs_can_be_left_out() -> None:
    assert config.parse(PROBLEM, with_decision(""))["decision"] is None
    costs = {"contact_cost": 1.0, "missed_cost": 3.5}
    assert config.parse(PROBLEM, with_decision(DECISION))["decision"] == costs


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("3.5", "0", "decision.missed_cost = 0 is wrong"),
        ("missed_cost = 3.5\n", "", "the key decision.missed_cost is missing"),
        ("missed", "mised", "unknown key decision.mised_cost: did you mean 'missed_cost'?"),
    ],
)
def test_costs_are_checked(right: str, wrong: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        config.parse(PROBLEM, with_decision(DECISION.replace(right, wrong)))
    assert sentence in str(caught.value)


def test_a_gap_is_of_whole_days_and_none_unless_it_is_said() -> None:
    lines = [line for line in SHIPPED.splitlines() if not line.startswith("gap_days")]
    assert config.parse(PROBLEM, "\n".join(lines))["training"]["gap_days"] == 0
    wrong = "\n".join(lines).replace("[training]", "[training]\ngap_days = -1")
    with pytest.raises(UserError, match=r"training\.gap_days = -1 is wrong"):
        config.parse(PROBLEM, wrong)


def test_an_unknown_environment_lists_those_there_are() -> None:
    with pytest.raises(UserError, match=r"no environment 'locl'.*local"):
        config.load(PROBLEM, "locl")


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        (
            "memory_mb",
            "memory_gb",
            "unknown key aws.serverless.memory_gb: did you mean 'memory_mb'",
        ),
        ("memory_mb = 2048", "memory_mb = 2000", "aws.serverless.memory_mb = 2000 is wrong"),
        ("[aws.serverless]", "[aws.serverles]", "unknown key aws.serverles: did you mean"),
        ("burst = 40", "", "the key aws.limits.burst is missing"),
        ('account = "', 'account = "1', "aws.account = '1"),
        ('owner = "', 'owner = "a & b', "aws.owner = 'a & b"),
        ('owner = "', 'owner = "e\u0301', "aws.owner = 'e\u0301"),  # no mark may be in a tag
    ],
)
def test_so_are_those_of_an_environment_on_aws(right: str, wrong: str, sentence: str) -> None:
    assert right in ON_AWS
    with pytest.raises(UserError) as caught:
        config.parse(PROBLEM, ON_AWS.replace(right, wrong))
    assert sentence in str(caught.value)


def test_an_endpoint_is_of_one_kind() -> None:
    text = ON_AWS.replace("[aws.serverless]", "[nothing]").partition("[nothing]")
    limits = text[2][text[2].index("[aws.limits]") :]
    with pytest.raises(UserError, match=r"^aws: choose one of \[aws.serverless\] and"):
        config.parse(PROBLEM, text[0] + limits)


def test_an_environment_is_called_as_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "test.toml").write_text(ON_AWS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"aws\.environment is 'staging', it must be 'test'"):
        config.load(PROBLEM, "test")


def test_the_store_of_an_environment_is_in_its_own_bucket() -> None:
    settings = config.load(PROBLEM, "staging")
    assert settings.store.root == f"s3://{settings.bucket}/store"
    assert len(settings.bucket) <= 63


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (
            "remote = true\ngpu = 1",
            "gpu: Fargate has no GPUs: name a machine that has as gpu_insta",
        ),
        ("gpu = 1", "gpu: only a step with remote = true can have one"),
        ("remote = true\ncpu = 3", "cpu = 3: Fargate has 1, 2, 4, 8, 16"),
        (
            "remote = true\ncpu = 1\nmemory = 9216",
            "memory = 9216: with cpu = 1 Fargate has 2048 to 8192, in steps of 1024",
        ),
        ("remote = true\ncpu = 8\nmemory = 17408", "in steps of 4096"),
        ("remote = true\nmemory = 1000", "memory = 1000: with cpu = 1"),
        ("remote = true\ncpu = 4", "memory = 4096: with cpu = 4 Fargate has 8192 to 30720"),
    ],
)
def test_what_batch_can_not_run_is_refused(wanted: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        config.parse(PROBLEM, f"{ON_AWS}\n[steps.compete]\n{wanted}\n")
    assert str(caught.value).startswith("steps.compete.") and sentence in str(caught.value)


@pytest.mark.parametrize(
    "wanted", ["cpu = 1\nmemory = 8192", "cpu = 8\nmemory = 16384", "cpu = 16\nmemory = 122880", ""]
)
def test_what_batch_can_run_is_not(wanted: str) -> None:
    config.parse(PROBLEM, f"{ON_AWS}\n[steps.compete]\nremote = true\n{wanted}\n")


def test_a_gpu_is_had_where_a_machine_with_one_is_named() -> None:
    text = f'{ON_AWS}\n[aws.batch]\ngpu_instance = "g4dn.xlarge"\n[steps.compete]\n'
    config.parse(PROBLEM, text + "remote = true\ngpu = 1\ncpu = 3\n")


def test_on_step_functions_every_step_needs_a_size_that_fargate_has() -> None:
    text = ON_AWS.replace('by = "actions"', 'by = "stepfunctions"') + "\n[steps.compete]\ncpu = 3"
    with pytest.raises(UserError, match=r"^steps\.compete\.cpu = 3: Fargate has"):
        config.parse(PROBLEM, text)


def test_without_aws_a_step_is_neither_remote_nor_has_it_secrets() -> None:
    for wanted, key in (("remote = true", "remote"), ('secrets = ["a"]', "secrets")):
        with pytest.raises(UserError, match=rf"^steps\.compete\.{key}: this environment is not on"):
            config.parse(PROBLEM, f"{SHIPPED}\n[steps.compete]\n{wanted}\n")


def test_secrets_are_the_environments_own() -> None:
    settings = config.load(PROBLEM, "staging")
    assert settings.steps["end"].secrets == [f"{settings.name_prefix}/comet"]


def test_what_waits_for_an_approval_has_no_schedule() -> None:
    released = ON_AWS.replace(
        "network_overhead_ms", 'released_by = "workflow"\nnetwork_overhead_ms'
    )
    with pytest.raises(UserError, match=r"^schedule: what is released by its workflow only has"):
        config.parse(PROBLEM, released)


def test_other_partitions_of_aws_are_refused() -> None:
    region = config.load(PROBLEM, "staging").project.aws_region
    with pytest.raises(UserError, match="another partition of AWS"):
        config.parse(PROBLEM, ON_AWS.replace(f'"{region}"', '"cn-north-1"'))
