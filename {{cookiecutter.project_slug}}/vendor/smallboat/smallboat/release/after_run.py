"""What follows a run whose bundle is in the store."""

from typing import Any

from ..config import config
from ..problem import Problem
from ..store import store
from ..tracking import tracking


def finish(problem: Problem, run: Any) -> None:
    """Tell Comet; make data that the run collected the newest; release, if that is for the run.

    Only the environment's own state machine releases: whoever trains by hand releases by hand.

    Args:
        problem: the project's.
        run: the flow at its last step.

    Raises:
        ReleaseError: the release failed; what was served before is served still.
    """
    from metaflow import current

    made = run.evaluation["run"]
    tracking.track(run.config, made)
    preview = current.branch_name.startswith("test.")
    if not run.given and not current.origin_run_id and not preview:
        store.make_newest(run.config.store.root, run.snapshot)
    settings = config.check(run.config.to_dict())
    if current.is_production and settings.on_step_functions:
        from . import retraining

        retraining.release(problem, settings, made)
