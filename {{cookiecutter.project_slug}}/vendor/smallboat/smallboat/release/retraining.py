"""From raw data to a release in one command, as it runs on a schedule."""

import argparse

from ..config import config
from ..errors import CommandError, NoCandidateError, ReleaseError
from ..training import commands, flow
from ..workflows import notices
from . import delivery


def retrain(options: argparse.Namespace) -> int:
    """Data, training, release: 0 released or kept, 2 bad data, 3 no candidate passed, 4 failed."""
    settings = config.load(options.env)
    delivery.permitted(settings)
    try:
        run = commands.trained(settings, options)
        evaluation = commands.shown(settings, run)
        if not evaluation["passed"]:
            broken = ", ".join(gate["gate"] for gate in evaluation["gates"] if not gate["passed"])
            raise flow.ended(f"run {run} failed: {broken}", NoCandidateError.exit_code)
        release(settings, run)
        delivery.serve(settings)
    except CommandError as error:
        notices.tell(settings, "failed", str(error))
        raise
    return 0


def release(settings: config.Settings, run: str) -> None:
    """Release a run of the environment's store and tell how it ended; ReleaseError if it failed."""
    outcome, _ = delivery.release_run(settings, run)
    if outcome.name == "failed":
        raise ReleaseError(f"{outcome.says}; {delivery.STILL}")
    delivery.tell(outcome)
    notices.tell(settings, outcome.name, outcome.says, newest=True)
