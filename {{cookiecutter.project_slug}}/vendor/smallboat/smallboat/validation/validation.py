"""Check tables against their expectations, and report the result.

A check that can't be made counts as failed: its table is missing, or the check itself crashes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import unexpected
from ..errors import CommandError, UserError
from ..problem import Problem
from ..words import counted
from . import gx
from .checks import Check
from .gx import Result

if TYPE_CHECKING:
    import pandas as pd


MADE = "made"
"""The check that a table could be made at all."""


@dataclass(frozen=True)
class Report:
    """The results of the checks.

    Attributes:
        results: for each check, in the order of the checks, the plain values `view`, `expectation`
            (its type), `severity`, `description`, `passed`, `observed` (short text) and
            `unexpected` (some examples as text).
    """

    results: list[Result]

    @property
    def errors(self) -> list[Result]:
        """The failed checks that stop a run."""
        return [r for r in self.results if not r["passed"] and r["severity"] != "warning"]

    @property
    def warnings(self) -> list[Result]:
        """The failed checks that don't."""
        return [r for r in self.results if not r["passed"] and r["severity"] == "warning"]

    @property
    def passed(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    def table(self) -> str:
        """How many checks were made, then each that failed: errors first, then warnings."""
        errors, warnings = len(self.errors), len(self.warnings)
        counts = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
        lines = [f"{counted(len(self.results), 'expectation')}: {counts}"]
        for result in [*self.errors, *self.warnings]:
            lines.append(
                f"{result['severity']}: {result['view']}: {result['description']}, "
                f"found {_found(result)}"
            )
        return "\n".join(lines)


def run(checks: Iterable[Check], views: "Mapping[str, pd.DataFrame]") -> Report:
    """Evaluate every check on its view.

    Args:
        checks: The checks, in the order in which they are reported.
        views: The tables by name. Where a view's index is made of text, examples are named by it;
            elsewhere by their row number, counted from 1.
    """
    batches, names = gx.batches(views), gx.names(views)
    return Report(
        [
            {
                "view": check.view,
                "expectation": type(check.expectation).__name__,
                "severity": check.severity,
                "description": check.description,
                **(
                    gx.evaluate(batches[check.view], views[check.view], check.expectation, names)
                    if check.view in views
                    else gx.failed("there is no such table")
                ),
            }
            for check in checks
        ]
    )


def crashed(problem: Problem, view: str, error: Exception) -> Report:
    """A report with one error: a table could not be made, and which line of the project failed."""
    known = isinstance(error, CommandError)
    result = gx.failed(str(error) if known else unexpected.sentence(error, problem.folder))
    description = "the table can be made from the raw tables"
    check = {"view": view, "expectation": MADE, "severity": "error", "description": description}
    return Report([check | result])


def summary(results: list[Result]) -> dict[str, Any]:
    """How many checks there were, how many errors, and each warning as a sentence."""
    report = Report(results)
    warnings = [_sentence(result) for result in report.warnings]
    return {"checked": len(results), "errors": len(report.errors), "warnings": warnings}


def failures(report: Report) -> list[str]:
    """Each failed check as a sentence, errors first."""
    return [_sentence(result) for result in [*report.errors, *report.warnings]]


def accept(*reports: Report) -> None:
    """Raise a UserError that lists every failed check of severity error, if there is one.

    That a table could not be made is left out if there is another one, which names the cause.
    """
    failed = [result for report in reports for result in report.errors]
    causes = [result for result in failed if result["expectation"] != MADE]
    errors = [_sentence(result) for result in causes or failed]
    if errors:
        raise UserError(
            f"the data fails {counted(len(errors), 'expectation')}, nothing was trained: "
            f"{'; '.join(errors)}"
        )


def _sentence(result: Result) -> str:
    return f"{result['view']}: {result['description']} (found {_found(result)})"


def _found(result: Result) -> str:
    return "; ".join([result["observed"], *result["unexpected"]])
