"""What the steps of the training flow do; each sets artifacts of the flow.

The flow names the steps and their order. Everything heavy is imported in the step that needs it.
"""

from collections.abc import Sequence
from typing import Any

from ..problem import Problem

SHARED = ["checks", "data_fragment", "frame", "online", "snapshot"]
"""Artifacts that no candidate changes."""


def take_snapshot(problem: Problem, flow: Any) -> None:
    """Set `snapshot`: the hash that the flow was given, or that of a new snapshot."""
    from ..store import store

    config = flow.config
    flow.snapshot = flow.given or store.make_snapshot(problem, config.store.root, config.data)


def validate_data(problem: Problem, flow: Any) -> None:
    """Set `report`: what the expectations of the raw tables found."""
    from ..validation import preparation

    flow.report = preparation.validate(problem, flow.config.store.root, flow.snapshot)
    print(flow.report.table())


def engineer_features(problem: Problem, flow: Any) -> None:
    """Set `online`, `report` and `drift`; if the features passed, `frame`, `parts` and `names`."""
    from ..evaluation import reference
    from ..validation import preparation
    from . import splits, training

    reference.check_ignored(problem, flow.config.monitor.ignored)
    root = flow.config.store.root
    frame, flow.online, flow.report = preparation.engineer(problem, root, flow.snapshot)
    flow.drift = preparation.drifted(problem, root, flow.snapshot, frame)
    print(flow.report.table())
    if flow.report.passed:
        flow.frame = splits.recent(frame, flow.config.training.periods)
        flow.parts = splits.split(flow.frame, flow.config.training)
        flow.names = training.candidate_names(problem)


def accept_data(problem: Problem, flow: Any, inputs: Sequence[Any]) -> None:
    """Set `checks` and `data_fragment`; UserError if an expectation of severity error failed."""
    from metaflow import current

    from ..reports import cards
    from ..store import store
    from ..validation import validation
    from . import card

    flow.merge_artifacts(inputs, exclude=["report"])
    reports = [task.report for task in inputs]
    flow.checks = [result for report in reports for result in report.results]
    root = flow.config.store.root
    manifest = store.manifest(root, flow.snapshot)
    rows = store.previous_rows(root, flow.snapshot)
    flow.data_fragment = cards.data(manifest, flow.checks, rows, flow.drift)
    card.save(f"Data of run {current.run_id}", flow.data_fragment)
    validation.accept(*reports)


def train_candidate(problem: Problem, flow: Any) -> None:
    """Set `result`: how the settings of the candidate `input` did on the validation periods."""
    from . import training

    parts = flow.parts
    flow.result = training.search(
        problem, flow.input, parts.train, parts.validation, flow.config.training.seed
    )


def select_winner(problem: Problem, flow: Any, inputs: Sequence[Any]) -> None:
    """Set `competition`, `parts`, `candidates_fragment`, `winner` and `no_winner`.

    `winner` is None if no candidate can be served; `no_winner` then says why, and else is None.
    """
    from metaflow import current

    from .. import disk
    from ..errors import NoCandidateError
    from ..evaluation import selection
    from ..reports import cards
    from . import card

    results = [task.result for task in inputs if not task.failure]
    failures = {task.input: task.failure.exception for task in inputs if task.failure}
    flow.competition = selection.competition(results, failures)
    flow.merge_artifacts(inputs, include=SHARED)
    flow.parts = inputs[0].parts  # not merged: its bytes differ once a task has read it
    split = {name: getattr(flow.parts, name) for name in ("periods", "period_names")}
    split["split_by"] = flow.parts.by
    flow.competition |= split | {"primary": problem.metrics.PRIMARY}
    flow.candidates_fragment = cards.candidates(flow.competition, problem.metrics.PRIMARY)
    card.save(f"Candidates of run {current.run_id}", flow.candidates_fragment)
    flow.winner = flow.no_winner = None
    try:
        flow.winner = selection.choose(results, failures)
    except NoCandidateError as error:
        if disk.was_full():
            raise
        flow.no_winner = str(error)


def make_bundle(problem: Problem, flow: Any) -> None:
    """Evaluate the winner once on the test periods, refit it on all rows, and save the bundle.

    Sets `evaluation`, and if there is a winner `evaluated`, `served` and `model_hash`. Without one
    the bundle has no model, only the online features, with which the champion can go on.
    """
    from ..evaluation import gates, selection
    from ..reports import cards, model_card
    from ..store import bundle, store
    from . import training

    if flow.winner is None:
        flow.evaluation = selection.without_winner(_facts(flow), flow.no_winner)
        _save(flow, bundle.without_model(training.interface(problem), flow.online))
        return
    config = flow.config
    seed, limits = config.training.seed, config.gates
    flow.evaluated = training.evaluate_winner(
        problem, flow.winner, flow.parts, seed, limits.slice_rows, config.decision
    )
    flow.served = training.refit(problem, flow.winner, flow.frame, seed)
    # In the signature, so that another calibration or threshold is another model to release.
    for_people = {name: flow.evaluated[name] for name in selection.SHOWN if name in flow.evaluated}
    flow.served["signature"] |= for_people
    flow.model_hash = bundle.model_hash(flow.served["onnx"], flow.served["signature"])
    files = bundle.files(flow.served, flow.evaluated, flow.online)
    size = sum(len(content) for content in files.values())
    facts = _facts(flow) | {"model_hash": flow.model_hash}
    decided = gates.decide(flow.evaluated, flow.served, facts["expectations"], size, limits)
    flow.evaluation = selection.evaluate(facts, flow.winner, flow.evaluated, decided)
    target, predicted = flow.parts.test["target"], flow.evaluated["predicted"]
    shown = cards.winner(flow.evaluation, problem.metrics.PRIMARY, target, predicted)
    manifest = store.manifest(config.store.root, flow.snapshot)
    about = model_card.page(
        config.project.name,
        problem,
        flow.evaluation,
        flow.served["signature"],
        manifest,
        flow.frame,
    )
    _save(flow, files | {"model_card.html": about.encode()}, shown)


def _facts(flow: Any) -> dict[str, Any]:
    """What evaluation.json says of any run."""
    from metaflow import current

    from ..store import bundle, store
    from ..validation import validation

    return {
        "run": current.run_id,
        "created": store.now(),
        "snapshot": flow.snapshot,
        "commit": bundle.commit(),
        "expectations": validation.summary(flow.checks),
        **flow.competition,
    }


def _save(flow: Any, files: dict[str, bytes], *winner: Any) -> None:
    """Save the run with its report, which begins with the fragment about the winner."""
    from metaflow import current

    from ..reports import cards
    from ..store import store
    from . import card

    page = card.save(
        f"{flow.config.project.name}: run {current.run_id}",
        *winner,
        flow.candidates_fragment,
        flow.data_fragment,
        cards.run(card.steps()),
    )
    files = files | {"report.html": page.encode()}
    store.write_run(flow.config.store.root, current.run_id, flow.evaluation, files)
