"""The ground of an environment on AWS: what `make bootstrap` makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..aws import aws
from ..config import config, sections
from ..errors import CloudError, UserError
from ..problem import Problem
from . import costs
from .stacks import Stacks

TEMPLATES = Path("infra")
ACCOUNT_STACK = "mlops-account"
GITHUB = "token.actions.githubusercontent.com"


def bootstrap(problem: Problem, environment: str) -> int:
    """Make the ground of an environment or bring it up to date, and tell what it costs."""
    settings = config.load(problem, environment)
    env = aws.Environment(settings)
    with as_administrator(env):
        stacks = Stacks(env)
        changed = [
            stacks.put(name, template, parameters, tags)
            for name, template, parameters, tags in (
                (ACCOUNT_STACK, _template("account"), _account(env, stacks), _shared(env)),
                (
                    env.foundation_stack,
                    # A bucket that was kept is taken over by a name that is written out only.
                    _template("foundation").replace(
                        "BucketName: !Ref Bucket", f"BucketName: {env.bucket}"
                    ),
                    _foundation(settings),
                    env.tags,
                ),
                (env.compute_stack, _template("compute"), _compute(settings, env), env.tags),
            )
        ]
        for name in (env.foundation_stack, env.compute_stack):
            print(f"\n{name}:")
            for _, description, value in stacks.outputs(name):
                print(f"  {description}: {value}")
    print(f"\n{costs.table(env.aws, env.region)}\n")
    print(_next(env) if any(changed) else f"nothing to do; next: make deploy ENV={environment}")
    return 0


@contextmanager
def as_administrator(env: aws.Environment) -> Iterator[None]:
    """Say of a refusal who may do it: here no role of ours helps."""
    try:
        yield
    except CloudError as error:
        refused = getattr(error.__cause__, "response", {}).get("Error", {})
        if refused.get("Code") not in aws.DENIED:
            raise
        raise CloudError(
            f"no permission: {refused.get('Message')}; this is for an administrator of the "
            f"account {env.aws.account}: sign in as one"
        ) from error


def subjects(settings: sections.Aws) -> list[str]:
    """How GitHub names the workflows of the environment that may deploy.

    Repositories made since July 2026 are named with the ids of owner and repository, which stay
    when a name is given to somebody else; older ones without.
    """
    if not settings.github:
        return []
    names = [settings.github]
    if settings.github_ids:
        pairs = zip(settings.github.split("/"), settings.github_ids.split("/"), strict=True)
        names.append("/".join(f"{name}@{number}" for name, number in pairs))
    return [f"repo:{name}:environment:{settings.environment}" for name in names]


def _shared(env: aws.Environment) -> dict[str, str]:
    return {"project": "shared", "environment": "account", "owner": f"account {env.aws.account}"}


def _account(env: aws.Environment, stacks: Stacks) -> dict[str, str]:
    """What of the account is ours to make: what nobody made, and what this stack made before."""
    before = stacks.parameters(ACCOUNT_STACK)
    with aws.aws_errors():
        providers = env.client("iam").list_open_id_connect_providers()
        api = env.client("apigateway").get_account()
    found = {
        "MakeGithubProvider": any(
            each["Arn"].endswith(GITHUB) for each in providers["OpenIDConnectProviderList"]
        ),
        "MakeApiLogs": bool(api.get("cloudwatchRoleArn")),
    }
    return {
        name: str(before.get(name) == "true" or not there).lower() for name, there in found.items()
    }


def _template(name: str) -> str:
    return (TEMPLATES / f"{name}.yaml").read_text()


def _foundation(settings: config.Settings) -> dict[str, str]:
    assert settings.aws is not None
    return {
        "NamePrefix": settings.name_prefix,
        "Project": settings.project.name,
        "Environment": settings.aws.environment,
        "Bucket": settings.bucket,
        "StagingPrefix": f"{settings.project.name.replace('_', '-')}-{aws.STAGING}",
        "GithubSubjects": ",".join(subjects(settings.aws)),
        "AlertEmail": settings.aws.alert_email,
        "MonthlyBudget": str(settings.aws.monthly_budget_usd),
        "ModelAgeDays": str(settings.aws.model_age_days),
        "LatencyMicroseconds": str(round(settings.release.latency_ms * 1000)),
    }


def _compute(settings: config.Settings, env: aws.Environment) -> dict[str, str]:
    batch = env.aws.batch
    vpc, subnets = _network(env, batch)
    return {
        "NamePrefix": env.name_prefix,
        "Project": env.project,
        "Environment": env.aws.environment,
        "Bucket": env.bucket,
        "Releases": str(settings.on_step_functions).lower(),
        "Vpc": vpc,
        "Subnets": ",".join(subnets),
        "MostCpus": str(batch.most_cpus),
        "GpuInstance": batch.gpu_instance,
    }


def _network(env: aws.Environment, batch: sections.Batch) -> tuple[str, list[str]]:
    """The VPC and subnets of the configuration, else the region's default ones."""
    ec2 = env.client("ec2")
    with aws.aws_errors():
        wanted = {"Name": "is-default", "Values": ["true"]}
        vpcs = [batch.vpc] if batch.vpc else [
            vpc["VpcId"] for vpc in ec2.describe_vpcs(Filters=[wanted])["Vpcs"]
        ]  # fmt: skip
        if not vpcs:
            raise UserError(
                f"{env.region} has no default VPC: name one as `vpc` under [aws.batch] in "
                f"config/{env.aws.environment}.toml, or `aws ec2 create-default-vpc`"
            )
        within = [{"Name": "vpc-id", "Values": vpcs}]
        found = ec2.describe_subnets(Filters=within)["Subnets"]
    subnets = batch.subnets or sorted(subnet["SubnetId"] for subnet in found)
    if not subnets:
        raise UserError(f"the VPC {vpcs[0]} has no subnet: docs/aws.md says what it needs")
    return vpcs[0], subnets


def _next(env: aws.Environment) -> str:
    settings, environment = env.aws, env.aws.environment
    said = ["next:"]
    if settings.alert_email:
        said.append(f"- confirm the subscription that AWS mails to {settings.alert_email}")
    if settings.github:
        said.append(f"- make the environment {environment} in GitHub: docs/automation.md")
    said += [
        "- activate the tags project and environment for cost allocation, or the budget is blind",
        f"- give Comet's key, if you use it: aws secretsmanager put-secret-value --secret-id "
        f"{env.name_prefix}/comet --secret-string '" + '{"COMET_API_KEY": "..."}' + "'",
        f"- make image ENV={environment}, then make deploy ENV={environment}",
    ]
    return "\n".join(said)
