"""A bundle of the sample, made once, and the model server as a process."""

import pytest
from model_servers import Files, Server, running, write
from smallboat.config import config
from smallboat.evaluation import selection
from smallboat.store import bundle, store
from smallboat.training import splits, training
from smallboat.validation import preparation
from toy import candidates
from toy.problem import PROBLEM


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of a release: the simplest candidate on the sample."""
    settings = config.load(PROBLEM, "local")
    root = str(tmp_path_factory.mktemp("store"))
    snapshot = store.make_snapshot(PROBLEM, root, settings.data.model_dump())
    frame, online, _ = preparation.engineer(PROBLEM, root, snapshot)
    parts = splits.split(frame, settings.training.model_dump())
    name = min(candidates.CANDIDATES, key=lambda candidate: candidate.complexity).name
    winner = training.search(PROBLEM, name, parts.train, parts.validation, seed=1)
    costs = settings.model_dump()["decision"]
    evaluated = training.evaluate_winner(PROBLEM, winner, parts, 1, 60, costs)
    served = training.refit(PROBLEM, winner, frame, 1)
    facts = {
        "run": "1",
        "created": store.now(),
        "snapshot": snapshot,
        "periods": parts.periods,
        "winner": name,
    }
    evaluation = selection.evaluate(facts, winner, evaluated, [])
    return {
        **bundle.files(served, evaluated, online),
        "evaluation.json": store.to_json(evaluation),
    }


@pytest.fixture(scope="session")
def server(files: Files, tmp_path_factory: pytest.TempPathFactory) -> "Server":
    """A server on one release, for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("served") / "release"
    write(folder, files)
    with running(folder) as started:
        yield started
