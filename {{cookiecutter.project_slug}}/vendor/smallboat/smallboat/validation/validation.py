"""Hold tables against expectations, and tell people what was found.

A check that can't be answered counts as failed: its table is missing, or it crashes itself.
"""

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import UserError
from ..problem import Problem
from . import gx
from .gx import Result

if TYPE_CHECKING:
    import pandas as pd


class Check(Protocol):
    """One expectation about one view, as the problem files state it."""

    @property
    def view(self) -> str:
        """The key of the table among the views."""

    @property
    def expectation(self) -> Any:
        """An expectation object of Great Expectations."""

    @property
    def severity(self) -> str:
        """Either "error", which stops a run, or "warning"."""

    @property
    def description(self) -> str:
        """What should hold, as a sentence for people."""


@dataclass(frozen=True)
class Report:
    """What came of the checks.

    Attributes:
        results: for each check, in the order of the checks, the plain values `view`, `expectation`
            (its type), `severity`, `says`, `passed`, `observed` (short text) and `unexpected` (some
            examples as text).
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
        """How many checks passed, and those that did not: errors, then warnings."""
        failed = [*self.errors, *self.warnings]
        lines = [
            f"{len(self.results)} expectations: {len(self.errors)} errors, "
            f"{len(self.warnings)} warnings"
        ]
        for result in failed:
            found = "; ".join([result["observed"], *result["unexpected"]])
            lines.append(
                f"{result['severity']}: {result['view']}: {result['description']}, found {found}"
            )
        return "\n".join(lines)


def run(checks: Iterable[Check], views: "Mapping[str, pd.DataFrame]") -> Report:
    """Evaluate every check on its view.

    Args:
        checks: The expectations, in the order in which they are reported.
        views: The tables by name. Where a view's index is made of text, examples are named by it;
            elsewhere by their row number, counted from 1.
    """
    checks = list(checks)
    results: dict[int, Result] = {}
    source = gx.source()
    for view in dict.fromkeys(check.view for check in checks):
        numbered = {i: check for i, check in enumerate(checks) if check.view == view}
        if view not in views:
            outcomes = {i: gx.failed("there is no such table") for i in numbered}
        else:
            expectations = {i: check.expectation for i, check in numbered.items()}
            outcomes = gx.evaluate(source, view, views[view], expectations)
        for i, check in numbered.items():
            results[i] = _described(check) | outcomes.get(i, gx.failed("the check gave no answer"))
    return Report([results[i] for i in range(len(checks))])


def crashed(problem: Problem, view: str, error: Exception) -> Report:
    """A report with one error: a table could not be made, and which line of ours gave up."""
    lines = traceback.extract_tb(error.__traceback__)
    ours = [line for line in lines if Path(line.filename).parent == problem.folder]
    place = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
    check = {"view": view, "expectation": "made", "severity": "error"}
    told = gx.failed(f"{type(error).__name__}: {gx.first_line(error)}{place}")
    return Report([{**check, "description": "the table can be made from the raw tables", **told}])


def summary(results: list[Result]) -> dict[str, Any]:
    """How many checks there were, how many errors, and each warning as a sentence."""
    report = Report(results)
    warnings = [f"{r['view']}: {r['description']} (found {r['observed']})" for r in report.warnings]
    return {"checked": len(results), "errors": len(report.errors), "warnings": warnings}


def accept(*reports: Report) -> None:
    """UserError with every broken expectation of severity error, if there is one."""
    errors = [result for report in reports for result in report.errors]
    if errors:
        told = "; ".join(f"{r['view']}: {r['description']} (found {r['observed']})" for r in errors)
        raise UserError(f"the data fails {len(errors)} expectations, nothing was trained: {told}")


def _described(check: Check) -> Result:
    return {
        "view": check.view,
        "expectation": type(check.expectation).__name__,
        "severity": check.severity,
        "description": check.description,
    }
