"""The tables of a configuration, except `[data]`, which the problem defines."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from . import schedule
from .access import STRICT
from .access import Access as Access
from .access import Limits as Limits
from .text import Boundary, Host, like


class Section(BaseModel):
    """A table of a configuration; an unknown key is an error."""

    model_config = STRICT


class Project(Section):
    """The name under which runs are stored, and the AWS region, which `[aws]` needs."""

    name: str
    aws_region: Annotated[str, like("eu-west-1", r"([a-z]+(-[a-z0-9]+)+)?")] = ""


class Store(Section):
    """Where snapshots and runs are stored: a folder, or `s3://{bucket}/PREFIX`."""

    root: str


class Training(Section):
    """How a run splits its rows; a period is the problem's: a season, a week, a fold."""

    seed: int
    workers: PositiveInt  # steps that run at the same time
    periods: PositiveInt  # the newest ones are used; validation and test are the last of them
    validation_periods: PositiveInt  # choose a candidate and its settings
    test_periods: PositiveInt  # evaluate the winner
    smallest_period: PositiveInt  # races or days that a period needs to stand alone
    gap_days: NonNegativeInt = 0  # left out before validation and before test
    fork_server: bool = True  # on Linux, start local steps as forks of one process


class Decision(Section):
    """What a false alarm and a missed case cost, in the same unit."""

    contact_cost: PositiveFloat
    missed_cost: PositiveFloat


class Tracking(Section):
    """The experiment tracker that runs are logged to; it reads its own key."""

    tracker: Literal["comet", "mlflow", "wandb", "none"]

    @model_validator(mode="before")
    @classmethod
    def _take_older(cls, values: Any) -> Any:
        """Until 0.3 the key was `comet`, true or false."""
        if not isinstance(values, dict) or not isinstance(comet := values.get("comet"), bool):
            return values
        tracker = "comet" if comet else "none"
        if "tracker" in values:
            raise ValueError(f'comet is the older name of tracker = "{tracker}": remove comet')
        return {"tracker": tracker} | {k: v for k, v in values.items() if k != "comet"}


class Gates(Section):
    """The limits that a winner must keep."""

    slice_rows: PositiveInt  # hold-out rows that a slice needs to be checked
    slice_margin: NonNegativeFloat  # worse than the baseline, in the unit of metrics.loss
    leakage: float = Field(ge=0, lt=1)  # the smallest credible share of the baseline's error
    bundle_mib: PositiveFloat
    class_rows: PositiveInt = 30  # test rows of each class, where the output has classes


class Monitor(Section):
    """How captured requests are cut into windows, and when these ask for a retraining."""

    window_rows: PositiveInt = 500  # a window has at least so many predicted rows
    window_days: NonNegativeInt = 1  # and begins at least so many days before it ends
    windows: PositiveInt = 3  # the newest ones that count
    needed: PositiveInt = 2  # of them that must have drifted, the newest one among them
    ignored: list[str] = []  # inputs that always move, as the season
    false_alarms: float = Field(default=0.01, gt=0, lt=1)  # of windows in which nothing has drifted
    cron: str = "47 5 * * *"  # when the environment is monitored, in UTC, as GitHub takes it

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, cron: str) -> str:
        schedule.check(cron)
        schedule.for_aws(cron)
        return cron

    @model_validator(mode="after")
    def _check_needed(self) -> "Monitor":
        if self.needed > self.windows:
            most = f"windows = {self.windows}"
            raise ValueError(f"needed = {self.needed} is more than {most}: lower it")
        return self


class Release(Section):
    """What a challenger must show, and how many releases the endpoint keeps."""

    margin: NonNegativeFloat  # worse than the champion, in the unit of metrics.PRIMARY
    latency_ms: PositiveFloat  # for an answer; one of 20 may be slower
    keep: int = Field(ge=2)  # the current release, and those to go back to


class Serve(Section):
    """The port of `make serve`, and the host names that it accepts besides localhost."""

    port: int = Field(ge=1, le=65535)
    allowed_hosts: list[Host] = []


class Api(Section):
    """Which pages may call the API, what it captures, and how long it waits for the model."""

    cors_origins: list[str]
    capture: str  # where answered requests are kept: off, stdout or a file
    capture_share: float = Field(ge=0, le=1)
    capture_redact: list[str]  # names of values that are left out
    model_timeout_seconds: float = Field(gt=0, le=12)  # for each of two attempts on instances

    @property
    def variables(self) -> dict[str, str]:
        """The same, as the environment variables that the API reads."""
        return {
            "CORS_ORIGINS": ",".join(self.cors_origins),
            "CAPTURE": self.capture,
            "CAPTURE_SHARE": str(self.capture_share),
            "CAPTURE_REDACT": ",".join(self.capture_redact),
            "MODEL_TIMEOUT_SECONDS": str(self.model_timeout_seconds),
        }


class Serverless(Section):
    """An endpoint that is paid per request."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144]
    max_concurrency: int = Field(default=2, ge=1, le=200)  # requests at the same time
    provisioned_concurrency: int = Field(default=0, ge=0, le=200)  # of them without a cold start

    @model_validator(mode="after")
    def _check_provisioned(self) -> "Serverless":
        if self.provisioned_concurrency > self.max_concurrency:
            raise ValueError(
                f"provisioned_concurrency = {self.provisioned_concurrency} is more than "
                f"max_concurrency = {self.max_concurrency}: lower it"
            )
        return self


class Instances(Section):
    """An endpoint on instances that always run."""

    type: Annotated[str, like("ml.m5.large", r"ml\..*")]
    least: PositiveInt
    most: PositiveInt
    requests_a_minute: PositiveInt  # for each instance; with more, another one starts
    capture_share: float = Field(ge=0, le=1)
    canary_percent: int = Field(ge=1, le=50)  # the share of traffic that a new model gets first
    canary_seconds: int = Field(ge=60, le=1800)  # for how long


class Batch(Section):
    """Where remote steps run: by default in all subnets of the default VPC, without GPUs."""

    vpc: Annotated[str, like("vpc-0123456789abcdef0", r"(vpc-[0-9a-f]+)?")] = ""
    subnets: list[str] = []
    most_cpus: PositiveInt = 16  # in use at the same time
    gpu_instance: str = ""  # as g4dn.xlarge
    public_addresses: bool = True  # of Fargate's tasks; without, the subnets need another way out


class Aws(Section):
    """An environment on AWS: its account, its endpoint, its limits and who gets alarms."""

    environment: Annotated[str, like("staging", r"[a-z][a-z0-9]{0,7}")]  # the name of the file
    account: Annotated[str, like("123456789012", r"\d{12}")]
    owner: Annotated[str, like("Your Name", r"[\w .:/=+@-]{1,256}")]  # a tag's characters
    github: Annotated[str, like("ORG/REPO", r"([\w.-]+/[\w.-]+)?")]  # that may deploy
    github_ids: Annotated[str, like("1234/5678", r"(\d+/\d+)?")]  # its ids, which a rename keeps
    alert_email: Annotated[str, like("you@example.org", r"([^@\s]+@[^@\s]+)?")]
    monthly_budget_usd: PositiveInt
    released_by: Literal["anyone", "workflow"] = "anyone"
    role_path: Annotated[str, like("/mlops/", r"/([\w.-]+/)*")] = "/"  # of roles and policies
    permissions_boundary: Boundary = ""  # of every role
    network_overhead_ms: NonNegativeFloat  # the round trip, added to release.latency_ms
    model_age_days: PositiveInt  # an alarm fires when the model is older
    quiet_hours: int = Field(default=0, ge=0, le=168)  # and after so many without a prediction
    limits: Limits
    access: Access = Access()
    serverless: Serverless | None = None
    instances: Instances | None = None
    batch: Batch = Batch()

    @model_validator(mode="after")
    def _check_endpoint(self) -> "Aws":
        if (self.serverless is None) == (self.instances is None):
            raise ValueError("choose one of [aws.serverless] and [aws.instances]")
        return self


class Preview(Section):
    """The preview of a branch, which has a store of its own; only commands write this table."""

    branch: str


class StepPolicy(Section):
    """How a step of the flow runs, and on which machine."""

    retries: NonNegativeInt = 0
    timeout_seconds: PositiveInt | None = None  # for each attempt
    cpu: PositiveInt | None = None  # cores
    memory: PositiveInt | None = None  # MiB
    gpu: PositiveInt | None = None  # GPUs
    remote: bool = False  # on AWS Batch
    secrets: list[str] = []  # in AWS Secrets Manager; may contain {name_prefix}


class Schedule(Section):
    """When the environment is retrained (a cron in UTC, as GitHub takes it), and what starts it."""

    by: Literal["actions", "stepfunctions"]
    cron: str

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, cron: str, info: ValidationInfo) -> str:
        schedule.check(cron)
        if info.data.get("by") == "stepfunctions":
            schedule.for_aws(cron)
        return cron
