"""A configuration is base.toml and an environment's file; it is checked before anything runs."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from smallboat.config import config
from smallboat.config.sections import Limits
from smallboat.errors import UserError
from toy.problem import PROBLEM

BASE, LOCAL, ON_AWS = (
    Path("config", f"{name}.toml").read_text() for name in ("base", "local", "staging")
)
ENVIRONMENTS = ("local", "staging", "prod")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of a project, in the current folder."""
    shutil.copytree("config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config"


def change(file: Path, right: str, wrong: str) -> None:
    """Replace a part of a file."""
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, wrong))


def parse(base: str = BASE, own: str = LOCAL) -> Any:
    """The values of both texts."""
    Path("config", "base.toml").write_text(base)
    return config.parse(PROBLEM, own)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_loads(environment: str) -> None:
    assert config.load(PROBLEM, environment).project.name


def test_an_environment_changes_single_keys_of_base(folder: Path) -> None:
    (folder / "local.toml").write_text(
        f"{LOCAL}\n[training]\nworkers = 8\n[steps.end]\nretries = 1\n"
    )
    settings = config.load(PROBLEM, "local")
    shared = tomllib.loads(BASE)
    preset = {"gap_days": 0, "fork_server": True}
    assert settings.training.model_dump() == shared["training"] | preset | {"workers": 8}
    assert settings.release.model_dump() == shared["release"] | {"latency_ms": 2000.0}
    assert list(settings.steps) == ["train_candidate", "end"]
    candidate = settings.steps["train_candidate"]
    assert (candidate.memory, candidate.timeout_seconds) == (1024, 60)


def test_monitoring_has_defaults_and_its_contradictions_are_sentences(folder: Path) -> None:
    stated = tomllib.loads(BASE)["monitor"]
    assert config.load(PROBLEM, "local").monitor.model_dump() == stated
    table = BASE[BASE.index("[monitor]") : BASE.index("[api]")]
    change(folder / "base.toml", table, "")
    assert config.load(PROBLEM, "local").monitor.model_dump() == stated
    change(folder / "local.toml", "[release]", "[monitor]\nneeded = 4\n[release]")
    with pytest.raises(UserError, match=r"monitor: needed = 4 is more than windows = 3: lower it"):
        config.load(PROBLEM, "local")


def test_one_file_may_hold_all_of_an_environment(folder: Path) -> None:
    api = '[api]\ncapture = "off"\nmodel_timeout_seconds = 5.0'
    whole = f'{BASE.replace("[api]", api)}\n[store]\nroot = "alone"\n'
    (folder / "local.toml").write_text(whole)
    (folder / "base.toml").unlink()
    assert config.load(PROBLEM, "local").store.root == "alone"


def test_metaflow_gets_the_same_values(folder: Path) -> None:
    assert config.parse(PROBLEM, LOCAL) == config.load(PROBLEM, "local").model_dump(mode="json")


@pytest.mark.parametrize(
    ("name", "right", "wrong", "message"),
    [
        ("base", "seed =", "sede =", "config/base.toml: unknown key training.sede"),
        ("base", "workers = 2", "workers = 0", "config/base.toml: training.workers = 0 is wrong"),
        ("base", "seed = 1\n", "", "config/base.toml: the key training.seed is missing"),
        ("base", "cpu = 1", "cpu = 3", "config/base.toml: steps.train_candidate.cpu = 3: Fargate"),
        ("base", "[training]", "[training", "config/base.toml is not valid TOML"),
        ("staging", "burst = 40", "", "config/staging.toml: the key aws.limits.burst is missing"),
        ("staging", "[store]", "[stroe]", "config/staging.toml: unknown key stroe"),
        ("staging", "[store]", "[release]\nkeep = 1\n[store]", "config/staging.toml: release.keep"),
        ("staging", "[store]", "[store", "config/staging.toml is not valid TOML"),
    ],
)
def test_the_file_with_the_wrong_key_is_named(
    folder: Path, name: str, right: str, wrong: str, message: str
) -> None:
    change(folder / f"{name}.toml", right, wrong)
    if name == "base" and "cpu" in right:
        (folder / "staging.toml").write_text(ON_AWS.replace('"actions"', '"stepfunctions"'))
    with pytest.raises(UserError) as caught:
        config.load(PROBLEM, "staging")
    assert message in str(caught.value)


def test_base_is_no_environment() -> None:
    with pytest.raises(UserError, match="'base': choose one of local, prod, staging"):
        config.load(PROBLEM, "base")


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
    assert right in BASE + LOCAL
    with pytest.raises(UserError) as caught:
        parse(BASE.replace(right, wrong), LOCAL.replace(right, wrong))
    assert sentence in str(caught.value)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UserError, match=r"the key training\.seed is missing"):
        parse("\n".join(line for line in BASE.splitlines() if "seed" not in line))


DECISION = "[decision]\ncontact_cost = 1\nmissed_cost = 3.5\n"


@pytest.mark.parametrize(("older", "tracker"), [("true", "comet"), ("false", "none")])
def test_the_older_key_of_the_tracker_still_counts(folder: Path, older: str, tracker: str) -> None:
    change(folder / "base.toml", 'tracker = "none"', f"comet = {older}")
    assert config.load(PROBLEM, "local").tracking.tracker == tracker


def test_both_keys_of_the_tracker_are_one_too_many(folder: Path) -> None:
    change(folder / "base.toml", 'tracker = "none"', 'tracker = "mlflow"\ncomet = true')
    said = r'comet is the older name of tracker = "comet": remove comet'
    with pytest.raises(UserError, match=said):
        config.load(PROBLEM, "local")


def test_what_a_decision_costs_can_be_left_out() -> None:
    assert parse()["decision"] is None
    costs = {"contact_cost": 1.0, "missed_cost": 3.5}
    assert parse(f"{BASE}\n{DECISION}")["decision"] == costs


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
        parse(f"{BASE}\n{DECISION.replace(right, wrong)}")
    assert sentence in str(caught.value)


def test_a_gap_is_of_whole_days_and_none_unless_it_is_said() -> None:
    assert parse()["training"]["gap_days"] == 0
    with pytest.raises(UserError, match=r"training\.gap_days = -1 is wrong"):
        parse(BASE.replace("[training]", "[training]\ngap_days = -1"))


def test_an_unknown_environment_lists_those_there_are() -> None:
    with pytest.raises(UserError, match=r"no environment 'locl'.*local"):
        config.load(PROBLEM, "locl")


def test_a_project_without_a_cloud_says_how_to_add_it(folder: Path) -> None:
    for name in ("staging", "prod"):
        (folder / f"{name}.toml").unlink()
    (folder / "problem.toml").touch()  # it describes a table
    with pytest.raises(
        UserError, match=r"the project has no cloud: the library's docs/upgrading\.md"
    ):
        config.load(PROBLEM, "staging")
    with pytest.raises(UserError, match=r"no environment 'nowhere': choose one of local$"):
        config.load(PROBLEM, "nowhere")


def test_a_region_is_needed_on_aws_only() -> None:
    without = BASE.replace("aws_region", "# aws_region")
    values = parse(without)
    assert config.check(values).project.aws_region == ""
    with pytest.raises(UserError, match=r"project\.aws_region is missing: name one as in eu-"):
        parse(without, ON_AWS)


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        (
            "memory_mb",
            "memory_gb",
            "unknown key aws.serverless.memory_gb: did you mean 'memory_mb'",
        ),
        ("memory_mb = 2048", "memory_mb = 2000", "aws.serverless.memory_mb = 2000 is wrong"),
        (
            "memory_mb = 2048",
            "memory_mb = 2048\nprovisioned_concurrency = 3",
            "provisioned_concurrency = 3 is more than max_concurrency = 2: lower it",
        ),
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
        parse(own=ON_AWS.replace(right, wrong))
    assert sentence in str(caught.value)


POOL = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_aB3"
ACL = "arn:aws:wafv2:mx-central-1:123456789012:regional/webacl/guard/0a1b2c3d-0000"


def test_by_default_the_key_opens_predictions_and_facts_are_public() -> None:
    assert parse(own=ON_AWS)["aws"]["access"] == {
        "auth": "key", "user_pools": [], "addresses": [], "web_acl": "", "private_facts": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("access", "sentence"),
    [
        ('auth = "none"', "aws.access.auth = 'none' is wrong: input should be 'key', 'iam' or"),
        ('auth = "jwt"', 'aws.access: auth = "jwt" and user_pools'),
        (f'user_pools = ["{POOL}"]', 'aws.access: auth = "jwt" and user_pools'),
        (
            'auth = "jwt"\nuser_pools = ["eu-west-1_aB3"]',
            "'eu-west-1_aB3' is wrong: write it as arn:",
        ),
        ('addresses = ["203.0.113.7/24"]', "203.0.113.7/24 has host bits set: write a block as"),
        ('addresses = ["office"]', "'office' does not appear to be an IPv4 or IPv6 network"),
        ('addresses = ["2001:db8::/129"]', "write a block as 203.0.113.0/24 or 2001:db8::/32"),
        ('web_acl = "guard"', "web_acl = 'guard' is wrong: write it as arn:"),
        (f'web_acl = "{ACL.replace("regional", "global")}"', "aws.access.web_acl"),
        (
            f'web_acl = "{ACL.replace("mx-central-1", "sa-east-1")}"',
            "is of another region: choose one of mx-central-1",
        ),
        ('private_facts = "yes"', "aws.access.private_facts = 'yes' is wrong"),
    ],
)
def test_who_may_ask_is_checked(access: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(own=ON_AWS.replace("[aws.limits]", f"[aws.access]\n{access}\n[aws.limits]"))
    assert sentence in str(caught.value)


def test_all_of_it_may_be_set() -> None:
    access = f"""[aws.access]
auth = "jwt"
user_pools = ["{POOL}"]
addresses = ["203.0.113.0/24", "198.51.100.7", "2001:db8::/32"]
web_acl = "{ACL}"
private_facts = true
"""
    assert parse(own=ON_AWS.replace("[aws.limits]", f"{access}[aws.limits]"))["aws"]["access"]


def test_a_month_under_the_default_limits_costs_at_most_25_usd_of_requests() -> None:
    limits = Limits(requests_per_second=20, burst=40, requests_per_day=100_000)
    most = limits.most_requests("key")
    assert most == {"public": 2_678_600, "predict": 3_100_000}
    assert sum(most.values()) * 3.5e-6 <= 25
    slow = limits.model_copy(update={"requests_per_second": 1, "requests_per_day": 10**9})
    assert slow.most_requests("key")["predict"] == 2 * 86_400 * 31
    assert limits.most_requests("iam")["predict"] == 20 * 2 * 86_400 * 31  # without a quota


def test_an_endpoint_is_of_one_kind() -> None:
    text = ON_AWS.replace("[aws.serverless]", "[nothing]").partition("[nothing]")
    limits = text[2][text[2].index("[aws.limits]") :]
    with pytest.raises(UserError, match=r"^aws: choose one of \[aws.serverless\] and"):
        parse(own=text[0] + limits)


def test_an_environment_is_called_as_its_file(folder: Path) -> None:
    (folder / "test.toml").write_text(ON_AWS)
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
            "gpu: Fargate has no GPUs: set gpu_instance in [aws.batch]",
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
        parse(own=f"{ON_AWS}\n[steps.compete]\n{wanted}\n")
    assert str(caught.value).startswith("steps.compete.") and sentence in str(caught.value)


@pytest.mark.parametrize(
    "wanted", ["cpu = 1\nmemory = 8192", "cpu = 8\nmemory = 16384", "cpu = 16\nmemory = 122880", ""]
)
def test_what_batch_can_run_is_not(wanted: str) -> None:
    parse(own=f"{ON_AWS}\n[steps.compete]\nremote = true\n{wanted}\n")


def test_a_gpu_is_had_where_a_machine_with_one_is_named() -> None:
    text = f'{ON_AWS}\n[aws.batch]\ngpu_instance = "g4dn.xlarge"\n[steps.compete]\n'
    parse(own=text + "remote = true\ngpu = 1\ncpu = 3\n")


def test_on_step_functions_every_step_needs_a_size_that_fargate_has() -> None:
    text = ON_AWS.replace('by = "actions"', 'by = "stepfunctions"') + "\n[steps.compete]\ncpu = 3"
    with pytest.raises(UserError, match=r"^steps\.compete\.cpu = 3: Fargate has"):
        parse(own=text)


def test_without_aws_a_step_is_neither_remote_nor_has_it_secrets() -> None:
    for wanted, key in (("remote = true", "remote"), ('secrets = ["a"]', "secrets")):
        with pytest.raises(UserError, match=rf"^steps\.compete\.{key}: this environment is not on"):
            parse(own=f"{LOCAL}\n[steps.compete]\n{wanted}\n")


def test_secrets_are_the_environments_own() -> None:
    settings = config.load(PROBLEM, "staging")
    assert settings.steps["end"].secrets == [f"{settings.name_prefix}/comet"]


def test_what_waits_for_an_approval_has_no_schedule() -> None:
    released = ON_AWS.replace(
        "network_overhead_ms", 'released_by = "workflow"\nnetwork_overhead_ms'
    )
    with pytest.raises(UserError, match=r'^schedule: an environment with released_by = "workflow"'):
        parse(own=released)


def test_other_partitions_of_aws_are_refused() -> None:
    region = config.load(PROBLEM, "staging").project.aws_region
    with pytest.raises(
        UserError, match=r"^config/base.toml: project.aws_region = 'cn-north-1': AWS"
    ):
        parse(BASE.replace(f'"{region}"', '"cn-north-1"'), ON_AWS)


def test_a_preview_has_a_store_of_its_own_and_no_secret(folder: Path) -> None:
    settings, preview = (config.load(PROBLEM, "staging", branch) for branch in (None, "pr12"))
    assert settings.preview is None and settings.steps["end"].secrets
    assert preview.store.root == f"s3://{settings.bucket}/preview/pr12/store"
    assert [name for step in preview.steps.values() for name in step.secrets] == []
    text = Path("config", "staging.toml").read_text() + config.preview("pr12")
    assert config.parse(PROBLEM, text) == preview.model_dump(mode="json")


@pytest.mark.parametrize("branch", ["Feature/1", "pr-12", 'a"b', "a\nb"])
def test_a_branch_that_no_name_can_have_is_refused(folder: Path, branch: str) -> None:
    with pytest.raises(UserError, match="lower-case letters, digits and _ only, as in pr12"):
        config.load(PROBLEM, "staging", branch)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("role_path", "mlops/"),
        ("role_path", "/mlops"),
        ("role_path", "/a b/"),
        ("permissions_boundary", "boundary"),
        ("permissions_boundary", "arn:aws:iam::1:policy/a"),
    ],
)
def test_a_path_or_a_boundary_that_iam_refuses_is_named(folder: Path, key: str, value: str) -> None:
    file = folder / "staging.toml"
    file.write_text(file.read_text().replace("[aws]\n", f'[aws]\n{key} = "{value}"\n'))
    with pytest.raises(UserError, match=f"aws.{key} = '{value}' is wrong: write it as [/a]"):
        config.load(PROBLEM, "staging")
