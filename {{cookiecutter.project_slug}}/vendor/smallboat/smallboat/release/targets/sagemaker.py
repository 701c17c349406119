"""A SageMaker endpoint: one name for ever; each release is a configuration that it can serve.

In the environment's bucket `endpoint/history.json` holds what was confirmed, and
`endpoint/deploying.json` who deploys now. A configuration that serves and differs from the one
confirmed last was left by a deployment that was killed.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ... import integrity
from ...aws import aws
from ...errors import CloudError
from ...problem import Problem
from ...serving import servers
from ...store import release_bundle, store
from . import archives, pruning, registry, release_log, sagemaker_runtime, scaling
from .bucket import Bucket
from .configurations import Configurations
from .hosting import Hosting
from .lease import Lease
from .release_log import Event, served
from .sdk import Sdk


class Endpoint:
    """A target of releases."""

    def __init__(self, problem: Problem, env: aws.Environment, image: str, keep: int) -> None:
        """The endpoint of a place.

        Args:
            problem: the project's.
            env: its names and its clients.
            image: the model server's, `<repository's address>@<digest>`.
            keep: how many releases stay, the served one among them.
        """
        self._problem, self._env, self._image, self._keep = problem, env, image, keep
        self.network_overhead_ms = env.aws.network_overhead_ms
        sdk = Sdk(env)
        self._bucket = Bucket(env)
        self._configurations = Configurations(env, sdk)
        self._hosting = Hosting(env, sdk, self._configurations)
        self._lease = Lease(self._bucket, env.endpoint)
        self._before: tuple[Path, str] | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other deployments out, and undo what a killed one left."""
        with self._lease.held():
            self.undo()
            yield

    def current(self) -> release_bundle.Release | None:
        """release.json of what the endpoint really serves, or None before the first release."""
        if self._serving() is None:
            return None
        return integrity.read_manifest(self.folder(), integrity.RELEASE)[0]

    def folder(self) -> Path:
        """The files of what is served, downloaded once."""
        return self._files(str(self._serving()))

    def previous(self) -> Path | None:
        """The files of the release that was served before this one, or None."""
        before = [event["config"] for event in served(self.history())[:-1]]
        if not before or self._configurations.container(before[-1]) is None:
            return None
        self._before = self._files(before[-1]), before[-1]
        return self._before[0]

    def outdated(self) -> bool:
        """Whether it is served by another image or other settings than those of now."""
        name = str(self._serving())
        return name != self._configurations.name(self._container(name).model_data_url, self._image)

    def history(self) -> list[Event]:
        """What was confirmed, oldest first.

        Each has `at`, `event` (released, rolled back), `release`, `config`, `package` (the ARN in
        the registry) and `registered` (the archive that the package names).
        """
        return release_log.read(self._bucket)[0]

    def pre_switch_server(self, folder: Path) -> AbstractContextManager[servers.Ask]:
        """The model server on a release that is not served yet, on this machine."""
        return servers.temporary(self._problem, folder)

    def update(self, folder: Path) -> None:
        """Serve a release; the previous one by the configuration that it had then."""
        self._lease.check()
        endpoint = self._hosting.endpoint()
        if endpoint is not None:
            runs = self._configurations.on_instances(endpoint.endpoint_config_name)
            scaling.refuse_serverless(self._env, runs)
        if self._before and self._before[0] == folder:
            name = self._again(self._before[1])
        else:
            url, tags = archives.upload(self._bucket, folder), self._tags(folder)
            name = self._configurations.make(url, self._image, tags)
        self._hosting.point(name, self._env.tags, watched=True)

    @contextmanager
    def live_server(self) -> Iterator[servers.Ask]:
        """The endpoint itself, through SageMaker's runtime."""
        client = self._env.client("sagemaker-runtime")
        yield lambda body: sagemaker_runtime.ask(client, self._env.endpoint, body)

    def confirm(self, back: bool = False) -> None:
        """Make the update final, and remove what nobody will go back to."""
        self._lease.check()
        events, tag = release_log.read(self._bucket)
        name = str(self._serving())
        container, folder = self._container(name), self._files(name)
        url, facts = container.model_data_url, self._facts(folder)
        earlier = [each for each in events if each["model_hash"] == facts["model_hash"]]
        known = earlier[-1] if earlier else {"package": None, "registered": url}
        event = {
            "at": store.now(),
            "event": "rolled back" if back else "released",
            "release": facts["release"],
            "model_hash": facts["model_hash"],
            "config": name,
            "package": registry.register(self._env, facts, url, container.image, known["package"]),
            "registered": known["registered"],
        }
        self._hosting.tag(self._env.tags | facts)
        release_log.write(self._bucket, [*events, event], tag)
        self._tend([*events, event])

    def undo(self) -> None:
        """Serve what was confirmed last; an endpoint that never was confirmed goes."""
        try:
            self._lease.check()
            events = served(self.history())
            if not events:
                self._hosting.delete()
            elif name := self._again(events[-1]["config"]):
                self._hosting.point(name, self._env.tags)
        except CloudError as error:
            raise CloudError(
                f"{error}; {self._env.endpoint} may serve what was not confirmed until the same "
                "command, repeated, takes it back"
            ) from error

    def _serving(self) -> str | None:
        endpoint = self._hosting.endpoint()
        serves = endpoint is not None and endpoint.endpoint_status not in ("Creating", "Failed")
        return str(endpoint.endpoint_config_name) if serves else None

    def _container(self, config: str) -> Any:
        container = self._configurations.container(config)
        if container is None:
            raise CloudError(f"the configuration {config} or its model is gone")
        return container

    def _files(self, config: str) -> Path:
        return archives.fetch(self._bucket, self._container(config).model_data_url)

    def _again(self, config: str) -> str:
        """What serves a configuration's release again.

        That is the same one, or "" if it is gone with its endpoint. An endpoint that became one of
        instances takes no serverless one: its release is served by a new one.
        """
        endpoint = self._hosting.endpoint()
        container = self._configurations.container(config)
        if container is None:
            return ""
        runs = endpoint and self._configurations.on_instances(endpoint.endpoint_config_name)
        if not runs or self._configurations.on_instances(config):
            return config
        tags = self._tags(self._files(config))
        return self._configurations.make(container.model_data_url, container.image, tags)

    def _facts(self, folder: Path) -> dict[str, str]:
        """What is known of a release, for people who see what serves it."""
        release = store.read_json(folder / "release.json")
        commit = store.read_json(folder / "evaluation.json")["commit"]
        facts = {name: release[name] for name in ("run", "release", "model_hash", "snapshot")}
        return facts | ({"commit": commit} if commit else {})

    def _tags(self, folder: Path) -> dict[str, str]:
        return self._env.tags | self._facts(folder)

    def _tend(self, events: list[Event]) -> None:
        """What follows a release; it stands even if this fails, which the next one makes good."""
        try:
            with aws.aws_errors():
                self._env.client("cloudwatch").put_metric_data(
                    Namespace=self._env.name_prefix,
                    MetricData=[{"MetricName": "Released", "Value": 1}],
                )
            kept = served(events)[-self._keep :]
            pruning.prune(self._env, self._configurations, kept)
        except CloudError as error:
            print(f"released, but not all that should follow was done: {error}", flush=True)
