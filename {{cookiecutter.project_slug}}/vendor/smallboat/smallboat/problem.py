"""The problem of a project: its parts, and what they are made of.

`contract.py` says what each part supplies; `docs/contract.md` explains it with an example.
"""

import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import resolve_name
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from .errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from . import contract

    Array = np.ndarray[Any, np.dtype[Any]]

T = TypeVar("T")


class _Part(Generic[T]):
    """A field that is given as a module's path, and read as the module."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    def __set__(self, problem: "Problem", path: str) -> None:
        problem.__dict__[self._name] = path

    @overload
    def __get__(self, problem: None, owner: type) -> str: ...

    @overload
    def __get__(self, problem: "Problem", owner: type) -> T: ...

    def __get__(self, problem: "Problem | None", owner: type) -> Any:
        if problem is None:
            raise AttributeError("a part has no default")
        return import_module(problem.__dict__[self._name], problem.package)


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """The problem of a project; a part is imported when it is read.

    Attributes:
        package: the import name of the project's package, whose `problem.py` has this as PROBLEM.
        data: where the raw tables come from.
        expectations: what must hold of tables and features.
        features: the feature table and the online features.
        candidates: the models that compete.
        metrics: how good answers are.
        service: requests and answers, the only part that the model server imports.
    """

    package: str
    data: "_Part[contract.Data]" = _Part()
    expectations: "_Part[contract.Expectations]" = _Part()
    features: "_Part[contract.Features]" = _Part()
    candidates: "_Part[contract.Candidates]" = _Part()
    metrics: "_Part[contract.Metrics]" = _Part()
    service: "_Part[contract.Service]" = _Part()

    @property
    def folder(self) -> Path:
        """The folder of the package's modules."""
        return Path(str(import_module(self.package).__file__)).parent

    def module(self, part: str) -> str:
        """The full name of a part's module."""
        return resolve_name(self.__dict__[f"_{part}"], self.package)

    def candidate(self, name: str) -> "Candidate":
        """The candidate of that name."""
        return next(each for each in self.candidates.CANDIDATES if each.name == name)


def of(package: str) -> Problem:
    """The problem of a project by the name of its package."""
    found: Problem = import_module(f"{package}.problem").PROBLEM
    return found


def here() -> Problem:
    """The problem of the project in the current folder; UserError if there is no project."""
    file = Path("pyproject.toml")
    tables = tomllib.loads(file.read_text()).get("tool", {}) if file.is_file() else {}
    if "smallboat" not in tables:
        raise UserError(
            "this folder is not a project: change to the one whose pyproject.toml has a table "
            "[tool.smallboat]"
        )
    sys.path.insert(0, str(Path.cwd()))
    return of(tables["smallboat"]["package"])


@dataclass(frozen=True)
class Feature:
    """One input of the model: a finite float32, or NaN if it may be missing.

    Attributes:
        name: its column.
        unit: what 1 stands for: km, places, 0 or 1.
        description: for people.
        default: the value if nothing is known.
        missing: whether it may be NaN, which stands for a value that is not known.
    """

    name: str
    unit: str
    description: str
    default: float
    missing: bool = False


def unfit(values: "Array", missing: "Array | bool") -> "Array":
    """Which inputs no model may be given: infinite ones, and NaN where none may be `missing`.

    Args:
        values: float32, shape [n, inputs] or that of one input, [n].
        missing: whether it may be NaN, for each input or for all.

    Returns:
        bool, in the shape of `values`.
    """
    import numpy as np

    return ~np.isfinite(values) & ~(np.isnan(values) & missing)


Kind = Literal["value", "rank", "probability", "probabilities"]


@dataclass(frozen=True)
class Output:
    """What a model answers for each row.

    Attributes:
        name: for people.
        unit: what 1 stands for.
        description: for people.
        kind: "value" (a number in `unit`), "rank" (a score whose order within a group counts),
            "probability" (of class 1 of the classes 0 and 1), or "probabilities" (one for each of
            `classes`; they add up to 1).
        classes: the names of the classes, for the kind "probabilities"; the target is an index.
    """

    name: str
    unit: str
    description: str
    kind: Kind
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A family of models.

    Attributes:
        name: its name in configuration and reports.
        complexity: 1 is the simplest; of two that are equally good the simpler one wins.
        grid: the settings that the search tries.
        make: makes an unfitted estimator from `seed` and settings.
    """

    name: str
    complexity: int
    grid: tuple[dict[str, Any], ...]
    make: Callable[..., Any]


def settings(**choices: Sequence[Any]) -> tuple[dict[str, Any], ...]:
    """Every combination of the choices."""
    return tuple(dict(zip(choices, values, strict=True)) for values in product(*choices.values()))
