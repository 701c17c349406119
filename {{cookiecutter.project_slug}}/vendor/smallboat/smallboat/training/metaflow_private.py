"""All uses of Metaflow's internal interfaces, each for want of a public one.

Cards: `@card` renders in processes of its own after the step, and never after a failed one.
Resume: the client knows the runs of this machine only; the data store has those of all machines.
Forks: a decorator that changes a task's command needs Metaflow's own class of decorators.
Job definitions: Metaflow names them by their content only, and IAM can limit them by name only. It
requests a public address for each task on Fargate, and has no setting for it.
Full disks: if Metaflow can't write its own files, it prints a traceback, whatever the cause.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from . import fork_server

SECONDS_TO_STOP = 30
"""After a step's @timeout: then its code does not listen, as it hangs outside of Python."""


def save_card(page: str) -> None:
    """Save an HTML page as the card of the running task."""
    from metaflow import current
    from metaflow.datastore import FlowDataStore
    from metaflow.plugins.cards.card_datastore import CardDatastore
    from metaflow.system_context import system_context

    storage = type(system_context.flow_datastore._storage_impl)
    root = CardDatastore.get_storage_root(storage.TYPE)
    cards = FlowDataStore(current.flow_name, None, storage_impl=storage, ds_root=root)
    CardDatastore(cards, pathspec=current.pathspec).save_card("report", "html", page)


def datastore(flow: str, on_s3: bool) -> Any:
    """The artifacts of a flow's runs, in a folder or on S3."""
    from metaflow.datastore import FlowDataStore
    from metaflow.plugins.datastores import local_storage, s3_storage

    storage = s3_storage.S3Storage if on_s3 else local_storage.LocalStorage
    root = storage.get_datastore_root_from_config(lambda *_, **__: None)
    return FlowDataStore(flow, None, storage_impl=storage, ds_root=root)


def run_ids(datastore: Any) -> list[str]:
    """The ids of all runs in a data store, sorted; `data` beside them is no run."""
    entries = datastore._storage_impl.list_content([datastore.flow_name])
    names = [each.path.rstrip("/").rpartition("/")[2] for each in entries if not each.is_file]
    return sorted(name for name in names if name != "data")


def finished_tasks(datastore: Any, run: str) -> list[Any]:
    """The artifacts of each task of a run that ended, well or not."""
    from metaflow.datastore import TaskDataStoreSet

    return list(TaskDataStoreSet(datastore, run))


def handle_errors(handle: Callable[[Exception], str | None]) -> None:
    """Print the message that `handle` returns for an error of Metaflow, instead of a traceback."""
    from metaflow import cli  # not before the flow's configuration is known

    print_traceback = cli.print_unknown_exception

    def print_error(error: Exception) -> None:
        message = handle(error)
        cli.echo_always(message) if message else print_traceback(error)

    cli.print_unknown_exception = print_error


def change_job_definitions(prefix: str, public_addresses: bool) -> None:
    """Let the names of the job definitions on Batch begin with a prefix.

    Args:
        prefix: of the names.
        public_addresses: of tasks on Fargate. Metaflow names a definition by its content before
            this changes it, so the name changes, too.
    """
    from metaflow.plugins.aws.batch import batch, batch_client

    def changed(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        name = f"{prefix}{params['jobDefinitionName']}"
        if public_addresses:
            return params | {"jobDefinitionName": name}
        container = dict(params.get("containerProperties", {}))
        if "networkConfiguration" in container:
            container["networkConfiguration"] = {"assignPublicIp": "DISABLED"}
        properties = {"containerProperties": container} if container else {}
        return params | properties | {"jobDefinitionName": f"{name}_private"}

    class Client(batch_client.BatchClient):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for operation in ("DescribeJobDefinitions", "RegisterJobDefinition"):
                event = f"provide-client-params.batch.{operation}"
                self._client.meta.events.register(event, changed)

    batch.BatchClient = Client


def forked(server: str) -> partial[Any]:
    """A decorator that lets a local task run in a fork of the server at that socket."""
    from metaflow.decorators import StepDecorator, _base_step_decorator

    class Forked(StepDecorator):  # type: ignore[misc]
        name = "forked"

        def step_init(self, flow: Any, graph: Any, step: str, decorators: Any, *_: Any) -> None:
            limits = [each.secs + SECONDS_TO_STOP for each in decorators if each.name == "timeout"]
            self.seconds = max(limits, default=0)

        def runtime_step_cli(self, command: Any, *_: Any) -> None:
            if command.commands == ["step"] and command.entrypoint[0] == sys.executable:
                client = ["-I", "-S", str(fork_server.CLIENT), server, str(self.seconds)]
                command.entrypoint[1:1] = client

    return partial(_base_step_decorator, Forked)
