"""`make bootstrap`: the base stacks of an environment, of the templates in `infra/`."""

import re
from pathlib import Path
from typing import Any

from ..aws import aws
from ..config import config, files, schedule, sections
from ..errors import CloudError, UserError
from ..problem import Problem
from . import costs, network, next_steps
from .stacks import Stacks

TEMPLATES = Path("infra")
ACCOUNT_STACK = "mlops-account"
GITHUB = "token.actions.githubusercontent.com"
GRACE_DAYS = 1
"""For a run that is late or takes long."""
MAIN = "ref:refs/heads/main"
"""Where images are built and the monitor runs: an environment's approval would be asked for."""
PULL_REQUEST = "pull_request"
EVERYBODY = "arn:aws:*:*:*:*"
"""A pattern of each principal's ARN."""
PARAMETERS = r"^Parameters:\n(([ #].*)?\n)*"
"""This section of a template."""
TAKE = "Take that folder of the newer template (`cruft update`)"
Values = dict[str, dict[str, str]]


def bootstrap(problem: Problem, environment: str) -> int:
    """Create or update the base stacks of an environment, and print what they cost."""
    settings = config.load(problem, environment)
    env = aws.Environment(settings)
    stacks = Stacks(env)
    values = _values(problem, env, settings, stacks)
    # Now: a template or prices.toml that is wrong should stop it before anything is made.
    templates, usd = _templates(values), costs.table(settings)
    changed = _put(env, stacks, templates, values)
    for name in (env.foundation_stack, env.compute_stack):
        print(f"\n{name}:")
        for output in (stacks.describe(name) or {})["Outputs"]:
            print(f"  {output['Description']}: {output['OutputValue']}")
    print(f"\n{usd}\n")
    for warning in next_steps.warnings(env):
        print(f"{warning}\n")
    if changed:
        print("\n- ".join(["next:", *next_steps.steps(env)]))
    else:
        print(f"nothing to do; next: {next_steps.release(env)}")
    return 0


def subjects(settings: sections.Aws, place: str) -> list[str]:
    """The subjects of the tokens of the repository's workflows that run in a place.

    A place is an environment of GitHub, `environment:NAME`, or a branch, `ref:refs/heads/NAME`.
    GitHub adds the ids of owner and repository for repositories created since July 2026.
    """
    if not settings.github:
        return []
    names = [settings.github]
    if settings.github_ids:
        pairs = zip(settings.github.split("/"), settings.github_ids.split("/"), strict=True)
        names.append("/".join(f"{name}@{number}" for name, number in pairs))
    return [f"repo:{name}:{place}" for name in names]


def _values(
    problem: Problem, env: aws.Environment, settings: config.Settings, stacks: Stacks
) -> Values:
    """The parameters of each template, by its name."""
    return {
        "account": _account(env, stacks),
        "foundation": _foundation(problem, settings),
        "compute": _compute(settings, env),
        "budget": _budget(env),
    }


def _templates(values: Values) -> dict[str, str]:
    """The templates by name; UserError if one is missing or older than this library."""
    files = {name: TEMPLATES / f"{name}.yaml" for name in values}
    texts = {name: file.read_text() if file.exists() else "" for name, file in files.items()}
    heads = {name: re.search(PARAMETERS, text, re.M) for name, text in texts.items()}
    older = []
    for name, head in heads.items():
        lacks = set(values[name]) - set(re.findall(r"^ +(\w+):", head[0] if head else "", re.M))
        if lacks:
            reason = f"has no parameter {min(lacks)}" if texts[name] else "is missing"
            older.append(f"{files[name]} {reason}")
    if older:
        raise UserError(f"{TEMPLATES}/ is older than the library: {'; '.join(older)}. {TAKE}")
    return texts


def _put(env: aws.Environment, stacks: Stacks, templates: dict[str, str], values: Values) -> bool:
    """Create or update the stacks; returns whether any changed."""
    owner = f"account {env.aws.account}"
    account_tags = {"project": "shared", "environment": "account", "owner": owner}
    # CloudFormation imports a retained bucket only if the template has its literal name.
    foundation = templates["foundation"].replace(
        "BucketName: !Ref Bucket", f"BucketName: {env.bucket}"
    )
    changed = [
        stacks.put(ACCOUNT_STACK, templates["account"], values["account"], account_tags),
        stacks.put(env.foundation_stack, foundation, values["foundation"], env.tags),
        stacks.put(env.compute_stack, templates["compute"], values["compute"], env.tags),
        _put_budget(env, stacks, templates["budget"], values["budget"]),
    ]
    return any(changed)


def _account(env: aws.Environment, stacks: Stacks) -> dict[str, str]:
    """Which resources of the account this stack creates: those that nobody else has created."""
    stack = stacks.describe(ACCOUNT_STACK) or {}
    own = {
        it["ParameterKey"] for it in stack.get("Parameters", []) if it["ParameterValue"] == "true"
    }
    with aws.aws_errors():
        providers = env.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
        log_role = env.client("apigateway").get_account().get("cloudwatchRoleArn")
    exists = {
        "MakeGithubProvider": any(provider["Arn"].endswith(GITHUB) for provider in providers),
        "MakeApiLogs": bool(log_role),
    }
    shared = {key: str(key in own or not exists[key]).lower() for key in exists}
    return shared | _kept(stack, _roles(env))


def _kept(stack: dict[str, Any], values: dict[str, str]) -> dict[str, str]:
    """Values, or those that a stack has: the account's is shared by projects."""
    has = {it["ParameterKey"]: it["ParameterValue"] for it in stack.get("Parameters", [])}
    return {key: has.get(key, value) for key, value in values.items()}


def _roles(env: aws.Environment) -> dict[str, str]:
    """What holds for every role."""
    return {"RolePath": env.aws.role_path, "PermissionsBoundary": env.aws.permissions_boundary}


def _foundation(problem: Problem, settings: config.Settings) -> dict[str, str]:
    assert settings.aws is not None
    name, env = settings.aws.environment, aws.Environment(settings)
    staging = env if name == aws.STAGING else _other(problem, aws.STAGING)
    by_workflow = settings.aws.released_by == "workflow"
    releasers = [env.deploy_role, env.role("step")] if by_workflow else [EVERYBODY]
    promoters = _promoters(problem, env) if name == aws.STAGING else []
    return _roles(env) | {
        "NamePrefix": settings.name_prefix,
        "Project": settings.project.name,
        "Environment": name,
        "Bucket": settings.bucket,
        "StagingPrefix": f"{settings.project.name.replace('_', '-')}-{aws.STAGING}",
        "StagingAccount": (staging or env).aws.account,
        "Promoters": ",".join(each.deploy_role for each in promoters),
        "PromoterAccounts": ",".join(dict.fromkeys(each.aws.account for each in promoters)),
        "Releasers": ",".join(releasers),
        "GithubSubjects": ",".join(subjects(settings.aws, f"environment:{name}")),
        "BranchSubjects": ",".join(subjects(settings.aws, MAIN)),
        "PullRequestSubjects": ",".join(subjects(settings.aws, PULL_REQUEST)),
        "AlertEmail": settings.aws.alert_email,
        "ModelAgeDays": str(settings.aws.model_age_days),
        "LatencyMicroseconds": str(round(settings.release.latency_ms * 1000)),
        "QuietHours": str(settings.aws.quiet_hours),
        "RetrainingDays": str(_retraining_days(settings)),
        "Tracker": settings.tracking.tracker,
        "WebAcl": settings.aws.access.web_acl,
    }


def _promoters(problem: Problem, staging: aws.Environment) -> list[aws.Environment]:
    """The environments in other accounts, whose workflow reads what staging serves."""
    names = sorted(file.stem for file in files.FOLDER.glob("*.toml") if file.name != files.BASE)
    found = [each for name in names if (each := _other(problem, name))]
    return [each for each in found if each.aws.account != staging.aws.account]


def _other(problem: Problem, environment: str) -> aws.Environment | None:
    """Another environment of the project; None if it has no file, or is not on AWS."""
    if not (files.FOLDER / f"{environment}.toml").is_file():
        return None
    settings = config.load(problem, environment)
    return aws.Environment(settings) if settings.aws else None


def _retraining_days(settings: config.Settings) -> int:
    """After how many days without a new run one is overdue; 0 if none is scheduled."""
    return schedule.longest_gap(settings.schedule.cron) + GRACE_DAYS if settings.schedule else 0


def _budget(env: aws.Environment) -> dict[str, str]:
    return {
        "NamePrefix": env.name_prefix,
        "Project": env.project,
        "Environment": env.aws.environment,
        "MonthlyBudget": str(env.aws.monthly_budget_usd),
    }


def _put_budget(
    env: aws.Environment, stacks: Stacks, template: str, values: dict[str, str]
) -> bool:
    """Create or update the budget, at last and alone: AWS may deny billing to an administrator."""
    try:
        return stacks.put(env.budget_stack, template, values, env.tags)
    except (CloudError, UserError) as error:
        print(
            f"\nthere is no budget: {error}\nEverything else is there; nobody is told when a month "
            f"costs more than {env.aws.monthly_budget_usd} USD. Let somebody who may use AWS "
            f"Budgets run `make bootstrap ENV={env.aws.environment}` again"
        )
        return False


def _compute(settings: config.Settings, env: aws.Environment) -> dict[str, str]:
    vpc, subnets = network.of(settings)
    previews = env.aws.environment == aws.STAGING and bool(env.aws.github)
    return _roles(env) | {
        "Previews": str(previews).lower(),
        "NamePrefix": env.name_prefix,
        "Project": env.project,
        "Environment": env.aws.environment,
        "Owner": env.aws.owner,
        "Bucket": env.bucket,
        "Releases": str(settings.on_step_functions).lower(),
        "Vpc": vpc,
        "Subnets": ",".join(subnets),
        "MostCpus": str(env.aws.batch.most_cpus),
        "GpuInstance": env.aws.batch.gpu_instance,
        "Tracker": settings.tracking.tracker,
    }
