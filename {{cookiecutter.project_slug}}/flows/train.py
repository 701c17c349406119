"""The training flow: a snapshot in, a bundle in the model store out."""

from metaflow import (
    Config,
    FlowSpec,
    Parameter,
    catch,
    config_expr,
    current,
    project,
    step,
)
from smallboat.training.policy import policy

# Imported up here, library and package go with the flow's code to where its steps run.
from {{ cookiecutter.project_slug }}.problem import PROBLEM

SHARED = ["checks", "data_fragment", "frame", "online", "snapshot"]
"""Artifacts that no candidate changes."""


@policy(PROBLEM.package)
@project(name=config_expr("config.project.name"))
class TrainFlow(FlowSpec):
    """Raw tables → validated, features → candidates → winner → bundle."""

    config = Config(
        "config",
        default="config/local.toml",
        parser="{{ cookiecutter.project_slug }}.problem.parse",
    )
    given = Parameter(
        "snapshot", help="hash of the snapshot to train on; if empty, it is made", default=""
    )

    @step
    def start(self):
        """Take a snapshot; then check its tables and make the features side by side."""
        from smallboat.store import store

        config = self.config
        self.snapshot = self.given or store.make_snapshot(PROBLEM, config.store.root, config.data)
        self.next(self.validate_data, self.engineer_features)

    @step
    def validate_data(self):
        """Check the raw tables against their expectations."""
        from smallboat.validation import preparation

        self.report = preparation.validate(PROBLEM, self.config.store.root, self.snapshot)
        print(self.report.table())
        self.next(self.accept_data)

    @step
    def engineer_features(self):
        """Make the feature table and the online features, and split the table by time."""
        from smallboat.training import training
        from smallboat.validation import preparation

        root = self.config.store.root
        frame, self.online, self.report = preparation.engineer(PROBLEM, root, self.snapshot)
        self.drift = preparation.drifted(PROBLEM, root, self.snapshot, frame)
        print(self.report.table())
        if self.report.passed:
            self.frame = training.recent(frame, self.config.training.periods)
            self.parts = training.split(self.frame, self.config.training)
            self.names = training.candidate_names(PROBLEM)
        self.next(self.accept_data)

    @step
    def accept_data(self, inputs):
        """Stop the run if an expectation of severity error fails."""
        from smallboat.reports import cards
        from smallboat.store import store
        from smallboat.training import card
        from smallboat.validation import validation

        self.merge_artifacts(inputs, exclude=["report"])
        reports = [task.report for task in inputs]
        self.checks = [result for report in reports for result in report.results]
        root = self.config.store.root
        manifest = store.manifest(root, self.snapshot)
        rows = store.previous_rows(root, self.snapshot)
        self.data_fragment = cards.data(manifest, self.checks, rows, self.drift)
        card.save(f"Data of run {current.run_id}", self.data_fragment)
        validation.accept(*reports)
        self.next(self.compete)

    @step
    def compete(self):
        """Start a task for each candidate."""
        self.next(self.train_candidate, foreach="names")

    @catch(var="failure", print_exception=False)
    @step
    def train_candidate(self):
        """Search one candidate's settings on the validation periods."""
        from smallboat.training import training

        self.result = training.search(
            PROBLEM,
            self.input,
            self.parts.train,
            self.parts.validation,
            self.config.training.seed,
        )
        self.next(self.select_winner)

    @step
    def select_winner(self, inputs):
        """Choose the best candidate that can be served."""
        from smallboat.evaluation import selection
        from smallboat.reports import cards
        from smallboat.training import card

        results = [task.result for task in inputs if not task.failure]
        failures = {task.input: task.failure.exception for task in inputs if task.failure}
        self.competition = selection.competition(results, failures)
        self.merge_artifacts(inputs, include=SHARED)
        self.parts = inputs[0].parts  # not merged: its bytes differ once a task has read it
        self.competition["periods"] = self.parts.periods
        self.candidates_fragment = cards.candidates(self.competition, PROBLEM.metrics.PRIMARY)
        card.save(f"Candidates of run {current.run_id}", self.candidates_fragment)
        self.winner = selection.choose(results, failures)
        self.next(self.make_bundle)

    @step
    def make_bundle(self):
        """Evaluate the winner on the test periods, refit it on all rows, and save both models."""
        from smallboat.evaluation import selection
        from smallboat.reports import cards
        from smallboat.store import bundle, store
        from smallboat.training import card, training
        from smallboat.validation import validation

        seed, limits = self.config.training.seed, self.config.gates
        self.evaluated = training.evaluate_winner(
            PROBLEM, self.winner, self.parts, seed, limits.slice_rows, self.config.decision
        )
        self.served = training.refit(PROBLEM, self.winner, self.frame, seed)
        self.model_hash = bundle.model_hash(self.served["onnx"], self.served["signature"])
        files = bundle.files(self.served, self.evaluated, self.online)
        expectations = validation.summary(self.checks)
        facts = {
            "run": current.run_id,
            "created": store.now(),
            "snapshot": self.snapshot,
            "commit": bundle.commit(),
            "model_hash": self.model_hash,
            "expectations": expectations,
            **self.competition,
        }
        size = sum(len(content) for content in files.values())
        gates = selection.gates(self.evaluated, self.served, expectations, size, limits)
        self.evaluation = selection.evaluate(facts, self.winner, self.evaluated, gates)
        target, predicted = self.parts.test["target"], self.evaluated["predicted"]
        page = card.save(
            f"{self.config.project.name}: run {current.run_id}",
            cards.winner(self.evaluation, PROBLEM.metrics.PRIMARY, target, predicted),
            self.candidates_fragment,
            self.data_fragment,
            cards.run(card.steps()),
        )
        files["report.html"] = page.encode()
        store.write_run(self.config.store.root, current.run_id, self.evaluation, files)
        self.next(self.end)

    @step
    def end(self):
        """Send the run to Comet if configured; release it if Step Functions retrains."""
        from smallboat.release import after_run

        after_run.finish(PROBLEM, self)


if __name__ == "__main__":
    TrainFlow()
