"""What the monitor found, as metrics of CloudWatch; an alarm of the foundation watches one."""

from typing import Any

from ..aws import aws
from . import decision

Json = dict[str, Any]
ALARM = "RetrainingDue"


def put(env: aws.Environment, found: Json) -> None:
    """Write RetrainingDue (0 or 1), DriftedInputs, LiveError (of PRIMARY, if known), Requests."""
    live = found["live"].get(found["release"]["model_hash"])
    promise = found["promise"].get(found["release"]["model_hash"])
    values = {
        ALARM: float(bool(found["causes"])),
        "DriftedInputs": float(sum(each["kind"] in decision.MOVED for each in found["causes"])),
        "Requests": float(found["collected"]["new"]),
    }
    if live and promise:
        values["LiveError"] = live["metrics"][promise["metric"]]
    with aws.aws_errors():
        env.client("cloudwatch").put_metric_data(
            Namespace=env.name_prefix,
            MetricData=[{"MetricName": name, "Value": value} for name, value in values.items()],
        )
