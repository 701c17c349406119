"""The API's settings, from environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass

FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Settings:
    """How this API runs.

    Attributes:
        endpoint: name of the SageMaker endpoint.
        model_url: the model server's address, if it is not on AWS.
        region: AWS region.
        timeout: seconds that one call of the model may take. There are two tries, and API Gateway
            waits 29 s.
        start_seconds: the same for a serverless endpoint, which may have to start its model first.
            There is one try: another one would start a second container. 0 if it never sleeps.
        cors_origins: web origins that may call the API; "*" for all.
        allowed_hosts: host names under which this machine answers, in addition to localhost.
        capture: where predictions are captured: `off`, `stdout`, `endpoint` (the data capture of
            SageMaker), or a file, of which the newest GiB is kept.
        capture_share: share of requests that is captured, 0 to 1.
        capture_redact: names whose values are not captured, at any depth.
        api_key: key that /predict requires; "" if it requires none, or if API Gateway checks it.
        auth: how callers prove who they are: `key`, `iam`, `jwt`, or "" if they need not.
        private_facts: whether facts about the model require the same.
        shared_caches: whether a proxy may keep answers for others.
        releases: the list of releases: a file or an object `s3://bucket/key`; "" if there is none.
        s3_url: S3's address, if it is not on AWS.
        on_lambda: whether this runs on Lambda, where a process sleeps between requests.
    """

    endpoint: str
    model_url: str = ""
    region: str = "us-east-1"
    timeout: float = 5.0
    start_seconds: float = 0.0
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    capture: str = "off"
    capture_share: float = 1.0
    capture_redact: frozenset[str] = frozenset()
    api_key: str = ""
    auth: str = ""
    private_facts: bool = False
    shared_caches: bool = True
    releases: str = ""
    s3_url: str = ""
    on_lambda: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings; ValueError names a variable that is wrong."""
        if not environ.get("ENDPOINT_NAME"):
            raise ValueError("ENDPOINT_NAME is not set; set it to the model's endpoint")
        auth = environ.get("AUTH") or ("key" if environ.get("API_KEY") else "")
        private_facts = _flag(environ, "PRIVATE_FACTS", cls.private_facts)
        if private_facts and not auth:
            raise ValueError("PRIVATE_FACTS is set and no API_KEY; set both or none")
        return cls(
            endpoint=environ["ENDPOINT_NAME"],
            model_url=environ.get("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME")
            or environ.get("AWS_ENDPOINT_URL", ""),
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or cls.region,
            timeout=_number(environ, "MODEL_TIMEOUT_SECONDS", cls.timeout, 0.01, 12.0),
            start_seconds=_number(environ, "MODEL_START_SECONDS", cls.start_seconds, 0.0, 24.0),
            cors_origins=_list(environ, "CORS_ORIGINS"),
            allowed_hosts=_list(environ, "ALLOWED_HOSTS"),
            capture=environ.get("CAPTURE") or cls.capture,
            capture_share=_number(environ, "CAPTURE_SHARE", cls.capture_share, 0.0, 1.0),
            capture_redact=frozenset(_list(environ, "CAPTURE_REDACT")),
            api_key=environ.get("API_KEY", ""),
            auth=auth,
            private_facts=private_facts,
            shared_caches=_flag(environ, "SHARED_CACHES", cls.shared_caches),
            releases=environ.get("RELEASES", ""),
            s3_url=environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL", ""),
            on_lambda="AWS_LAMBDA_FUNCTION_NAME" in environ,
        )


def _list(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(environ.get(name, "").replace(",", " ").split())


def _flag(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(name) or str(default)
    if text.lower() not in FLAGS:
        raise ValueError(f"{name} is {text!r}; set it to true or false")
    return FLAGS[text.lower()]


def _number(
    environ: Mapping[str, str], name: str, default: float, low: float, high: float
) -> float:
    text = environ.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ValueError(f"{name} is {text!r}; set it to a number from {low} to {high}")
    return value
