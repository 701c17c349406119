"""The training flow's work without Metaflow: one Python process with two workers.

Run in a generated f1 project: python plain.py SNAPSHOT
"""

import sys
from concurrent.futures import ProcessPoolExecutor

from f1_predictor.problem import PROBLEM
from smallboat.config import config
from smallboat.evaluation import gates, selection
from smallboat.training import splits, training
from smallboat.validation import preparation, validation


def main(snapshot: str) -> None:
    """Validate, make features, search every candidate, evaluate and refit the winner."""
    settings = config.load(PROBLEM, "local")
    root, options = settings.store.root, settings.training.model_dump()
    limits = settings.gates.model_dump()
    with ProcessPoolExecutor(options["workers"]) as pool:
        raw = pool.submit(preparation.validate, PROBLEM, root, snapshot)
        engineered = pool.submit(preparation.engineer, PROBLEM, root, snapshot)
        frame, _, report = engineered.result()
        frame = splits.recent(frame, options["periods"])
        validation.accept(raw.result(), report)
        parts = splits.split(frame, options)
        searches = [
            pool.submit(
                training.search, PROBLEM, name, parts.train, parts.validation, options["seed"]
            )
            for name in training.candidate_names(PROBLEM)
        ]
        winner = selection.choose([search.result() for search in searches], {})
        evaluated = pool.submit(
            training.evaluate_winner, PROBLEM, winner, parts, options["seed"], limits["slice_rows"]
        )
        served = pool.submit(training.refit, PROBLEM, winner, frame, options["seed"])
        expectations = validation.summary([*raw.result().results, *report.results])
        decided = gates.decide(evaluated.result(), served.result(), expectations, 0, limits)
    print(winner["candidate"], evaluated.result()["metrics"], [gate["passed"] for gate in decided])


if __name__ == "__main__":
    main(sys.argv[1])
