"""The target on AWS: a SageMaker endpoint of one name; a release is a configuration it serves.

In the environment's bucket, `endpoint/history.json` is the release log, and
`endpoint/deploying.json` the deployment lease. If the endpoint serves another configuration than
the log says, a deployment was killed.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ...aws import aws
from ...aws.buckets import Bucket, ChangedError
from ...errors import CloudError, UserError
from ...serving.servers import Invoke
from ...store import store
from . import archives, target
from .configurations import Configurations
from .hosting import Hosting, is_dead
from .lease import Lease

LOG = "endpoint/history.json"


class SageMakerTarget(target.Target):
    """Releases are served by a SageMaker endpoint."""

    def __init__(self, env: aws.Environment, image: str, keep: int) -> None:
        """The endpoint of an environment.

        Args:
            env: its names and its clients.
            image: the model server's, `<repository's address>@<digest>`.
            keep: how many releases stay, the current one among them.
        """
        self._env, self._image, self._keep = env, image, keep
        self.network_overhead_ms = env.aws.network_overhead_ms
        self._bucket = Bucket(env)
        self._configurations = Configurations(env)
        self._hosting = Hosting(env, self._configurations)
        self._lease = Lease(self._bucket, env.endpoint)

    def outdated(self) -> bool:
        """Whether the current release is served by another image or other settings."""
        name = str(self._served())
        return name != self._configurations.name(self._container(name)["ModelDataUrl"], self._image)

    def history(self) -> list[target.Event]:
        """The release log, oldest first; each event also has the name of its `config`."""
        return self._read_log()[0]

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
            name = self._reusable(self._releases()[-2]["config"])
        else:
            url, tags = archives.upload(self._bucket, folder), self._tags(folder)
            name = self._configurations.create(url, self._image, tags)
        self._hosting.serve(name, self._env.tags, canary=True)

    @contextmanager
    def live_server(self) -> Iterator[Invoke]:
        """The endpoint itself, through SageMaker's runtime."""
        yield self._hosting.ask

    def confirm(self, reason: str, back: bool = False) -> None:
        """Log the release and why it is served, and remove what is too old to go back to."""
        self._lease.check()
        events, tag = self._read_log()
        name = str(self._served())
        folder = self._files(name)
        event = target.new_event(folder, reason, back, config=name)
        self._hosting.tag(self._tags(folder))
        try:
            self._bucket.write(LOG, store.to_json([*events, event]), tag)
        except ChangedError:
            message = f"{self._bucket.url(LOG)} was changed meanwhile: rerun the command"
            raise CloudError(message) from None
        self._clean_up()

    def undo(self) -> None:
        """Serve what was confirmed last; remove an endpoint that was never confirmed."""
        try:
            self._lease.check()
            releases = self._releases()
            if not releases:
                self._hosting.delete()
            elif name := self._reusable(releases[-1]["config"]):
                self._hosting.serve(name, self._env.tags)
        except CloudError as error:
            raise CloudError(
                f"{error}; {self._env.endpoint} may serve an unconfirmed release: rerun the "
                "command, which undoes it"
            ) from error

    def _lock(self) -> AbstractContextManager[None]:
        return self._lease.held()

    def _served(self) -> str | None:
        endpoint = self._hosting.endpoint()
        if endpoint is None or endpoint["EndpointStatus"] == "Creating" or is_dead(endpoint):
            return None
        return str(endpoint["EndpointConfigName"])

    def _exists(self, served: str) -> bool:
        return self._configurations.container(served) is not None

    def _files(self, served: str) -> Path:
        """The files of the release of a configuration, downloaded once."""
        return archives.fetch(self._bucket, self._container(served)["ModelDataUrl"])

    def _read_log(self) -> tuple[list[target.Event], str | None]:
        return read_log(self._bucket)

    def _on_instances(self) -> bool:
        endpoint = self._hosting.endpoint()
        return endpoint is not None and self._configurations.on_instances(
            endpoint["EndpointConfigName"]
        )

    def _container(self, config: str) -> dict[str, Any]:
        container = self._configurations.container(config)
        if container is None:
            raise CloudError(f"the configuration {config} or its model is gone")
        return container

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
        return self._configurations.create(container["ModelDataUrl"], container["Image"], tags)

    def _facts(self, folder: Path) -> dict[str, str]:
        """The facts of a release, for those who look at it in AWS."""
        release = store.read_json(folder / "release.json")
        commit = store.read_json(folder / "evaluation.json")["commit"]
        facts = {name: release[name] for name in ("run", "release", "model_hash", "snapshot")}
        return facts | ({"commit": commit} if commit else {})

    def _tags(self, folder: Path) -> dict[str, str]:
        return self._env.tags | self._facts(folder)

    def _clean_up(self) -> None:
        """Count the release in CloudWatch and prune; if that fails, the next release does it."""
        try:
            with aws.aws_errors():
                self._env.client("cloudwatch").put_metric_data(
                    Namespace=self._env.name_prefix,
                    MetricData=[{"MetricName": "Released", "Value": 1}],
                )
            kept = self._releases()[-self._keep :]
            urls = self._configurations.prune([event["config"] for event in kept])
            archives.prune(self._bucket, urls)
        except CloudError as error:
            print(f"released, but cleaning up failed: {error}", flush=True)


def read_log(bucket: Bucket) -> tuple[list[target.Event], str | None]:
    """The release log in an environment's bucket, and the tag to write it with."""
    log = bucket.read(LOG)
    return (target.parse(log.content, bucket.url(LOG)), log.tag) if log else ([], None)
