"""The API on Lambda: its zip, what osls deploys, and what a second run does."""

import io
import json
import re
import sys
import zipfile
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from clouds import GUARD
from lambda_events import http, rest
from model_stub import EXAMPLE, Model, serving
from smallboat.aws.aws import Environment
from smallboat.aws.buckets import Bucket
from smallboat.cloud import lambda_api, lambda_zip, osls
from smallboat.cloud.stacks import Stacks
from smallboat.config import config
from smallboat.config.sections import Instances
from smallboat.emulator.runtime import LAMBDA_HAS, lambda_modules, run
from smallboat.errors import CloudError, UserError
from toy.problem import PROBLEM

Json = dict[str, Any]
NEVER = {*LAMBDA_HAS, "six.py", "pip", "setuptools", "tests", "node_modules", "bin"}
API = "smallboat/serving/api"
NEEDED = {"handler.py", f"{API}/app.py", f"{API}/settings.py", f"{API}/static/index.html",
          "static/use_case.js", "smallboat/__init__.py", "serverless_wsgi.pyc",
          "werkzeug/__init__.pyc", "flask/__init__.pyc", "fastjsonschema/__init__.pyc"}  # fmt: skip
LOOPBACK = GUARD / "loopback.cjs"
RECIPE = lambda_zip.CODE / "serverless.yml"


def with_(settings: config.Settings, section: str, **values: Any) -> config.Settings:
    """The settings with other values in one section."""
    changed = getattr(settings, section).model_copy(update=values)
    return settings.model_copy(update={section: changed})


@pytest.fixture
def url(env: Environment, settings: config.Settings) -> str:
    """The deployed API's; it is deployed again if a test changed or removed it."""
    return lambda_api.deploy(env, settings)


@pytest.fixture(scope="module")
def files(locked: None) -> lambda_zip.Contents:
    """What the zip holds."""
    return lambda_zip.contents()


def api_id(env: Environment) -> str:
    (api,) = env.client("apigateway").get_rest_apis()["items"]
    return str(api["id"])


def uploads(env: Environment) -> int:
    listed = env.client("s3").list_objects_v2(Bucket=env.bucket, Prefix="api/")
    return sum(each["Key"].endswith("api.zip") for each in listed.get("Contents", []))


def test_the_zip_has_what_it_needs_and_nothing_that_lambda_has(files: lambda_zip.Contents) -> None:
    assert set(files) >= NEEDED
    library = {
        name for name in files if name.startswith("smallboat/") and "__pycache__" not in name
    }
    assert {name for name in library if not name.startswith(API)} == {
        "smallboat/__init__.py",
        "smallboat/serving/__init__.py",
        "smallboat/serving/request_parsing.py",
    }
    parts = {part for name in files for part in name.split("/")}
    assert not parts & NEVER
    data = {name for name in files if name.endswith((".json", ".yml"))}
    assert data == {"smallboat/serving/api/openapi.json"}
    assert len(lambda_zip.pack(files)) <= 1.3e6


def test_a_start_compiles_nothing(files: lambda_zip.Contents) -> None:
    sources = {name for name in files if name.endswith(".py")}
    assert {cache_from_source(name) for name in sources} == {
        name for name in files if "__pycache__" in name
    }
    assert not {name for name in sources if not name.startswith(("smallboat/", "handler.py"))}


def test_the_zip_is_the_same_wherever_it_is_made(
    files: lambda_zip.Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lambda_zip, "CACHE", tmp_path)
    again = lambda_zip.contents()
    assert lambda_zip.digest(again) == lambda_zip.digest(files)
    backwards = dict(reversed(again.items()))
    assert lambda_zip.pack(backwards) == lambda_zip.pack(files)
    assert lambda_zip.digest({**again, f"{API}/app.py": b""}) != lambda_zip.digest(files)


def test_a_file_that_changed_has_another_time(files: lambda_zip.Contents) -> None:
    """Browsers keep a file of one size and time."""
    name = f"{API}/static/page.js"
    turned = {**files, name: files[name][::-1]}
    packed = [zipfile.ZipFile(io.BytesIO(lambda_zip.pack(each))) for each in (files, turned)]
    assert packed[0].getinfo(name).file_size == packed[1].getinfo(name).file_size
    assert packed[0].getinfo(name).date_time != packed[1].getinfo(name).date_time


def test_compiled_modules_are_for_the_functions_processor(files: lambda_zip.Contents) -> None:
    compiled = [name for name, content in files.items() if content.startswith(b"\x7fELF")]
    tag = f"cpython-{lambda_zip.PYTHON.replace('.', '')}-aarch64"
    assert all(tag in name for name in compiled), compiled
    here = Path(sys.executable).resolve().read_bytes()[:64]
    other = bytearray(here)
    other[:4], other[18:20] = b"\x7fELF", (62).to_bytes(2, "little")
    with pytest.raises(UserError, match=r"module\.so is compiled for another processor than arm64"):
        lambda_zip.check({**files, "package/module.so": bytes(other)})


def test_without_a_lock_file_nothing_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_bytes(Path("pyproject.toml").read_bytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="packages can't be installed"):
        lambda_zip.contents()


def test_the_zip_answers_under_awss_runtime_client(
    files: lambda_zip.Contents, tmp_path: Path
) -> None:
    """With the modules that Lambda has and no others."""
    code, own = tmp_path / "code", lambda_modules(tmp_path / "own")
    zipfile.ZipFile(io.BytesIO(lambda_zip.pack(files))).extractall(code)
    events = [
        rest("POST", "/predict", EXAMPLE),
        http("POST", "/predict", EXAMPLE),
        rest("GET", "/health"),
        rest("GET", "/"),
        rest("GET", "/static/page.js"),
        rest("GET", "/static/use_case.js"),
        rest("GET", "/nothing"),
    ]
    with serving() as model:
        answers, printed = run(code, "handler.handler", events, own, **variables(model))
        whole = [each.get("statusCode", each) for each in answers]
        (code / "werkzeug").rename(code / "somewhere")
        (broken,), _ = run(code, "handler.handler", events[:1], own, **variables(model))
    assert whole == [200, 200, 200, 200, 200, 200, 404], printed
    assert answers[0]["body"] == answers[1]["body"]
    assert "No module named 'werkzeug'" in broken["errorMessage"]


def variables(model: Model) -> dict[str, str]:
    return {"ENDPOINT_NAME": "endpoint", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url}


def test_the_recipe_takes_every_setting_and_no_other(
    env: Environment, settings: config.Settings
) -> None:
    used = set(re.findall(r"\$\{self:custom\.(\w+)", RECIPE.read_text()))
    assert used == set(lambda_api._serverless_settings(env, settings))


def test_two_tries_of_the_model_end_before_api_gateway_gives_up() -> None:
    recipe = yaml.safe_load(RECIPE.read_text())
    assert recipe["functions"]["api"]["timeout"] == 29
    for environment in ("staging", "prod"):
        assert 2 * config.load(PROBLEM, environment).api.model_timeout_seconds < 29


def test_the_lock_file_pins_and_names_no_address() -> None:
    lock = json.loads((lambda_zip.CODE / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert all(each["version"] and each["integrity"] for each in packages.values())
    assert not any("resolved" in each for each in packages.values())
    (wanted,) = json.loads((lambda_zip.CODE / "package.json").read_text())[
        "devDependencies"
    ].items()
    assert packages[f"node_modules/{wanted[0]}"]["version"] == wanted[1]


def test_the_function_is_what_the_configuration_says(
    env: Environment, url: str, settings: config.Settings, files: lambda_zip.Contents
) -> None:
    found = env.client("lambda").get_function(FunctionName=env.api_stack)["Configuration"]
    assert found["Environment"]["Variables"] == {
        "AUTH": "key",
        "ENDPOINT_NAME": env.endpoint,
        "RELEASES": f"s3://{env.bucket}/store/monitoring/releases.json",
        "CAPTURE": "stdout",
        "CAPTURE_SHARE": "1.0",
        "MODEL_START_SECONDS": "24",
        "MODEL_TIMEOUT_SECONDS": "12.0",
    }
    assert (found["MemorySize"], found["Timeout"]) == (512, 29)
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert (found["Runtime"], found["Handler"]) == (here, "handler.handler")
    assert found["CodeSize"] == len(lambda_zip.pack(files))
    assert found["Role"] == env.api_role


def test_api_gateway_compresses_the_page(env: Environment, url: str) -> None:
    found = env.client("apigateway").get_rest_api(restApiId=api_id(env))
    assert found["minimumCompressionSize"] == 1024
    page = requests.get(f"{url}/")
    assert page.headers["Content-Encoding"] == "gzip" and "<!doctype html>" in page.text
    plain = requests.get(f"{url}/", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers and plain.text == page.text


def test_only_predictions_need_the_key(env: Environment, url: str) -> None:
    gateway, api = env.client("apigateway"), api_id(env)
    needs = {}
    for resource in gateway.get_resources(restApiId=api)["items"]:
        for verb in resource.get("resourceMethods", {}):
            method = gateway.get_method(restApiId=api, resourceId=resource["id"], httpMethod=verb)
            needs[verb, resource["path"]] = method["apiKeyRequired"]
    assert needs == {
        ("GET", "/"): False,
        ("GET", "/{proxy+}"): False,
        ("GET", "/predict"): True,
        ("POST", "/predict"): True,
    }


def test_the_key_and_all_callers_together_are_limited(
    env: Environment, url: str, settings: config.Settings
) -> None:
    gateway, api, limits = env.client("apigateway"), api_id(env), env.aws.limits
    (plan,) = gateway.get_usage_plans()["items"]
    assert plan["throttle"] == {
        "rateLimit": limits.requests_per_second,
        "burstLimit": limits.burst,
    }
    assert plan["quota"] == {"limit": limits.requests_per_day, "period": "DAY"}
    assert plan["apiStages"] == [{"apiId": api, "stage": "staging"}]
    (key,) = gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]
    assert key["value"] == lambda_api.key(env)
    stage = gateway.get_stage(restApiId=api, stageName="staging")
    throttles = {
        method: (each["throttlingRateLimit"], each["throttlingBurstLimit"])
        for method, each in stage["methodSettings"].items()
    }
    everywhere = throttles.pop("*/*")
    assert everywhere == (limits.requests_per_second, limits.burst)
    assert set(throttles) == {"~1/GET", "~1{proxy+}/GET"}  # as UpdateStage spells paths
    rates, bursts = zip(*throttles.values(), strict=True)
    assert sum(rates) == pytest.approx(limits.public_requests_per_second)
    assert 0.9 * limits.public_burst <= sum(bursts) <= limits.public_burst
    assert stage["tags"].items() >= env.tags.items()


def test_requests_are_logged_without_their_bodies_and_logs_end(env: Environment, url: str) -> None:
    gateway = env.client("apigateway")
    stage = gateway.get_stage(restApiId=api_id(env), stageName="staging")
    everywhere = stage["methodSettings"]["*/*"]
    assert (everywhere["loggingLevel"], everywhere["dataTraceEnabled"]) == ("OFF", False)
    known = re.sub(r"\$context\.[\w.]+", "1", stage["accessLogSettings"]["format"])
    assert {"id", "status", "ms"} <= set(json.loads(known))
    groups = env.client("logs").describe_log_groups()["logGroups"]
    assert {each["logGroupName"]: each["retentionInDays"] for each in groups} == {
        f"/aws/lambda/{env.api_stack}": 30,
        f"/aws/api-gateway/{env.name_prefix}": 30,
    }
    assert stage["accessLogSettings"]["destinationArn"].endswith(
        f"/aws/api-gateway/{env.name_prefix}"
    )


def test_what_api_gateway_refuses_looks_like_the_apis_own_errors(
    env: Environment, url: str
) -> None:
    gateway, api = env.client("apigateway"), api_id(env)
    found = gateway.get_gateway_responses(restApiId=api)["items"]
    assert {each["responseType"] for each in found} == {
        "INVALID_API_KEY", "UNAUTHORIZED", "ACCESS_DENIED", "EXPIRED_TOKEN", "INVALID_SIGNATURE",
        "MISSING_AUTHENTICATION_TOKEN", "WAF_FILTERED", "THROTTLED", "QUOTA_EXCEEDED",
        "DEFAULT_4XX", "DEFAULT_5XX",
    }  # fmt: skip
    for each in found:
        template = each["responseTemplates"]["application/json"]
        error = json.loads(template.replace("$context.error.messageString", '"No"'))["error"]
        assert set(error) == {"code", "field", "message"}


def test_a_second_deployment_does_nothing_and_says_so(
    env: Environment, url: str, settings: config.Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = uploads(env)
    assert lambda_api.deploy(env, settings) == url
    assert uploads(env) == before
    assert capsys.readouterr().out == "the API is up to date: nothing to deploy\n"
    assert url == f"{env.client('sts').meta.endpoint_url}/_gateway/{api_id(env)}/staging"


def test_a_changed_setting_is_deployed_and_so_is_what_was_cut_off(
    env: Environment, url: str, settings: config.Settings
) -> None:
    before, key = uploads(env), lambda_api.key(env)
    limits = settings.aws.limits.model_copy(update={"burst": 50}) if settings.aws else None
    changed = with_(with_(settings, "aws", limits=limits), "api", cors_origins=["https://a.b"])
    elsewhere = Environment(changed)
    assert lambda_api.deploy(elsewhere, changed) == url
    assert uploads(env) == before + 1
    gateway = env.client("apigateway")
    (plan,) = gateway.get_usage_plans()["items"]
    assert plan["throttle"]["burstLimit"] == 50
    stage = {"restApiId": api_id(env), "stageName": "staging"}
    settled = gateway.get_stage(**stage)
    assert settled["methodSettings"]["*/*"]["throttlingBurstLimit"] == 50
    found = env.client("lambda").get_function(FunctionName=env.api_stack)["Configuration"]
    assert found["Environment"]["Variables"]["CORS_ORIGINS"] == "https://a.b"
    # As after a kill between the stack and the last call: nothing says what is deployed.
    patch = [{"op": "replace", "path": "/description", "value": ""}]
    gateway.update_stage(**stage, patchOperations=patch)
    lambda_api.deploy(elsewhere, changed)
    assert gateway.get_stage(**stage)["description"] == settled["description"]
    assert lambda_api.key(env) == key


def test_without_npm_the_message_says_what_to_install(
    env: Environment,
    url: str,
    settings: config.Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CloudError, match=r"needs npm: install Node 22"):
        lambda_api.deploy(env, with_(settings, "api", capture_share=0.5))


def test_an_old_node_is_refused(
    env: Environment,
    url: str,
    settings: config.Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = tmp_path / "old.cjs"
    pretend = f'Object.defineProperty(process, "version", {json.dumps({"value": "v18.20.0"})});'
    old.write_text(f'require("{LOOPBACK}");\n{pretend}')
    monkeypatch.setenv("NODE_OPTIONS", f"--require {old}")
    with pytest.raises(CloudError, match=r"not support Node\.js v18\.20\.0.*Supported versions"):
        lambda_api.deploy(env, with_(settings, "api", capture_share=0.5))


def test_an_error_of_osls_is_in_the_message(
    env: Environment, url: str, settings: config.Settings
) -> None:
    nowhere = Environment(settings)
    nowhere.bucket = "there-is-no-such-bucket"
    with pytest.raises(CloudError) as refused:
        lambda_api.deploy(nowhere, settings)
    message = str(refused.value)
    assert message.startswith("the API was not deployed: ")
    assert "there-is-no-such-bucket" in message
    assert "\n" not in message and "http" not in message


def test_a_serverless_yml_that_does_not_fit_the_library_is_named(
    env: Environment, settings: config.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "api"
    code.mkdir()
    (code / "node_modules").symlink_to((lambda_zip.CODE / "node_modules").resolve())
    file = lambda_zip.CODE / "serverless.yml"
    (code / file.name).write_text(file.read_text())
    monkeypatch.setattr(osls, "install", lambda: None)
    monkeypatch.setattr(osls.lambda_zip, "CODE", code)
    with pytest.raises(CloudError, match=r"serverless\.yml does not fit this library: take"):
        osls.deploy("staging", b"", {})


def test_a_file_for_captured_requests_is_refused_on_lambda(
    env: Environment, settings: config.Settings
) -> None:
    with pytest.raises(UserError, match=r"staging\.toml: api\.capture = 'a\.jsonl' is wrong"):
        lambda_api.deploy(env, with_(settings, "api", capture="a.jsonl"))


@pytest.mark.parametrize(
    ("capture", "share", "told"),
    [
        ("off", 0.5, ("endpoint", "1.0")),
        ("off", 0.0, ("off", "0.1")),
        ("stdout", 0.5, ("stdout", "0.1")),
    ],
)
def test_where_the_endpoint_captures_the_model_is_asked_for_inputs(
    settings: config.Settings, capture: str, share: float, told: tuple[str, str]
) -> None:
    instances = Instances(
        type="ml.m5.large", least=1, most=2, requests_a_minute=100, capture_share=share,
        canary_percent=10, canary_seconds=60,
    )  # fmt: skip
    chosen = with_(settings, "aws", serverless=None, instances=instances)
    chosen = with_(chosen, "api", capture=capture, capture_share=0.1)
    found = lambda_api._serverless_settings(Environment(chosen), chosen)["environment"]
    assert (found["CAPTURE"], found["CAPTURE_SHARE"]) == told


def test_a_stack_that_is_being_worked_on_is_waited_for(
    env: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    states = iter(["UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    monkeypatch.setattr(Stacks, "describe", lambda *_: {"StackStatus": next(states)})
    monkeypatch.setattr(lambda_api, "POLL_SECONDS", 0)
    assert lambda_api._idle_stack(env) == {"StackStatus": "UPDATE_COMPLETE"}
    assert capsys.readouterr().out.count("waiting for") == 1
    monkeypatch.setattr(Stacks, "describe", lambda *_: {"StackStatus": "DELETE_IN_PROGRESS"})
    with pytest.raises(CloudError, match="still DELETE_IN_PROGRESS: try again later"):
        lambda_api._idle_stack(env)


def test_a_stack_whose_creation_failed_is_created_again(
    env: Environment, url: str, settings: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe, delete, deleted = Stacks.describe, Stacks.delete, list[str]()

    def described(self: Stacks, name: str) -> Json | None:
        found = describe(self, name)
        failed = {"StackStatus": "ROLLBACK_COMPLETE", "Outputs": []}
        return {**found, **failed} if found and not deleted else found

    def noted(self: Stacks, name: str) -> None:
        deleted.append(name)
        delete(self, name)

    monkeypatch.setattr(Stacks, "describe", described)
    monkeypatch.setattr(Stacks, "delete", noted)
    assert lambda_api.deploy(env, settings) != url  # of another API: the first one is deleted
    assert api_id(env) not in url


def remove(env: Environment) -> None:
    """What `make destroy` does about it."""
    Stacks(env).delete(env.api_stack)
    bucket = Bucket(env)
    bucket.discard(list(bucket.versions()))


def test_removing_leaves_nothing_and_may_be_repeated(
    env: Environment, url: str, settings: config.Settings
) -> None:
    remove(env)
    remove(env)
    gateway = env.client("apigateway")
    assert not gateway.get_rest_apis()["items"]
    assert not gateway.get_api_keys()["items"]
    assert not gateway.get_usage_plans()["items"]
    assert not env.client("lambda").list_functions()["Functions"]
    assert not env.client("logs").describe_log_groups()["logGroups"]
    assert "Versions" not in env.client("s3").list_object_versions(Bucket=env.bucket)
    gone = Environment(settings)
    gone.bucket = "there-is-no-such-bucket"
    remove(gone)
    with pytest.raises(CloudError, match="no API key yet: `make deploy ENV=staging`"):
        lambda_api.key(env)
