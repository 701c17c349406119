"""The monitoring flow, for Step Functions; `make monitor` does the same without it."""

from metaflow import Config, FlowSpec, config_expr, project, step
from smallboat.training.policy import policy

# Imported up here, library and package go with the flow's code to where its steps run.
from {{ cookiecutter.project_slug }}.problem import PROBLEM

PARSER = "{{ cookiecutter.project_slug }}.problem.parse"


@policy(PROBLEM.package, cron="monitor")
@project(name=config_expr("config.project.name"))
class MonitorFlow(FlowSpec):
    """Captured requests and their outcomes → verdict → a retraining, if one is due."""

    config = Config("config", default="config/local.toml", parser=PARSER)

    @step
    def start(self):
        """Judge what is served; start the training flow if a retraining is due."""
        from smallboat.monitoring import command

        self.verdict = command.in_flow(PROBLEM, self)
        self.next(self.end)

    @step
    def end(self):
        """Nothing is left to do."""


if __name__ == "__main__":
    MonitorFlow()
