"""What IAM would say of a call: a small evaluator of identity policies, and the needs of calls.

`allows(statements, need)` evaluates statements as AWS documents it (IAM User Guide, "Policy
evaluation logic", for identity policies of one account): a matching Deny refuses, else a matching
Allow allows, else it is refused. Statements are those of policy documents as plain JSON:
`templates.policy(template, role, environment)` gives a role's. Known are Action, NotAction,
Resource, NotResource, and the condition operators String*, Arn*, Bool and Null, with IfExists,
ForAnyValue and ForAllValues; anything else is an error, never a silent yes.

`needs(call)` says what a recorded call of the emulator needs: the actions, each with the ARN of the
resource and with the condition keys that the call's parameters determine. The ARNs come from the
Service Authorization Reference (policy_sentry), of API Gateway from the paths in botocore's model.
What AWS names itself, as the id of a stack, is `aws-id`.

    refused = outside(cloud.calls(), {"project-prod-deploy": statements})
    assert refused == []

A resource's tags are no part of a call: pass `tags`, a function from an ARN to them, where
statements have conditions on `aws:ResourceTag`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import botocore.session
import permissions
import templates
from policy_sentry.shared.iam_data import get_service_prefix_data

Json = dict[str, Any]
Tags = Callable[[str], Mapping[str, str]]
ROLE = re.compile(r"arn:aws:iam::\d+:role/.+")
PASSED_TO = {
    "batch": "ecs-tasks.amazonaws.com",
    "stepfunctions": "states.amazonaws.com",
}
"""The service that gets a role, where its name is not the client's."""
ALIASES = {
    "bucketname": ("bucket",),
    "jobdefinitionname": ("jobdefinition",),
    "jobqueuename": ("jobqueue",),
    "objectname": ("key",),
    "rulename": ("name", "rule"),
    "statemachinename": ("name",),
    "alarmname": ("alarmnames",),
}
"""The parameters that name what the reference has another name for; in lower case."""
UNNAMED = "aws-id"
S3, HOST = "arn:aws:s3:::", "https://s3.amazonaws.com/"


@dataclass(frozen=True)
class Need:
    """An action on a resource, with the values of condition keys."""

    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}" + (f" {self.context}" if self.context else "")


def allows(statements: Iterable[Json], need: Need) -> bool:
    """Whether an identity with these statements may do it."""
    effects = {each["Effect"] for each in statements if _matches(each, need)}
    assert effects <= {"Allow", "Deny"}
    return effects == {"Allow"}


def outside(
    calls: list[Json],
    roles: Mapping[str, list[Json]],
    tags: Tags = lambda arn: {},
    region: str = templates.PARAMETERS["AWS::Region"],
) -> list[str]:
    """What recorded calls of the principals in `roles` need and their statements refuse."""
    return sorted(
        {
            f"{call['principal']}: {need}"
            for call in calls
            if call["principal"] in roles
            for need in needs(call, tags, region)
            if not allows(roles[call["principal"]], by(call["principal"], need))
        }
    )


def by(role: str, need: Need) -> Need:
    """The need of a role."""
    arn = f"arn:aws:iam::{templates.PARAMETERS['AWS::AccountId']}:role/{role}"
    return replace(need, context={**need.context, "aws:PrincipalArn": arn})


def _matches(statement: Json, need: Need) -> bool:
    unknown = set(statement) - {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource",
                                "Condition"}  # fmt: skip
    assert not unknown, f"a statement has {unknown}"
    return (
        _one_of(statement, "Action", need.action, ignore_case=True)
        and _one_of(statement, "Resource", need.resource)
        and _conditions(statement.get("Condition", {}), need.context)
    )


def _one_of(statement: Json, key: str, value: str, ignore_case: bool = False) -> bool:
    negated = f"Not{key}" in statement
    patterns = _listed(statement[f"Not{key}" if negated else key])
    return negated != any(_like(each, value, ignore_case) for each in patterns)


def _like(pattern: str, value: str, ignore_case: bool = False) -> bool:
    """Whether a value fits a pattern with IAM's wildcards, `*` and `?`."""
    parts = {"*": ".*", "?": "."}
    expression = "".join(parts.get(each, re.escape(each)) for each in pattern)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return bool(re.fullmatch(expression, value, flags))


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringEqualsIgnoreCase": lambda wanted, value: wanted.lower() == value.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
}


def _conditions(conditions: Json, context: Mapping[str, Any]) -> bool:
    """Whether all of a statement's conditions hold; keys are compared without case."""
    known = {key.lower(): [str(one) for one in _listed(value)] for key, value in context.items()}
    return all(
        _holds(operator, [str(one) for one in _listed(wanted)], known.get(key.lower()))
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, wanted: list[str], values: list[str] | None) -> bool:
    """Whether a condition holds for the values of its key; None: the key is not there."""
    quantifier, _, plain = operator.rpartition(":")
    optional, plain = plain.endswith("IfExists"), plain.removesuffix("IfExists")
    if plain == "Null":
        return wanted == [str(values is None).lower()]
    negated = "Not" in plain
    test = OPERATORS[plain.replace("Not", "")]
    if values is None:
        return optional or negated or quantifier == "ForAllValues"
    results = [negated != any(test(each, value) for each in wanted) for value in values]
    if not quantifier and not negated:
        return any(results)
    return any(results) if quantifier == "ForAnyValue" else all(results)


def needs(
    call: Json,
    tags: Tags = lambda arn: {},
    region: str = templates.PARAMETERS["AWS::Region"],
) -> Iterator[Need]:
    """What a recorded call needs."""
    service, name, parameters = call["service"], call["operation"], call["parameters"]
    gateway = service == "apigateway"
    action = _apigateway(name)[0] if gateway else permissions.action(service, name)
    if not action:
        return
    context = _context(service, parameters)
    arns = _arns(service, name, action, parameters, region)
    also = permissions.ALSO.get(f"{service}:{name}", set())
    more = [each for each in also if not each.startswith("iam:")]
    for each in [action, *more]:
        for arn in arns:
            if each == "batch:TagResource" and ":job-queue/" in arn:
                continue  # SubmitJob tags the job, not its queue
            kept = {f"aws:ResourceTag/{tag}": value for tag, value in tags(arn).items()}
            yield Need(each, arn, {**context, **kept})
    if template := parameters.get("TemplateURL"):  # CloudFormation reads it as the caller
        yield Need("s3:GetObject", template.replace(HOST, S3))
    if not name.startswith(("Describe", "Get", "List")):
        for role in sorted(_roles(parameters)):
            passed = PASSED_TO.get(service, f"{service}.amazonaws.com")
            yield Need("iam:PassRole", role, {"iam:PassedToService": passed})


def _context(service: str, parameters: Json) -> Json:
    """The condition keys that the parameters determine."""
    pairs = parameters.get("Tags") or parameters.get("tags") or []
    given = pairs.items() if isinstance(pairs, dict) else [
        (each.get("Key", each.get("key")), each.get("Value", each.get("value"))) for each in pairs
    ]  # fmt: skip
    context = {f"aws:RequestTag/{key}": value for key, value in given}
    if service == "s3" and "Prefix" in parameters:
        context["s3:prefix"] = parameters["Prefix"]
    if service == "cloudwatch" and "Namespace" in parameters:
        context["cloudwatch:namespace"] = parameters["Namespace"]
    if container := parameters.get("containerProperties"):
        context["batch:Image"] = container["image"]
        context["batch:Privileged"] = container.get("privileged", False)
    if service == "kms" and ":alias/" in parameters.get("KeyId", ""):
        context["kms:RequestAlias"] = parameters["KeyId"].split(":")[-1]
    if service == "cloudformation" and "RoleARN" in parameters:
        context["cloudformation:RoleArn"] = parameters["RoleARN"]
    return context


def _arns(service: str, name: str, action: str, parameters: Json, region: str) -> list[str]:
    """The resources of a call, `*` if AWS knows none; what is created comes first."""
    if service == "apigateway":
        return [f"arn:aws:apigateway:{region}::{_path(name, parameters)}"]
    if service == "kms":  # IAM compares the key's ARN, also if an alias names the key
        return [re.sub(r":alias/.*", f":key/{UNNAMED}", parameters["KeyId"])]
    if "Delete" in parameters:  # of S3
        keys = [each["Key"] for each in parameters["Delete"]["Objects"]]
        return [f"{S3}{parameters['Bucket']}/{key}" for key in keys]
    account = templates.PARAMETERS["AWS::AccountId"]
    found = [
        arn
        for form, required in _formats(action)
        for arn in _filled(form, parameters, region, account, required)
    ]
    return list(dict.fromkeys(found)) or ["*"]


@cache
def _formats(action: str) -> tuple[tuple[str, bool], ...]:
    """The forms of an action's resources, and whether AWS requires one of the form."""
    service, _, name = action.partition(":")
    known = get_service_prefix_data(service)
    assert name in known.get("privileges", {}), f"AWS has no action {action}"
    kinds = known["privileges"][name]["resource_types"]
    return tuple(
        (known["resources"][kind]["arn"], each["required"]) for kind, each in kinds.items() if kind
    )


def _filled(
    form: str, parameters: Json, region: str, account: str, required: bool
) -> Iterator[str]:
    """The ARNs of a form such as `...:role/${RoleName}` that parameters name.

    If none does, but AWS requires one, AWS names it: the id of a job, for instance.
    """
    form = form.replace("${Partition}", "aws").replace("${Region}", region)
    form = form.replace("${Account}", account)
    lower = {key.lower(): value for key, value in parameters.items()}
    fits = re.compile(re.sub(r"\\\$\\\{[^}]+\\\}", ".+", re.escape(form)))
    whole = [one for value in lower.values() for one in _listed(value) if isinstance(one, str)]
    if arns := [each for each in whole if fits.fullmatch(each)]:
        yield from arns
        return
    first, *others = re.findall(r"\$\{([^}]+)\}", form) or [""]
    for value in _values(first, lower) or [UNNAMED] * required:
        arn = form.replace(f"${{{first}}}", value)
        for each in others:
            arn = arn.replace(f"${{{each}}}", next(iter(_values(each, lower)), UNNAMED))
        yield arn


def _values(placeholder: str, lower: Json) -> list[str]:
    """The values of a placeholder: of the parameter of its name, or of an alias."""
    for name in (placeholder.lower(), *ALIASES.get(placeholder.lower(), ())):
        values = [each for each in _listed(lower.get(name, [])) if isinstance(each, str)]
        if values:  # Secrets Manager adds characters to a secret's name
            suffix = f"-{UNNAMED}" if name == "secretid" else ""
            return [each + suffix for each in values]
    return []


@cache
def _apigateway(name: str) -> tuple[str, str, dict[str, str]]:
    """Action and path of an operation, and the parameters in it."""
    model = botocore.session.get_session().get_service_model("apigateway").operation_model(name)
    shape = model.input_shape
    members = shape.members if shape else {}
    places = {each.serialization.get("name", key): key for key, each in members.items()}
    return f"apigateway:{model.http['method']}", model.http["requestUri"], places


def _path(name: str, parameters: Json) -> str:
    _, uri, places = _apigateway(name)
    return re.sub(r"\{(\w+)\}", lambda found: str(parameters[places[found[1]]]), uri)


def _roles(value: Any) -> set[str]:
    """The role ARNs that are whole values anywhere in parameters."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return {role for each in value for role in _roles(each)}
    return {value} if isinstance(value, str) and ROLE.fullmatch(value) else set()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
