"""The WSGI application: requests that it does not handle go to moto."""

import json
import os
import shutil
import threading
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

os.environ["MOTO_ALLOW_NONEXISTENT_REGION"] = "true"  # AWS opens regions faster than moto

from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug import Request, Response

from . import calls, captures, iam, quotas, registry, sagemaker
from .calls import Calls, Fault
from .containers import Containers

Json = dict[str, Any]


class Application:
    """AWS, its runtime interfaces, and the emulator's own address `/_emulator/`."""

    def __init__(
        self, folder: Path, server: Sequence[str], url: str, any_image: bool = False
    ) -> None:
        """Start without resources.

        Args:
            folder: for the files and logs of processes.
            server: the containers' program, as arguments of Python.
            url: the address of this application.
            any_image: pretend that every image exists.
        """
        # Roles may name AWS's own policies; functions and jobs run without Docker.
        default_user_config["iam"]["load_aws_managed_policies"] = True
        default_user_config["lambda"]["use_docker"] = False
        default_user_config["batch"]["use_docker"] = False
        default_user_config["stepfunctions"]["execute_state_machine"] = True
        self._folder, self._url, self._any_image = folder, url, any_image
        self._clear()
        self._calls = Calls()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._containers = Containers(folder / "containers", server)
        self._gateway: Any = None
        self._batch: Any = None
        self._conditional, self._starting = threading.Lock(), threading.Lock()
        iam.install()
        quotas.install()
        sagemaker.install(self._containers)

    def __call__(self, environ: Json, start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        path = environ["PATH_INFO"]
        if path.startswith("/_emulator/"):
            return self._control(Request(environ))(environ, start_response)
        if path.startswith("/_gateway/"):
            return self._through_gateway(Request(environ))(environ, start_response)
        call = calls.resolve(environ)
        if call is None:
            return self._moto(environ, start_response)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = calls.account(call)
        if fault := self._calls.keep(call):
            if fault.cut:
                calls.cut(call)
            return calls.answer(call, fault)(environ, start_response)
        if call.service in ("batch", "cloudformation", "ec2"):
            _open(call.region)
        if call.service == "cloudformation":
            self._with_api_gateway()
        if call.service in ("batch", "stepfunctions"):
            self._with_batch()
        if call.name == "DescribeImages" and self._any_image:
            for each in call.parameters.get("imageIds", []):
                name, tag = call.parameters["repositoryName"], each.get("imageTag", "")
                registry.hold(calls.account(call), name, tag)
        if call.name == "InvokeEndpoint":
            name = call.parameters["EndpointName"]
            asked = Request(environ)
            answer = self._containers.invoke(name, sagemaker.known(name), asked)
            captures.capture(name, asked, answer)
            return answer(environ, start_response)
        with self._conditional if _has_condition(call) else nullcontext():
            return self._moto(environ, start_response)

    def close(self) -> None:
        """Stop all processes."""
        self._containers.close()
        if self._gateway:
            self._gateway.close()
        if self._batch:
            self._batch.end()

    def _control(self, request: Request) -> Response:
        match request.method, request.path.removeprefix("/_emulator/"):
            case "GET", "calls":
                return _json(self._calls.to_json())
            case "DELETE", "calls":
                self._calls.forget()
            case "POST", "faults":
                try:
                    self._calls.fail(Fault(**request.get_json()))
                except TypeError as error:
                    return _json({"error": str(error)}, 400)
            case "GET", "sleep":
                return _json(vars(self._containers.cold))
            case "POST", "sleep":
                try:
                    self._containers.sleep(**request.get_json())
                except TypeError as error:
                    return _json({"error": str(error)}, 400)
            case "DELETE", "faults":
                self._calls.heal()
            case "POST", "reset":
                self._reset()
            case _:
                return _json({"error": "choose calls, faults, sleep or reset"}, 404)
        return _json({})

    def _reset(self) -> None:
        """Reset everything: resources, recorded calls and faults."""
        BackendDict.reset()
        self.close()
        self._calls.forget()
        self._calls.heal()
        self._containers.cold.set()
        self._clear()

    def _clear(self) -> None:
        for name in ("containers", "functions", "jobs"):
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _through_gateway(self, request: Request) -> Response:
        answer: Response = self._with_api_gateway().answer(request)
        return answer

    def _with_batch(self) -> None:
        """Enable Batch at its first use: its imports take a second."""
        with self._starting:
            if not self._batch:
                from . import batch, states

                batch.install(self._folder / "jobs", self._url)
                states.install(self._url)
                self._batch = batch

    def _with_api_gateway(self) -> Any:
        """The gateway, created at its first use: its imports take 0.4 s."""
        with self._starting:
            if self._gateway is None:
                from . import apigateway, cloudformation, conditions, failing_stacks, kms, secrets
                from .gateway import Gateway

                apigateway.install()
                cloudformation.install()
                conditions.install()
                failing_stacks.install(self._calls.take)
                kms.install()
                secrets.install()
                self._gateway = Gateway(self._folder / "functions", self._url)
            return self._gateway


def _open(region: str) -> None:
    """Give a region zones: without them a region unknown to moto has no default subnets."""
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone

    if region not in RegionsAndZonesBackend.zones:
        RegionsAndZonesBackend.zones[region] = [
            Zone(region_name=region, name=f"{region}{letter}", zone_id=f"{region}-az{number}")
            for number, letter in enumerate("abc", 1)
        ]


def _has_condition(call: calls.Call) -> bool:
    """Whether a write is conditional: moto checks and writes in two steps."""
    return call.service == "s3" and bool({"IfMatch", "IfNoneMatch"} & set(call.parameters))


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json")
