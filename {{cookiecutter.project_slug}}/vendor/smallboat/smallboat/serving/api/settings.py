"""What differs between environments, from environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass

LOCAL = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Settings:
    """How this API runs.

    Attributes:
        endpoint: name of the SageMaker endpoint.
        model_url: where it is asked instead of at AWS; "" on AWS.
        region: of AWS.
        timeout: seconds that the model may take for one try; there are two, and API Gateway waits
            for 29 s.
        cors_origins: pages of these origins may call; "*" for all.
        allowed_hosts: names that this machine is asked by beside `LOCAL`.
        capture: `off`, `stdout`, or the file that answered requests are appended to; of them the
            newest GiB is kept.
        capture_share: share of them that is kept, 0 to 1.
        capture_redact: names whose values are not kept, at any depth.
        api_key: what /predict asks for; "": nothing, or API Gateway does.
        on_lambda: whether the process sleeps between requests.
    """

    endpoint: str
    model_url: str = ""
    region: str = "us-east-1"
    timeout: float = 5.0
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    capture: str = "off"
    capture_share: float = 1.0
    capture_redact: frozenset[str] = frozenset()
    api_key: str = ""
    on_lambda: bool = False

    def answers_to(self, host: str) -> bool:
        """Whether a request to this host, with or without a port, is answered.

        Else any web page whose own name is pointed at this machine could read the answers. Behind
        API Gateway AWS fixes the host.
        """
        name, _, port = host.rpartition(":")
        known = {*LOCAL, *self.allowed_hosts}
        return self.on_lambda or (name if port.isdecimal() else host).lower() in known


def read(environ: Mapping[str, str]) -> Settings:
    """The settings; ValueError says which variable is wrong."""
    if not environ.get("ENDPOINT_NAME"):
        raise ValueError("ENDPOINT_NAME must name the model's endpoint")
    return Settings(
        endpoint=environ["ENDPOINT_NAME"],
        model_url=environ.get("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", ""),
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        timeout=_number(environ, "MODEL_TIMEOUT_SECONDS", Settings.timeout, 0.01, 12.0),
        cors_origins=_words(environ, "CORS_ORIGINS"),
        allowed_hosts=_words(environ, "ALLOWED_HOSTS"),
        capture=environ.get("CAPTURE") or "off",
        capture_share=_number(environ, "CAPTURE_SHARE", 1.0, 0.0, 1.0),
        capture_redact=frozenset(_words(environ, "CAPTURE_REDACT")),
        api_key=environ.get("API_KEY", ""),
        on_lambda="AWS_LAMBDA_FUNCTION_NAME" in environ,
    )


def _words(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(environ.get(name, "").replace(",", " ").split())


def _number(
    environ: Mapping[str, str], name: str, default: float, low: float, high: float
) -> float:
    text = environ.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low} to {high}, found {text!r}")
    return value
