"""The project's commands, as the Makefile calls them."""

import argparse
import sys
from pathlib import Path

from . import disk, process_environment
from .aws import image
from .cloud import destruction, infra, machines
from .errors import CommandError, UserError
from .problem import Problem
from .release import deployment, listing, retraining
from .training import commands, reproduction
from .workflows import notices, plan, pulls


def main(problem: Problem, arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is the one that the README lists."""
    options = _parser(problem).parse_args(arguments)
    reached = {options.env, getattr(options, "from", None)} - {None}
    process_environment.clean(on_aws=reached != {process_environment.LOCAL})
    try:
        _refuse_empty(options)
        with disk.told(Path(".metaflow")):
            return int(options.command(problem, options))
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        notices.summary(f"**error**: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _refuse_empty(options: argparse.Namespace) -> None:
    """What is given must say something: else `make deploy RUN=$id` would deploy another run."""
    for name, value in vars(options).items():
        if value == "":
            raise UserError(f"{name} was given and is empty: leave it out, or give it a value")


def _flag(parser: argparse.ArgumentParser, name: str, says: str) -> None:
    """An option that is on or off; make says NAME=1."""
    parser.add_argument(name, nargs="?", const="1", choices=["1"], help=says)


def _parser(problem: Problem) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=problem.package, description=__doc__)
    parser.add_argument("--env", default="local", help="which config/<env>.toml to use")
    commands_ = parser.add_subparsers(required=True)
    data = commands_.add_parser("data", help="make a snapshot of the raw tables")
    data.add_argument("--source", help="where the tables come from, instead of the configured one")
    data.add_argument("--dir", help="the folder to read them from, instead of the configured one")
    data.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a value of the table [data], instead of the configured one",
    )
    data.set_defaults(command=commands.make_data)
    train = commands_.add_parser("train", help="train on the newest snapshot, or on a folder")
    train.add_argument("--dir", help="make a snapshot of this folder first")
    train.set_defaults(command=commands.train)
    again = commands_.add_parser("retrain", help="data, training and release, told to all")
    again.add_argument("--source", help="where the tables come from, instead of the configured one")
    again.add_argument("--dir", help="the folder to read them from, instead of the configured one")
    again.set_defaults(command=retraining.retrain)
    table = commands_.add_parser("runs", help="list all runs with their metrics")
    table.set_defaults(command=listing.show)
    for name, command, says in (
        ("resume", commands.resume, "go on where the newest run, or that one, failed"),
        ("reproduce", reproduction.reproduce, "train a run again from its commit and its data"),
        ("card", listing.card, "open the report of the newest run, or of that one"),
        ("deploy", deployment.deploy, "release the newest run that passes, or that one"),
    ):
        parser_ = commands_.add_parser(name, help=says)
        parser_.add_argument("--run", help="the run's id, as `runs` lists it")
        parser_.set_defaults(command=command)
    says = "release it even if it can't be compared with what is served"
    _flag(commands_.choices["deploy"], "--allow-schema-change", says)
    commands_.choices["deploy"].add_argument(
        "--from",
        metavar="ENV",
        help="promote the run that this environment serves, or its run that --run names",
    )
    for name, command, says in (
        ("flow-deploy", machines.deploy, "make the flow a state machine of Step Functions"),
        ("flow-remove", machines.remove, "remove that state machine"),
    ):
        parser_ = commands_.add_parser(name, help=says)
        parser_.add_argument("--branch", help="a preview under this name, without a schedule")
        parser_.set_defaults(command=command)
    for name, command, says in (
        ("rollback", deployment.roll_back, "serve the release before the current one"),
        ("status", deployment.status, "print what is served, as JSON"),
        ("refresh", deployment.refresh, "serve what is served by today's image, settings and API"),
        ("plan", plan.plan, "print what the workflows ask the configuration for"),
        ("stop", deployment.stop, "end what serves in the background"),
        ("predict", deployment.predict, "ask for one prediction"),
    ):
        commands_.add_parser(name, help=says).set_defaults(command=command)
    serve = commands_.add_parser("serve", help="API, page and model server on this machine")
    serve.add_argument("--port", help="where to listen, instead of the configured port")
    _flag(serve, "--background", "leave it running")
    serve.set_defaults(command=deployment.serve)
    image_ = commands_.add_parser("image", help="make the images that run on AWS")
    image_.set_defaults(command=image.make)
    ground = commands_.add_parser("bootstrap", help="make an environment's ground on AWS")
    ground.set_defaults(command=infra.bootstrap)
    destroy = commands_.add_parser("destroy", help="remove all that an environment has on AWS")
    destroy.add_argument("--confirm", help="the environment's name, instead of typing it")
    _flag(destroy, "--force", "remove the model store too")
    destroy.set_defaults(command=destruction.destroy)
    cron = commands_.add_parser("schedule", help="write the configured cron into the workflow")
    cron.add_argument("--check", action="store_true", help="only say whether it is another")
    cron.set_defaults(command=plan.write_schedule)
    both = commands_.add_parser("compare", help="the newest run beside that of another checkout")
    both.add_argument("--with", dest="other", required=True, help="the other checkout's folder")
    both.set_defaults(command=pulls.compare)
    upload = commands_.add_parser("tracking-upload", help="send waiting experiments to Comet")
    upload.set_defaults(command=commands.tracking_upload)
    return parser
