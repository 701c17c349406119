"""The combinations of answers: those that are supported, and those that are refused."""

from dataclasses import asdict, dataclass
from itertools import product

USE_CASES = ("f1", "intent", "tabular")
TRACKERS = ("comet", "mlflow", "wandb", "none")
CLOUDS = ("aws", "none")
LICENCES = ("MIT", "BSD-3-Clause", "Proprietary")


@dataclass(frozen=True)
class Combination:
    """An answer to each question that has choices."""

    use_case: str
    tracker: str
    cloud: str
    licence: str = LICENCES[0]

    @property
    def answers(self) -> dict[str, str]:
        """The answers by question, as cookiecutter takes them."""
        return asdict(self)

    def __str__(self) -> str:
        """Its id, as in `f1, comet, aws, MIT` or `f1, no tracker, no cloud, MIT`."""
        named = [f"no {key}" if it == "none" else it for key, it in self.answers.items()]
        return ", ".join(named)


SUPPORTED = tuple(Combination(*each) for each in product(USE_CASES, TRACKERS, CLOUDS, LICENCES))
"""All of them: no choice excludes another."""

COVERING = (
    Combination("f1", "comet", "aws"),
    Combination("f1", "mlflow", "none"),
    Combination("f1", "wandb", "aws"),
    Combination("f1", "none", "none"),
    Combination("intent", "comet", "none"),
    Combination("intent", "mlflow", "aws"),
    Combination("intent", "wandb", "none"),
    Combination("intent", "none", "aws"),
    Combination("tabular", "comet", "aws"),
    Combination("tabular", "mlflow", "none"),
    Combination("tabular", "wandb", "none"),
    Combination("tabular", "none", "aws"),
)
"""Each pair of a use case, a tracker and a cloud is in one of them."""

TEXTS = {
    "another name": {"project_slug": "grid_oracle", "project_name": "Grid Oracle"},
    "another name of intent": {"use_case": "intent", "project_slug": "basket_oracle"},
    "another region": {"aws_region": "mx-central-1"},
    "no region without a cloud": {"cloud": "none", "aws_region": ""},
    "odd text": {"author": 'O\'Neil & "Sons" \\ <x>', "description": "é {x} #"},
}
"""Supported answers to the questions that take any text."""

NO_PACKAGE = "is no Python package name"
NO_REGION = "is no AWS region outside of China and the government clouds"
REFUSED = {
    "a slug with capitals": ({"project_slug": "F1-Predictor"}, NO_PACKAGE),
    "a slug with a slash": ({"project_slug": "ml/ops"}, NO_PACKAGE),
    "a slug outside of the folder": ({"project_slug": "../x"}, NO_PACKAGE),
    "an empty slug": ({"project_slug": ""}, NO_PACKAGE),
    "a slug that a package has": (
        {"project_slug": "scipy"},
        "is a name of Python, of a package or of a folder that the project uses",
    ),
    "no region": ({"aws_region": "Ireland"}, NO_REGION),
    "a region in China": ({"aws_region": "cn-north-1"}, NO_REGION),
    "a region of a government": ({"aws_region": "us-gov-west-1"}, NO_REGION),
}
"""Refused answers, and what the error says about them."""
