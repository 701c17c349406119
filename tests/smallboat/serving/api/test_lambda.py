import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import toy
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventModel
from lambda_events import http, rest
from model_stub import EXAMPLE, Model
from smallboat.emulator.runtime import run

Json = dict[str, Any]
API = Path(toy.__file__).parents[1] / "serving" / "api"


def bare(method: str, path: str) -> Json:
    """The test button of API Gateway's console: hardly anything is there."""
    empty = {"headers": None, "multiValueHeaders": None, "queryStringParameters": None}
    context = {"stage": "test-invoke-stage", "identity": None, "authorizer": None}
    return rest(method, path) | empty | {"requestContext": context}


def environment(model: Model, **variables: str) -> dict[str, str]:
    known = {"ENDPOINT_NAME": "endpoint", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url}
    return known | variables


def test_events_of_both_kinds_are_answered_under_the_runtime_client(model: Model) -> None:
    events = [
        rest("POST", "/predict", EXAMPLE),
        http("POST", "/predict", EXAMPLE),
        http("POST", "/predict", EXAMPLE, stage="prod"),
        rest("GET", "/predict", query={"season": "2026", "round": "3"}),
        rest("GET", "/health"),
        bare("GET", "/health"),
        rest("GET", "/"),
        http("GET", "/", stage="prod"),
        rest("GET", "/static/page.js"),
        rest("POST", "/predict"),
        http("POST", "/predict", {"season": 1}),
        rest("GET", "/nothing"),
    ]
    answers, printed = run(API, "handler.handler", events, **environment(model, CAPTURE="stdout"))
    statuses = [answer.get("statusCode", answer) for answer in answers]
    assert statuses == [200, 200, 200, 200, 200, 200, 200, 200, 200, 415, 422, 404], printed
    bodies = [answer["body"] for answer in answers]
    assert bodies[0] == bodies[1] == bodies[2] == bodies[3]
    assert json.loads(bodies[0])["predictions"]
    assert "<!doctype html>" in bodies[6]
    captured = [line for line in printed.splitlines() if line.startswith('{"time"')]
    assert len(captured) == 6  # four answers, two refusals
    assert "Traceback" not in printed
    assert all(answer["isBase64Encoded"] is False for answer in answers)


def test_the_events_of_these_tests_are_what_aws_publishes() -> None:
    """AWS's own model of them, in its toolkit for functions."""
    for event in (
        rest("POST", "/predict", EXAMPLE),
        rest("GET", "/predict", query={"season": "2026"}),
        rest("GET", "/"),
    ):
        told = APIGatewayProxyEventModel.model_validate(event).model_dump(exclude_unset=True)
        assert set(told) == set(event)


def test_fields_that_are_null_absent_or_encoded_change_nothing(model: Model) -> None:
    """A body in base64 is what binary media types and AWS's sample events have."""
    event = rest("POST", "/predict", EXAMPLE)
    encoded = base64.b64encode(event["body"].encode()).decode()
    single = {key: value for key, value in event.items() if not key.startswith("multiValue")}
    events = [
        event,
        event | {"body": encoded, "isBase64Encoded": True},
        event | {"headers": None},  # all of them are in multiValueHeaders
        single,
        event | {"version": "1.0", "requestContext": event["requestContext"] | {
            "authorizer": {"claims": {"sub": "x"}, "scopes": None}, "identity": {
                "sourceIp": "192.0.2.1", "clientCert": {"clientCertPem": "PEM"}, "user": None,
            }}},
    ]  # fmt: skip
    answers, printed = run(API, "handler.handler", events, **environment(model))
    assert [answer.get("statusCode") for answer in answers] == [200] * 5, printed
    assert len({answer["body"] for answer in answers}) == 1
    several = rest("GET", "/predict") | {
        "queryStringParameters": {"season": "2026", "round": "3"},
        "multiValueQueryStringParameters": {"season": ["2026"], "round": ["3"]},
    }
    (answer,), _ = run(API, "handler.handler", [several], **environment(model))
    assert answer["statusCode"] == 200


def test_a_warm_function_follows_a_model_switch(model: Model) -> None:
    def switched() -> Json:
        model.release = "bbbb-2222"
        return rest("POST", "/predict", EXAMPLE)

    events = [rest("GET", "/model"), rest("POST", "/predict", EXAMPLE), switched]
    answers, printed = run(
        API, "handler.handler", [*events, rest("GET", "/model")], **environment(model)
    )
    bodies = [json.loads(answer["body"]) for answer in answers]
    assert bodies[0]["release"] == bodies[1]["model"]["release"] == "aaaa-1111", printed
    assert bodies[2]["model"]["release"] == bodies[3]["release"] == "bbbb-2222"
    assert model.count("describe") == 2


def test_a_function_that_is_not_configured_says_so(model: Model) -> None:
    (answer,), _ = run(API, "handler.handler", [rest("GET", "/health")])
    assert "ENDPOINT_NAME" in answer["errorMessage"]


def test_it_answers_without_any_compiled_module_of_its_dependencies(model: Model) -> None:
    """The zip is the same on every machine and CPU; Python's own modules are Lambda's."""
    code = f"""
import sys, time
from importlib.machinery import ExtensionFileLoader, PathFinder

class Refuse:
    @staticmethod
    def find_spec(name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target)
        if spec and isinstance(spec.loader, ExtensionFileLoader) and "site-packages" in spec.origin:
            raise ImportError(name + " is compiled")

sys.meta_path.insert(0, Refuse)
began = time.process_time()
import handler
print(time.process_time() - began)
answer = handler.handler({rest("POST", "/predict", EXAMPLE)!r}, None)
assert answer["statusCode"] == 200, answer
loaded = [name for name in sys.modules if name.split(".")[0] in ("numpy", "pandas", "rpds")]
assert not loaded, loaded
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=API,
        env=os.environ | environment(model, AWS_LAMBDA_FUNCTION_NAME="f"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 5.0


def test_a_prediction_is_not_given_by_an_address_that_asks_for_no_key(model: Model) -> None:
    encoded = rest("POST", "/%70redict", EXAMPLE)
    decoded = rest("POST", "/predict", EXAMPLE) | {"resource": "/{proxy+}"}
    known = rest("GET", "/p%72edict", query={"season": "2026", "round": "3"})
    events = [encoded, decoded, known, rest("POST", "/predict", EXAMPLE)]
    answers, printed = run(API, "handler.handler", events, **environment(model))
    assert [answer["statusCode"] for answer in answers] == [404, 404, 404, 200], printed
    assert model.count("requests") == 1


def test_a_warming_event_is_no_request(model: Model) -> None:
    event = {"source": "aws.events"}
    (answer,), printed = run(API, "handler.handler", [event], **environment(model))
    assert answer == {}, printed
