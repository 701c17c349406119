"""An environment on AWS: its account, region, names and clients, and what AWS's errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from ..config import config
from ..errors import CloudError, UserError

SIGN_IN = "sign in again (`aws sso login`, or new keys) and repeat the command"
MESSAGES = {
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
        f"the AWS credentials have expired: {SIGN_IN}",
    ),
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId",
         "SignatureDoesNotMatch", "AuthFailure"),
        f"AWS does not know these credentials: {SIGN_IN}",
    ),
    **dict.fromkeys(
        ("Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown",
         "RequestLimitExceeded"),
        "AWS throttles these calls: repeat the command in a minute",
    ),
    "ModelNotReadyException": "the endpoint's model does not start: read its log in CloudWatch, "
    "/aws/sagemaker/Endpoints/<endpoint>, and repeat the command",
    **dict.fromkeys(
        ("NoSuchBucket", "RepositoryNotFoundException"),
        "not bootstrapped yet: run `make bootstrap ENV=…`",
    ),
}  # fmt: skip
"""What to tell the user, by AWS's error code."""
CHANGING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
"""States of a SageMaker endpoint in which AWS neither changes nor deletes it."""
STAGING = "staging"
"""The environment whose images and runs are promoted to the others."""


class Environment:
    """An environment of a project on AWS: its names and its clients.

    Attributes:
        name_prefix: what every name begins with, `<project>-<environment>`.
        step_prefix: what the names of all that runs remote steps begin with.
        aws: the table `[aws]` of its configuration.
    """

    def __init__(self, settings: config.Settings, reader: "Environment | None" = None) -> None:
        """The environment of a configuration.

        Args:
            settings: of the environment.
            reader: the environment whose credentials read this one, maybe in another account.

        Raises:
            UserError: the configuration has no table `[aws]`, or is a preview's outside of staging.
        """
        self._reader = reader
        self._preview_tags = {"preview": settings.preview.branch} if settings.preview else {}
        self.name_prefix, self.bucket = settings.name_prefix, settings.bucket
        assert settings.aws is not None
        self.aws = settings.aws
        if settings.preview and self.aws.environment != STAGING:
            branch = settings.preview.branch
            raise UserError(f"BRANCH={branch}: previews are for ENV={STAGING} only")
        self.region = settings.project.aws_region
        self.project = settings.project.name
        self.tracker = settings.tracking.tracker
        self.endpoint = self.name_prefix
        self.image_repository = f"{self.name_prefix}-model"
        self.step_prefix = f"{self.name_prefix}-preview" if settings.preview else self.name_prefix
        self.train_repository = (
            self.step_prefix if settings.preview else f"{self.name_prefix}-train"
        )
        self.metaflow_root = settings.preview_root or f"s3://{self.bucket}"
        self.foundation_stack = f"{self.name_prefix}-foundation"
        self.compute_stack = f"{self.name_prefix}-compute"
        self.budget_stack = f"{self.name_prefix}-budget"
        self.api_stack = f"{self.name_prefix}-api"
        self.sagemaker_role = self.role("sagemaker")
        self.api_role = self.role("api")
        self.cloudformation_role = self.role("cloudformation")
        self.deploy_role = self.role("deploy")
        self.monitor_role = self.role("monitor")
        self.topic = self.arn("sns", f"{self.name_prefix}-alarms")

    def role(self, name: str) -> str:
        """The ARN of a role that `make bootstrap` creates."""
        path = self.aws.role_path
        return f"arn:aws:iam::{self.aws.account}:role{path}{self.name_prefix}-{name}"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in the environment's region and account."""
        return f"arn:aws:{service}:{self.region}:{self.aws.account}:{resource}"

    @property
    def tags(self) -> dict[str, str]:
        """The tags of every resource that can have tags."""
        return {
            "project": self.project,
            "environment": self.aws.environment,
            "owner": self.aws.owner,
            **self._preview_tags,
        }

    @cached_property
    def session(self) -> Any:
        """The boto3 session of the region, after a check of the account.

        Raises:
            UserError: the credentials belong to another account.
            CloudError: there are no credentials, or AWS refuses them.
        """
        import boto3

        if self._reader:
            return self._reader.session
        session = boto3.Session(region_name=self.region)
        with aws_errors():
            account = session.client("sts", config=options()).get_caller_identity()["Account"]
        if account != self.aws.account:
            raise UserError(
                f"config/{self.aws.environment}.toml is for the AWS account {self.aws.account}, "
                f"these credentials are of {account}: correct `account`, or sign in to the other"
            )
        return session

    @property
    def credentials_account(self) -> str:
        """The account whose credentials are used."""
        return self._reader.aws.account if self._reader else self.aws.account

    def client(self, service: str) -> Any:
        """A boto3 client of an AWS service, which retries transient errors."""
        return self.session.client(service, config=options())


def as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@contextmanager
def aws_errors(*unless: str) -> Iterator[None]:
    """Turn an error of AWS or of the network into a CloudError that says what to do.

    Args:
        unless: codes of AWS, or parts of its messages, that are no error here; they only end the
            block.
    """
    from botocore import exceptions, parsers

    try:
        yield
    except exceptions.ClientError as error:
        if not any(each in str(error) for each in unless):
            raise CloudError(_message(error)) from error
    except exceptions.NoCredentialsError as error:
        message = "there are no AWS credentials: `aws configure sso`, or set AWS_PROFILE"
        raise CloudError(message) from error
    except exceptions.TokenRetrievalError as error:
        raise CloudError(f"the AWS sign-in has ended: {SIGN_IN}") from error
    except (
        exceptions.HTTPClientError,
        exceptions.ConnectionError,
        parsers.ResponseParserError,  # a proxy answered instead of AWS
    ) as error:
        advice = "check the network and project.aws_region, and repeat the command"
        raise CloudError(f"AWS can't be reached ({error}): {advice}") from error
    except exceptions.BotoCoreError as error:
        raise CloudError(f"the call to AWS failed: {error}") from error


def _message(error: Any) -> str:
    code, message = (error.response["Error"].get(key, "") for key in ("Code", "Message"))
    if code in MESSAGES:
        return MESSAGES[code]
    if "AccessDenied" in code or code == "UnauthorizedOperation":
        return (
            f"no permission for {error.operation_name}: {message}; `make bootstrap` creates the "
            "role for it; bootstrap and destroy need an administrator of the account"
        )
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return (
            f"AWS failed at {error.operation_name} ({code}): repeat the command; if it fails "
            "again, see the AWS status page"
        )
    return f"AWS refused {error.operation_name} ({code}): {message}"


def options() -> Any:
    """The timeout and the retries of every client."""
    from botocore.config import Config

    return Config(connect_timeout=5, retries={"mode": "standard", "total_max_attempts": 5})
