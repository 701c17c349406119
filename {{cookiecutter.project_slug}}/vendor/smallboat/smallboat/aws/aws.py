"""What an environment is called on AWS, how AWS is asked, and what its refusals mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from ..config import config
from ..errors import CloudError, UserError

SIGN_IN = "sign in again (`aws sso login`, or new keys) and repeat the command: it goes on"
REFUSALS = {
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
        "AWS throttles these calls: repeat the command in a minute, it goes on",
    ),
    "NoSuchBucket": "not bootstrapped yet: run `make bootstrap ENV=…`",
}  # fmt: skip
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault"}
AWAY = "see to the network and to project.aws_region, and repeat the command: it goes on"
STAGING = "staging"
"""The environment from which images and runs go on to the others."""
OURS = "repeat the command, it goes on; if it stays, see the AWS status page"


class Environment:
    """An environment of a project on AWS: its names and its clients.

    Attributes:
        name_prefix: what every name begins with, `<project>-<environment>`.
    """

    def __init__(self, settings: config.Settings) -> None:
        """The place that a configuration names; UserError if it names none."""
        self.name_prefix, self.bucket = settings.name_prefix, settings.bucket
        assert settings.aws is not None
        self.aws = settings.aws
        self.region = settings.project.aws_region
        self.project = settings.project.name
        self.endpoint = self.name_prefix
        self.registry_group = self.name_prefix
        self.image_repository = f"{self.name_prefix}-model"
        self.train_repository = f"{self.name_prefix}-train"
        self.foundation_stack = f"{self.name_prefix}-foundation"
        self.compute_stack = f"{self.name_prefix}-compute"
        self.api_stack = f"{self.name_prefix}-api"
        roles = f"arn:aws:iam::{self.aws.account}:role/{self.name_prefix}"
        self.sagemaker_role = f"{roles}-sagemaker"
        self.api_role = f"{roles}-api"
        self.cloudformation_role = f"{roles}-cloudformation"
        self.deploy_role = f"{roles}-deploy"
        self.topic = f"arn:aws:sns:{self.region}:{self.aws.account}:{self.name_prefix}-alarms"

    @property
    def tags(self) -> dict[str, str]:
        """What everything is marked with that can be."""
        return {
            "project": self.project,
            "environment": self.aws.environment,
            "owner": self.aws.owner,
        }

    @cached_property
    def session(self) -> Any:
        """The boto3 session of this region; at its first use the account is compared.

        Raises:
            UserError: the credentials are of another account.
            CloudError: there are none, or AWS refuses them.
        """
        import boto3

        session = boto3.Session(region_name=self.region)
        with aws_errors():
            account = session.client("sts", config=options()).get_caller_identity()["Account"]
        if account != self.aws.account:
            raise UserError(
                f"config/{self.aws.environment}.toml is for the AWS account {self.aws.account}, "
                f"these credentials are of {account}: correct `account`, or sign in to the other"
            )
        return session

    def client(self, service: str) -> Any:
        """A client of one of AWS's services; it tries again by itself where that can help."""
        return self.session.client(service, config=options())


@contextmanager
def aws_errors(unless: str = "") -> Iterator[None]:
    """Turn what AWS or the way to it refuses into a CloudError that says what to do.

    Args:
        unless: the code of a refusal that is none; the block just ends there.
    """
    from botocore import exceptions, parsers

    try:
        yield
    except exceptions.ClientError as error:
        if unless and error.response["Error"].get("Code") == unless:
            return
        raise CloudError(_refusal(error)) from error
    except exceptions.NoCredentialsError as error:
        message = "there are no AWS credentials: `aws configure sso`, or set AWS_PROFILE"
        raise CloudError(message) from error
    except exceptions.TokenRetrievalError as error:
        raise CloudError(f"the AWS sign-in has ended: {SIGN_IN}") from error
    except (
        exceptions.HTTPClientError,
        exceptions.ConnectionError,
        parsers.ResponseParserError,  # somebody else answered, as a proxy
    ) as error:
        raise CloudError(f"AWS can't be reached ({error}): {AWAY}") from error
    except exceptions.BotoCoreError as error:
        raise CloudError(f"AWS can't be asked: {error}") from error


def _refusal(error: Any) -> str:
    code, told_ = error.response["Error"].get("Code", ""), error.response["Error"].get("Message")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in REFUSALS:
        return REFUSALS[code]
    if code in DENIED:
        return f"no permission for {error.operation_name}: {told_}; `make bootstrap` makes the role"
    if status >= 500:
        return f"AWS failed at {error.operation_name} ({code}): {OURS}"
    return f"AWS refused {error.operation_name} ({code}): {told_}"


def options() -> Any:
    """How clients connect and try again."""
    from botocore.config import Config

    return Config(connect_timeout=5, retries={"mode": "standard", "total_max_attempts": 5})
