"""The commands: `smallboat COMMAND` in a project's folder; the Makefile calls the same."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from . import __version__, disk, problem, process_environment
from .errors import CommandError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    try:
        with disk.full_disk_errors(Path(".metaflow")):
            return int(_group().main(arguments, prog_name="smallboat", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CommandError as error:
        from .workflows import notices

        print(f"error: {error}", file=sys.stderr)
        notices.ended("error", str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        return 130


class _Commands(click.Group):
    """The commands in the order of their table."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.commands)


def _not_empty(_: click.Context, __: click.Parameter, value: Any) -> Any:
    """Refuse "": else `make deploy RUN=$id` without an id would deploy another run."""
    if value == "":
        raise click.BadParameter("it is empty: leave it out, or give it a value")
    return value


def _option(*names: str, **settings: Any) -> click.Parameter:
    return click.Option(list(names), callback=_not_empty, **settings)


def _flag(name: str, text: str) -> click.Parameter:
    """An option that is on or off; make passes NAME=1."""
    choice = click.Choice(["1"])
    return _option(name, is_flag=False, flag_value="1", type=choice, metavar="", help=text)


_environment = _option(
    "--env", "environment", metavar="ENV", default="local", show_default=True,
    help="The environment: base.toml and ENV.toml in config/.",
)  # fmt: skip
_run = _option("--run", metavar="ID", help="A run, as `runs` lists it.")
_source = _option("--source", metavar="NAME", help="Where the tables come from.")
_directory = _option("--dir", "directory", metavar="FOLDER", help="Read the tables from here.")
_branch = _option("--branch", metavar="NAME", help="A preview of this name, without a schedule.")

COMMANDS: tuple[tuple[str, str, str, tuple[click.Parameter, ...]], ...] = (
    (
        "describe",
        "describe.command:describe",
        "Describe your own table in config/problem.toml.",
        (
            _option("--csv", metavar="FILE", help="The table, as CSV or Parquet."),
            _option("--sql", metavar="QUERY", help="Or a query that DuckDB answers."),
            _option("--target", metavar="COLUMN", help="The column that is predicted."),
        ),
    ),
    (
        "data",
        "training.commands:make_data",
        "Make a snapshot of the raw tables.",
        (
            _source,
            _directory,
            _option("--set", "assignments", multiple=True, metavar="KEY=VALUE",
                    help="Change a value of [data]."),
        ),
    ),
    ("check", "check.check:check",
     "Check the problem against its contract.",
     ()),
    ("train", "training.commands:train", "Train on the newest snapshot, or on --dir.",
     (_directory,)),
    ("retrain", "release.commands:retrain", "Collect data, train, release, report.",
     (_source, _directory)),
    ("resume", "training.commands:resume", "Resume the newest run that failed, or --run.", (_run,)),
    ("runs", "release.queries:list_runs", "List all runs with their metrics.", ()),
    ("card", "release.queries:card", "Open the report of the newest run, or of --run.", (_run,)),
    ("reproduce", "training.reproduction:reproduce",
     "Train the newest run again, and compare the models.", (_run,)),
    ("clean", "release.cleaning:clean", "Remove old runs from this machine.",
     (_option("--keep", metavar="N", help="How many of the newest runs stay."),
      _option("--confirm", metavar="ENV", help="Do not ask for the environment's name."))),
    (
        "deploy",
        "release.commands:deploy",
        "Release the newest run that passed, or --run.",
        (
            _run,
            _flag("--allow-schema-change", "Release it even if it can't be compared."),
            _option("--from", "source_environment", metavar="ENV",
                    help="Promote this environment's release, or its run --run."),
        ),
    ),
    ("refresh", "release.commands:refresh",
     "Release the current model with new image and settings.", ()),
    ("rollback", "release.commands:roll_back", "Go back to the previous release.", ()),
    ("status", "release.queries:status",
     "Print what is served, and all releases, as JSON.", ()),
    (
        "serve",
        "release.commands:serve",
        "Serve API, page and model on this machine.",
        (
            _option("--port", metavar="PORT", type=click.IntRange(1, 65535),
                    help="Listen on this port."),
            _flag("--background", "Return, and leave it running."),
        ),
    ),
    ("stop", "release.commands:stop", "Stop the server in the background.", ()),
    ("predict", "release.queries:predict", "Predict an example, and print the answer.", ()),
    (
        "score",
        "release.scoring:score",
        "Write a CSV file's rows with the model's answers.",
        (
            _option("--file", metavar="CSV", required=True, help="The rows, of any number."),
            _option("--out", metavar="CSV", required=True, help="Where the answers go."),
            _option("--run", metavar="ID", help="A run's model instead of the served one."),
        ),
    ),
    ("monitor", "monitoring.command:monitor",
     "Judge what is served by its requests and their outcomes.",
     (_option("--since", metavar="YYYY-MM-DD", help="The first day, instead of 90 days ago."),)),
    (
        "replay",
        "replay.command:replay",
        "Replay past dates under four retraining policies.",
        (
            _option("--from", "first", metavar="DATE", required=True,
                    help="The first year, or day as yyyy-mm-dd."),
            _option("--to", "last", metavar="DATE", required=True, help="The last one."),
        ),
    ),
    ("bootstrap", "cloud.base_stacks:bootstrap",
     "Create the base stacks on AWS, and print their cost.", ()),
    ("prices", "cloud.price_list:refresh",
     "Refresh infra/prices.toml from AWS's price list.", ()),
    ("image", "aws.image:make", "Build the images that run on AWS, and push them.", (_branch,)),
    ("flow-deploy", "cloud.step_functions:deploy",
     "Deploy the training flow to Step Functions.", (_branch,)),
    ("flow-remove", "cloud.step_functions:remove",
     "Remove the training flow from Step Functions.", (_branch,)),
    (
        "destroy",
        "cloud.destruction:destroy",
        "Remove everything an environment has on AWS.",
        (
            _option("--confirm", metavar="ENV", help="Do not ask for the environment's name."),
            _flag("--force", "Remove the model store too."),
        ),
    ),
    ("compare", "workflows.compare:compare",
     "Compare the newest run with that of another checkout.",
     (_option("--with", "other", metavar="FOLDER", required=True, help="The other checkout."),)),
    ("plan", "workflows.plan:plan", "Print the roles and the region for GitHub's workflows.", ()),
    ("schedule", "workflows.plan:write_schedule",
     "Write the configured crons into the workflows.",
     (_option("--check", is_flag=True, help="Write nothing; fail if the cron differs."),)),
    ("upgrade", "upgrade.library:upgrade", "Replace vendor/smallboat with a newer template's.",
     (_option("--from", "source", metavar="TEMPLATE",
              help="Its git URL or folder, instead of the one in .cruft.json."),
      _option("--version", help="A tag, branch or commit of it, instead of the newest."),
      _flag("--force", "Drop local edits of the library."),
      _flag("--keep", "Keep the new library even if check or tests fail."))),
    ("update-deps", "upgrade.dependencies:update",
     "Take newer packages, if training works with them.",
     (_option("--date", "day", metavar="YYYY-MM-DD",
              help="Those before this day, instead of a week old."),)),
    ("tracking-upload", "training.commands:tracking_upload",
     "Send to the tracker what could not be sent before.", ()),
)  # fmt: skip
"""Name, function, help and options of each command; a function is imported when it is called."""


def _group() -> click.Group:
    group = _Commands(
        help="Train, release and serve the model of the project in this folder.",
        epilog="Exit codes: 0 done; 1 unexpected error; 2 wrong data, configuration or option; "
        "3 no candidate passed; 4 release failed, or AWS refused; 5 a retraining is due; "
        "130 interrupted.",
    )
    click.version_option(__version__, prog_name="smallboat")(group)
    for name, path, text, options in COMMANDS:
        params = [*options, _environment]
        group.add_command(click.Command(name, callback=_callback(path), params=params, help=text))
    return group


def _callback(path: str) -> Callable[..., int]:
    """Import the function of a command and call it, after cleaning the environment variables."""

    def call(**options: Any) -> int:
        reached = {options["environment"], options.get("source_environment")} - {None}
        process_environment.clean(on_aws=reached != {process_environment.LOCAL})
        module, _, function = path.partition(":")
        command = getattr(import_module(f".{module}", __package__), function)
        return int(command(problem.here(), **options))

    return call
