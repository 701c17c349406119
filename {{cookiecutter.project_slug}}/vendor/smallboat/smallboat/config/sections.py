"""The tables of a configuration file, but for `[data]`, which is the problem's own."""

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from . import schedule


class Section(BaseModel):
    """A table of the configuration file; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Project(Section):
    """Names the project wherever its runs are kept, and the AWS region of remote steps."""

    name: str
    aws_region: str = Field(pattern=r"^[a-z]+(-[a-z0-9]+)+$")


class Store(Section):
    """Where snapshots and trained models lie."""

    root: str


class Training(Section):
    """How candidates are split, searched and seeded; periods are the problem's unit of time.

    `gap_days` before validation and before test are left out.
    """

    seed: int
    workers: PositiveInt
    periods: PositiveInt
    validation_periods: PositiveInt
    test_periods: PositiveInt
    smallest_period: PositiveInt
    gap_days: NonNegativeInt = 0


class Decision(Section):
    """What it costs to act on an answer for nothing, and not to act where it was called for."""

    contact_cost: PositiveFloat
    missed_cost: PositiveFloat


class Tracking(Section):
    """Whether a run is told to Comet; Comet finds its key and workspace by itself."""

    comet: bool


class Gates(Section):
    """What a winner must show; the margin of a slice is in the unit of metrics.loss."""

    slice_rows: PositiveInt
    slice_margin: NonNegativeFloat
    leakage: float = Field(ge=0, lt=1)
    bundle_mib: PositiveFloat


class Release(Section):
    """What a release must show, and how many stay on the endpoint; margin in units of PRIMARY."""

    margin: NonNegativeFloat
    latency_ms: PositiveFloat
    keep: int = Field(ge=2)  # the one that is served, and the one to go back to


class Serve(Section):
    """Where `make serve` listens on this machine, and the names it answers to beside localhost."""

    port: int = Field(ge=1, le=65535)
    allowed_hosts: list[Annotated[str, Field(pattern=r"^([a-z0-9.-]+|\[[0-9a-f:]+\])$")]] = []


class Api(Section):
    """How the API behaves: who may call from other pages, and what is kept of each answer."""

    cors_origins: list[str]
    capture: str
    capture_share: float = Field(ge=0, le=1)
    capture_redact: list[str]
    model_timeout_seconds: float = Field(gt=0, le=12)

    @property
    def variables(self) -> dict[str, str]:
        """The same as the environment variables that the API reads."""
        return {
            "CORS_ORIGINS": ",".join(self.cors_origins),
            "CAPTURE": self.capture,
            "CAPTURE_SHARE": str(self.capture_share),
            "CAPTURE_REDACT": ",".join(self.capture_redact),
            "MODEL_TIMEOUT_SECONDS": str(self.model_timeout_seconds),
        }


class Serverless(Section):
    """An endpoint that is paid by the request."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144]
    max_concurrency: int = Field(ge=1, le=200)


class Instances(Section):
    """An endpoint of machines that run always; the canary is the share that a new model gets."""

    type: str = Field(pattern=r"^ml\.")
    least: PositiveInt
    most: PositiveInt
    requests_a_minute: PositiveInt  # of an instance; with more, another one starts
    capture_share: float = Field(ge=0, le=1)
    canary_percent: int = Field(ge=1, le=50)
    canary_seconds: int = Field(ge=60, le=1800)


class Limits(Section):
    """What API Gateway lets through for the environment's key."""

    requests_per_second: PositiveInt
    burst: PositiveInt
    requests_per_day: PositiveInt


class Batch(Section):
    """Where remote steps run; left out: in the default VPC, in all its subnets, without GPUs."""

    vpc: str = Field(default="", pattern=r"^(vpc-[0-9a-f]+)?$")
    subnets: list[str] = []
    most_cpus: PositiveInt = 16
    gpu_instance: str = ""  # as g4dn.xlarge


class Aws(Section):
    """The environment on AWS: whose it is, what serves, what it may cost and who is told."""

    environment: str = Field(pattern=r"^[a-z][a-z0-9]{0,7}$")
    account: str = Field(pattern=r"^\d{12}$")
    owner: str = Field(pattern=r"^[\p{L}\p{N} _.:/=+@-]+$", max_length=256)  # what a tag may hold
    github: str = Field(pattern=r"^([\w.-]+/[\w.-]+)?$")
    github_ids: str = Field(pattern=r"^(\d+/\d+)?$")
    alert_email: str = Field(pattern=r"^([^@\s]+@[^@\s]+)?$")
    monthly_budget_usd: PositiveInt
    released_by: Literal["anyone", "workflow"] = "anyone"
    network_overhead_ms: NonNegativeFloat
    model_age_days: PositiveInt
    limits: Limits
    serverless: Serverless | None = None
    instances: Instances | None = None
    batch: Batch = Batch()

    @model_validator(mode="after")
    def _one_kind(self) -> "Aws":
        if (self.serverless is None) == (self.instances is None):
            raise ValueError("choose one of [aws.serverless] and [aws.instances]")
        return self


class StepPolicy(Section):
    """What a step of the flow may take: attempts, seconds, cores, MiB, secrets, and where it runs.

    `{name_prefix}` in the name of a secret is the environment's own.
    """

    retries: NonNegativeInt = 0
    timeout_seconds: PositiveInt | None = None
    cpu: PositiveInt | None = None
    memory: PositiveInt | None = None
    gpu: PositiveInt | None = None
    remote: bool = False
    secrets: list[str] = []


class Schedule(Section):
    """When the environment is retrained, and who sees to it; five fields, UTC, as GitHub's."""

    by: Literal["actions", "stepfunctions"]
    cron: str

    @model_validator(mode="after")
    def _kept_by_both(self) -> "Schedule":
        schedule.check(self.cron)
        if self.by == "stepfunctions":
            schedule.for_aws(self.cron)
        return self
