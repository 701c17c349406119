"""The training flow: a snapshot in, a bundle in the model store out."""

from metaflow import Config, FlowSpec, Parameter, catch, config_expr, project, step
from smallboat.training import steps
from smallboat.training.policy import policy

# Imported up here, library and package go with the flow's code to where its steps run.
from {{ cookiecutter.project_slug }}.problem import PROBLEM


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
        steps.take_snapshot(PROBLEM, self)
        self.next(self.validate_data, self.engineer_features)

    @step
    def validate_data(self):
        """Check the raw tables against their expectations."""
        steps.validate_data(PROBLEM, self)
        self.next(self.accept_data)

    @step
    def engineer_features(self):
        """Make the feature table and the online features, and split the table by time."""
        steps.engineer_features(PROBLEM, self)
        self.next(self.accept_data)

    @step
    def accept_data(self, inputs):
        """Stop the run if an expectation of severity error fails."""
        steps.accept_data(PROBLEM, self, inputs)
        self.next(self.compete)

    @step
    def compete(self):
        """Start a task for each candidate."""
        self.next(self.train_candidate, foreach="names")

    @catch(var="failure", print_exception=False)
    @step
    def train_candidate(self):
        """Search one candidate's settings on the validation periods."""
        steps.train_candidate(PROBLEM, self)
        self.next(self.select_winner)

    @step
    def select_winner(self, inputs):
        """Choose the best candidate that can be served."""
        steps.select_winner(PROBLEM, self, inputs)
        self.next(self.make_bundle)

    @step
    def make_bundle(self):
        """Evaluate the winner on the test periods, refit it on all rows, and save both models."""
        steps.make_bundle(PROBLEM, self)
        self.next(self.end)

    @step
    def end(self):
        """Log the run with the tracker, if there is one; release it if Step Functions retrains."""
        from smallboat.release import after_run

        after_run.finish(PROBLEM, self)


if __name__ == "__main__":
    TrainFlow()
