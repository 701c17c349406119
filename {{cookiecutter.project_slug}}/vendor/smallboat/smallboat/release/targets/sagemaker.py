"""The target on AWS: a SageMaker endpoint of one name; a release is a configuration it serves.

In the environment's bucket, `endpoint/history.json` is the release log, and
`endpoint/deploying.json` the deployment lease. A configuration that is served and differs from the
log was left by a deployment that was killed.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ... import integrity
from ...aws import aws
from ...aws.buckets import Bucket, ChangedError
from ...errors import CloudError, UserError
from ...problem import Problem
from ...serving import servers
from ...store import release_bundle, store
from . import archives, pruning, registry, release_log
from .configurations import Configurations
from .hosting import Hosting
from .lease import Lease
from .release_log import Event
from .sdk import Sdk

LOG = "endpoint/history.json"


class SageMakerTarget:
    """Releases are served by a SageMaker endpoint."""

    def __init__(self, problem: Problem, env: aws.Environment, image: str, keep: int) -> None:
        """The endpoint of an environment.

        Args:
            problem: the project's.
            env: its names and its clients.
            image: the model server's, `<repository's address>@<digest>`.
            keep: how many releases stay, the current one among them.
        """
        self._problem, self._env, self._image, self._keep = problem, env, image, keep
        self.network_overhead_ms = env.aws.network_overhead_ms
        sdk = Sdk(env)
        self._bucket = Bucket(env)
        self._configurations = Configurations(env, sdk)
        self._hosting = Hosting(env, sdk, self._configurations)
        self._lease = Lease(self._bucket, env.endpoint)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other deployments out, and undo what a killed one left."""
        with self._lease.held():
            self.undo()
            yield

    def current(self) -> release_bundle.Release | None:
        """The release that the endpoint serves, or None before the first."""
        if self._current() is None:
            return None
        return integrity.read(self.folder(), integrity.RELEASE)[0]

    def folder(self) -> Path:
        """The files of the current release, downloaded once."""
        return self._files(str(self._current()))

    def previous(self) -> Path | None:
        """The files of the release that was served before this one, or None."""
        earlier = release_log.served(self.history())[:-1]
        if not earlier or self._configurations.container(earlier[-1]["config"]) is None:
            return None
        return self._files(earlier[-1]["config"])

    def outdated(self) -> bool:
        """Whether the current release is served by another image or other settings."""
        name = str(self._current())
        return name != self._configurations.name(self._container(name).model_data_url, self._image)

    def history(self) -> list[Event]:
        """The release log, oldest first.

        Each event has `at`, `event` (released, rolled back), `release`, `model_hash`, `config`,
        `package` (the ARN in the registry) and `registered` (the archive that the package names).
        """
        return self._read_log()[0]

    def pre_switch_server(self, folder: Path) -> AbstractContextManager[servers.Ask]:
        """A model server on this machine, on a release that is not served yet."""
        return servers.temporary(self._problem, folder)

    def update(self, folder: Path, back: bool = False) -> None:
        """Serve a release; the previous one by the configuration that it had then."""
        self._lease.check()
        if self._env.aws.serverless and self._on_instances():
            environment = self._env.aws.environment
            raise UserError(
                f"endpoint {self._env.endpoint} runs on instances, and SageMaker can't make it "
                f"serverless: keep [aws.instances] in config/{environment}.toml, or first remove "
                f"the endpoint with `make destroy ENV={environment}`"
            )
        if back:
            name = self._reusable(release_log.served(self.history())[-2]["config"])
        else:
            url, tags = archives.upload(self._bucket, folder), self._tags(folder)
            name = self._configurations.create(url, self._image, tags)
        self._hosting.serve(name, self._env.tags, canary=True)

    @contextmanager
    def live_server(self) -> Iterator[servers.Ask]:
        """The endpoint itself, through SageMaker's runtime."""
        yield self._hosting.ask

    def confirm(self, back: bool = False) -> None:
        """Approve the release in the registry, log it, and remove what is too old to go back to."""
        self._lease.check()
        events, tag = self._read_log()
        name = str(self._current())
        container, facts = self._container(name), self._facts(self._files(name))
        url, model_hash = container.model_data_url, facts["model_hash"]
        earlier = [event for event in events if event["model_hash"] == model_hash]
        first = earlier[-1] if earlier else {"package": None, "registered": url}
        package = registry.register(self._env, facts, url, container.image, first["package"])
        event = release_log.event(
            facts["release"],
            back,
            model_hash=model_hash,
            config=name,
            package=package,
            registered=first["registered"],
        )
        self._hosting.tag(self._env.tags | facts)
        events.append(event)
        try:
            self._bucket.write(LOG, store.to_json(events), tag)
        except ChangedError:
            message = f"{self._bucket.url(LOG)} was changed meanwhile: rerun the command"
            raise CloudError(message) from None
        self._clean_up(events)

    def undo(self) -> None:
        """Serve what was confirmed last; remove an endpoint that was never confirmed."""
        try:
            self._lease.check()
            served = release_log.served(self.history())
            if not served:
                self._hosting.delete()
            elif name := self._reusable(served[-1]["config"]):
                self._hosting.serve(name, self._env.tags)
        except CloudError as error:
            raise CloudError(
                f"{error}; {self._env.endpoint} may serve an unconfirmed release: rerun the "
                "command, which undoes it"
            ) from error

    def _read_log(self) -> tuple[list[Event], str | None]:
        """The release log, and the tag to write it with."""
        log = self._bucket.read(LOG)
        if log is None:
            return [], None
        return release_log.parse(log.content, self._bucket.url(LOG)), log.tag

    def _current(self) -> str | None:
        """The configuration that is served."""
        endpoint = self._hosting.endpoint()
        if endpoint is None or endpoint.endpoint_status in ("Creating", "Failed"):
            return None
        return str(endpoint.endpoint_config_name)

    def _on_instances(self) -> bool:
        endpoint = self._hosting.endpoint()
        return endpoint is not None and self._configurations.on_instances(
            endpoint.endpoint_config_name
        )

    def _container(self, config: str) -> Any:
        container = self._configurations.container(config)
        if container is None:
            raise CloudError(f"the configuration {config} or its model is gone")
        return container

    def _files(self, config: str) -> Path:
        return archives.fetch(self._bucket, self._container(config).model_data_url)

    def _reusable(self, config: str) -> str:
        """The configuration that serves the release of an earlier one: itself, or "" if it is gone.

        An endpoint on instances takes no serverless configuration, so the release gets another.
        """
        container = self._configurations.container(config)
        if container is None:
            return ""
        if not self._on_instances() or self._configurations.on_instances(config):
            return config
        tags = self._tags(self._files(config))
        return self._configurations.create(container.model_data_url, container.image, tags)

    def _facts(self, folder: Path) -> dict[str, str]:
        """The facts of a release, for those who look at it in AWS."""
        release = store.read_json(folder / "release.json")
        commit = store.read_json(folder / "evaluation.json")["commit"]
        facts = {name: release[name] for name in ("run", "release", "model_hash", "snapshot")}
        return facts | ({"commit": commit} if commit else {})

    def _tags(self, folder: Path) -> dict[str, str]:
        return self._env.tags | self._facts(folder)

    def _clean_up(self, events: list[Event]) -> None:
        """Count the release in CloudWatch and prune; if that fails, the next release does it."""
        try:
            with aws.aws_errors():
                self._env.client("cloudwatch").put_metric_data(
                    Namespace=self._env.name_prefix,
                    MetricData=[{"MetricName": "Released", "Value": 1}],
                )
            kept = release_log.served(events)[-self._keep :]
            pruning.prune(self._env, self._bucket, self._configurations, kept)
        except CloudError as error:
            print(f"released, but cleaning up failed: {error}", flush=True)
