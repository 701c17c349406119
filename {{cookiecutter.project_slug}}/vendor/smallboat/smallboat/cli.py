"""The commands: `smallboat COMMAND` in a project's folder; the Makefile calls the same."""

import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from . import __version__, disk, problem, process_environment
from .errors import CommandError, UserError
from .problem import Problem


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code, which the README lists."""
    try:
        with disk.full_disk_errors(Path(".metaflow")):
            return int(_group().main(arguments, prog_name="smallboat", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CommandError as error:
        from .workflows import notices

        print(f"error: {error}", file=sys.stderr)
        notices.summary(f"**error**: {error}\n")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        return 130


def _option(*names: str, **settings: Any) -> click.Parameter:
    return click.Option(list(names), **settings)


def _flag(name: str, describes: str) -> click.Parameter:
    """An option that is on or off; make says NAME=1."""
    return _option(name, is_flag=False, flag_value="1", type=click.Choice(["1"]), help=describes)


_environment = _option(
    "--env", "environment", default="local", show_default=True, help="Use config/ENV.toml."
)
_run = _option("--run", help="A run's id, as `runs` lists it.")
_source = _option("--source", help="Read from this source instead of the configured one.")
_directory = _option("--dir", "directory", help="Read the tables from this folder.")
_branch = _option("--branch", help="A preview of this name, without a schedule.")

COMMANDS: tuple[tuple[str, str, str, tuple[click.Parameter, ...]], ...] = (
    (
        "data",
        "training.commands:make_data",
        "Make a snapshot of the raw tables.",
        (
            _source,
            _directory,
            _option("--set", "assignments", multiple=True, metavar="KEY=VALUE",
                    help="Change a value of the table [data]."),
        ),
    ),
    ("train", "training.commands:train", "Train on the newest snapshot, or on --dir.",
     (_directory,)),
    ("retrain", "release.retraining:retrain", "Collect data, train, release and report.",
     (_source, _directory)),
    ("resume", "training.commands:resume", "Resume the newest run that failed, or --run.", (_run,)),
    ("runs", "release.listing:show", "List all runs with their metrics.", ()),
    ("card", "release.listing:card", "Open the report of the newest run, or of --run.", (_run,)),
    ("reproduce", "training.reproduction:reproduce",
     "Train a run again from its commit and snapshot, and compare the models.", (_run,)),
    (
        "deploy",
        "release.deployment:deploy",
        "Release the newest run that passed its gates, or --run.",
        (
            _run,
            _flag("--allow-schema-change", "Release it even if it can't be compared."),
            _option("--from", "source_environment", metavar="ENV",
                    help="Promote what this environment serves, or its run --run."),
        ),
    ),
    ("refresh", "release.deployment:refresh",
     "Release what is served again, with today's image, settings and API.", ()),
    ("rollback", "release.deployment:roll_back", "Go back to the release before.", ()),
    ("status", "release.deployment:status", "Print what is served, as JSON.", ()),
    (
        "serve",
        "release.deployment:serve",
        "Serve API, page and model on this machine.",
        (
            _option("--port", type=click.IntRange(1, 65535), help="Listen on this port."),
            _flag("--background", "Leave it running."),
        ),
    ),
    ("stop", "release.deployment:stop", "Stop what serves in the background.", ()),
    ("predict", "release.deployment:predict", "Ask for the prediction of an example.", ()),
    ("bootstrap", "cloud.base_stacks:bootstrap",
     "Create or update an environment's base stacks on AWS, and print their cost.", ()),
    ("image", "aws.image:make", "Build the images that run on AWS, and push them.", ()),
    ("flow-deploy", "cloud.step_functions:deploy",
     "Make the training flow a state machine of Step Functions.", (_branch,)),
    ("flow-remove", "cloud.step_functions:remove", "Remove that state machine.", (_branch,)),
    (
        "destroy",
        "cloud.destruction:destroy",
        "Remove everything that an environment has on AWS.",
        (
            _option("--confirm", help="The environment's name, instead of typing it."),
            _flag("--force", "Remove the model store too."),
        ),
    ),
    ("compare", "workflows.pr_comment:compare", "Compare the newest run with another checkout's.",
     (_option("--with", "other", required=True, help="The other checkout's folder."),)),
    ("plan", "workflows.plan:plan", "Print what the workflows read from the configuration.", ()),
    ("schedule", "workflows.plan:write_schedule",
     "Write the configured cron into the retraining workflow.",
     (_option("--check", is_flag=True, help="Only say whether the workflow has another cron."),)),
    ("upgrade", "upgrade:upgrade", "Replace vendor/smallboat with a newer template's.",
     (_option("--from", "source", metavar="TEMPLATE",
              help="Its git URL or folder, instead of the one in .cruft.json."),
      _option("--version", help="A tag, branch or commit of it, instead of the newest."),
      _flag("--force", "Drop local edits of the library."),
      _flag("--keep", "Keep the new library even if check or tests fail."))),
    ("tracking-upload", "training.commands:tracking_upload",
     "Send experiments to Comet that could not be sent before.", ()),
)  # fmt: skip
"""Name, function, help and options of each command; a function is imported when it is called."""


def _group() -> click.Group:
    group = click.Group(help="Train, release and serve the model of the project in this folder.")
    click.version_option(__version__, prog_name="smallboat")(group)
    for name, path, describes, options in COMMANDS:
        params = [_environment, *options]
        group.add_command(click.Command(name, callback=_calls(path), params=params, help=describes))
    return group


def _calls(path: str) -> Callable[..., int]:
    """The function of a command, in a process with the cleaned variables."""

    def call(**options: Any) -> int:
        for name, value in options.items():
            if value == "":  # else `make deploy RUN=$id` would deploy another run
                raise UserError(f"{name} is empty: leave it out, or give it a value")
        reached = {options["environment"], options.get("source_environment")} - {None}
        process_environment.clean(on_aws=reached != {process_environment.LOCAL})
        module, _, function = path.partition(":")
        command = getattr(import_module(f".{module}", __package__), function)
        return int(command(_project(), **options))

    return call


def _project() -> Problem:
    """The problem of the project in the current folder, which its pyproject.toml names."""
    file = Path("pyproject.toml")
    tables = tomllib.loads(file.read_text()).get("tool", {}) if file.is_file() else {}
    if "smallboat" not in tables:
        raise UserError(
            "there is no project here: run smallboat in the folder whose pyproject.toml has the "
            "table [tool.smallboat]"
        )
    sys.path.insert(0, str(Path.cwd()))
    return problem.of(tables["smallboat"]["package"])
