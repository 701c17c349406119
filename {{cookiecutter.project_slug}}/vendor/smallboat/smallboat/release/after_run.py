"""What follows a training run whose bundle is in the store."""

from typing import Any

from ..config import config
from ..problem import Problem
from ..store import store
from ..tracking import tracking


def finish(problem: Problem, run: Any) -> None:
    """Log the run with the tracker, make the snapshot that it collected the newest, and release it.

    If no candidate passed its gates, the champion gets the run's online features. Only the state
    machine of the environment releases. Whoever trains by hand also releases by hand.

    Args:
        problem: the project's.
        run: the flow at its last step.

    Raises:
        UserError: no candidate passed its gates (exit code 3), or the release failed (4).
    """
    from metaflow import current

    run_id = run.evaluation["run"]
    settings = config.check(run.config.to_dict())
    tracking.track(settings, run_id)
    preview = current.branch_name.startswith("test.")
    if not run.given and not current.origin_run_id and not preview:
        store.make_newest(settings.store.root, run.snapshot)
    if current.is_production and settings.on_step_functions:
        from . import commands

        commands.release_run(problem, settings, run_id).check()
