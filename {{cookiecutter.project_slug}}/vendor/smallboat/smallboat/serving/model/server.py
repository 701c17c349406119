"""The model server: SageMaker's container contract for the release in a folder.

Started as `python -m smallboat.serving.model --problem PACKAGE serve [--folder F] [--port P]`.
"""

import argparse
import json
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .. import http_server

if TYPE_CHECKING:
    from .application import Application

MAX_WORKERS = 4  # one for each core; each takes about 80 MB
ANY_ADDRESS = "0.0.0.0"


def create(package: str, folder: Path, host: str) -> "Application":
    """The ASGI application of a project, for a folder and the address at which it is served."""
    # The process that only starts workers needs none of it.
    from ... import problem as problems
    from .application import Application
    from .model import CurrentRelease

    log = _log()
    problem = problems.of(package)
    current = CurrentRelease(
        problem, folder, lambda message: log.info(json.dumps({"message": message}))
    )
    return Application(problem, current, log, any_host=host == ANY_ADDRESS)


def _log() -> logging.Logger:
    """A logger that prints bare lines to stdout, independent of other libraries' logging."""
    log = logging.getLogger("serving")
    log.handlers = [logging.StreamHandler(sys.stdout)]
    log.setLevel(logging.INFO)
    log.propagate = False
    return log


def _workers(folder: Path) -> int:
    """One if `current` is followed: an idle worker among several could miss the last good one.

    `MODEL_WORKERS` is at most how many there are.
    """
    fixed = (folder / "release.json").exists() and not (folder / "current").exists()
    most = int(os.environ.get("MODEL_WORKERS", MAX_WORKERS))
    return min(os.cpu_count() or 1, most) if fixed else 1


def options() -> argparse.Namespace:
    """The options of the command line: `problem`, `folder`, `host` and `port`."""
    parser = argparse.ArgumentParser(prog="python -m smallboat.serving.model", description=__doc__)
    parser.add_argument("--problem", required=True, help="the project's package")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--folder", default=os.environ.get("MODEL_FOLDER", "/opt/ml/model"))
    parser.add_argument("--host", default=os.environ.get("MODEL_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=8080)
    return parser.parse_args()


def main() -> None:
    """Run the command line."""
    given = options()
    folder = Path(given.folder).resolve()
    application = partial(create, given.problem, folder, given.host)
    http_server.run(application, given.host, given.port, _workers(folder))
