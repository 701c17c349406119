"""What a project supplies: the parts of its problem, and what they are made of.

A part is imported when it is first needed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any


class _Part:
    """A field that is given as a module's path, and read as the module."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    def __set__(self, problem: "Problem", path: str) -> None:
        problem.__dict__[self._name] = path

    def __get__(self, problem: "Problem | None", owner: type) -> Any:
        if problem is None:
            raise AttributeError("a part has no default")
        return import_module(problem.__dict__[self._name], problem.package)


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """The problem of a project.

    The model server imports `service` alone, and the light commands nothing: a part is imported
    when it is read.

    Attributes:
        package: the import name of the project's package, whose `problem.py` has this as PROBLEM.
        data: raw tables: `Config`, `collect`, `read`.
        expectations: what must hold of tables and features.
        features: the feature table and the online features: `FEATURES`, `build`, `online`.
        candidates: the models that compete: `CANDIDATES`, `OUTPUT`, `fit`, `predict`.
        metrics: how answers are scored: `PRIMARY`, `score`, `baseline`, `loss`, `SLICES`.
        service: requests and answers: `SCHEMA`, `features`, `predictions`; numpy is all it imports.
    """

    package: str
    data: Any = _Part()
    expectations: Any = _Part()
    features: Any = _Part()
    candidates: Any = _Part()
    metrics: Any = _Part()
    service: Any = _Part()

    @property
    def folder(self) -> Path:
        """Where the package's modules lie."""
        return Path(str(import_module(self.package).__file__)).parent


def of(package: str) -> Problem:
    """The problem of a project by the name of its package."""
    found: Problem = import_module(f"{package}.problem").PROBLEM
    return found


@dataclass(frozen=True)
class Feature:
    """One input of the model: a finite float32.

    Attributes:
        name: its column.
        unit: what one stands for.
        description: for people.
        default: the value where nothing is known.
    """

    name: str
    unit: str
    description: str
    default: float


@dataclass(frozen=True)
class Output:
    """What a model answers for each row."""

    name: str
    unit: str
    description: str


@dataclass(frozen=True)
class Candidate:
    """A family of models.

    Attributes:
        name: its name in configuration and reports.
        complexity: 1 = simplest; of two that are equally good the simpler wins.
        grid: the settings that the search tries.
        make: an unfitted estimator from `seed` and settings.
    """

    name: str
    complexity: int
    grid: tuple[dict[str, Any], ...]
    make: Callable[..., Any]


def settings(**choices: Sequence[Any]) -> tuple[dict[str, Any], ...]:
    """Every combination of the choices."""
    return tuple(dict(zip(choices, values, strict=True)) for values in product(*choices.values()))
