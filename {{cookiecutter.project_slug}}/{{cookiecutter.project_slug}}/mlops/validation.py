"""Hold tables against expectations, and tell people what was found.

A check that can't be answered counts as failed: its table is missing, or it crashes itself.
"""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import UserError

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 3

Result = dict[str, Any]


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
    def says(self) -> str:
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
            lines.append(f"{result['severity']}: {result['view']}: {result['says']}, found {found}")
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
    source = _source()
    for view in dict.fromkeys(check.view for check in checks):
        numbered = {i: check for i, check in enumerate(checks) if check.view == view}
        if view not in views:
            outcomes = {i: _failed("there is no such table") for i in numbered}
        else:
            outcomes = _evaluate(source, view, views[view], numbered)
        for i, check in numbered.items():
            results[i] = _described(check) | outcomes.get(i, _failed("the check gave no answer"))
    return Report([results[i] for i in range(len(checks))])


def crashed(view: str, error: Exception) -> Report:
    """A report with one error: a table could not be made, and which line of ours gave up."""
    package = Path(__file__).parent.parent
    lines = traceback.extract_tb(error.__traceback__)
    ours = [line for line in lines if Path(line.filename).parent == package]
    place = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
    check = {"view": view, "expectation": "made", "severity": "error"}
    told = _failed(f"{type(error).__name__}: {_first_line(error)}{place}")
    return Report([{**check, "says": "the table can be made from the raw tables", **told}])


def summary(results: list[Result]) -> dict[str, Any]:
    """How many checks there were, how many errors, and each warning as a sentence."""
    report = Report(results)
    warnings = [f"{r['view']}: {r['says']} (found {r['observed']})" for r in report.warnings]
    return {"checked": len(results), "errors": len(report.errors), "warnings": warnings}


def accept(*reports: Report) -> None:
    """UserError with every broken expectation of severity error, if there is one."""
    errors = [result for report in reports for result in report.errors]
    if errors:
        told = "; ".join(f"{r['view']}: {r['says']} (found {r['observed']})" for r in errors)
        raise UserError(f"the data fails {len(errors)} expectations, nothing was trained: {told}")


def _source() -> Any:
    """A data source for data frames, in a context that lives in memory and sends nothing."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    return context.data_sources.add_pandas("views")


def _evaluate(
    source: Any, view: str, frame: "pd.DataFrame", checks: Mapping[int, Check]
) -> dict[int, Result]:
    """The outcomes of one view's checks, which share its metrics."""
    import great_expectations as gx

    try:
        expectations = [
            check.expectation.copy(update={"meta": {"check": i}}) for i, check in checks.items()
        ]
        context = source.data_context
        batch = source.add_dataframe_asset(view).add_batch_definition_whole_dataframe("all")
        suite = context.suites.add(gx.ExpectationSuite(name=view, expectations=expectations))
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name=view, data=batch, suite=suite)
        )
        answer = definition.run(
            batch_parameters={"dataframe": frame.rename_axis(index=None)},
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES},
        )
        return {
            result.expectation_config.meta["check"]: _outcome(result, frame)
            for result in answer.results
        }
    except Exception as error:  # whatever breaks a check, its data is not known to be good
        return {i: _failed(f"the check crashed: {_first_line(error)}") for i in checks}


def _described(check: Check) -> Result:
    return {
        "view": check.view,
        "expectation": type(check.expectation).__name__,
        "severity": check.severity,
        "says": check.says,
    }


def _failed(observed: str) -> Result:
    return {"passed": False, "observed": observed, "unexpected": []}


def _outcome(result: Any, frame: "pd.DataFrame") -> Result:
    crash = _crash(result.exception_info or {})
    if crash:
        return _failed(f"the check crashed: {crash}")
    return {
        "passed": result.success is True,
        "observed": _observed(result.result),
        "unexpected": [] if result.success else _unexpected(result.result, frame),
    }


def _crash(information: Mapping[str, Any]) -> str:
    """The message of an exception; one for the check, or one for each metric of it."""
    one = [information] if "raised_exception" in information else information.values()
    messages = [i["exception_message"] for i in one if i["raised_exception"]]
    return _first_line(messages[0]) if messages else ""


def _first_line(error: object) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _observed(values: Mapping[str, Any]) -> str:
    if "unexpected_count" in values:
        return f"{values['unexpected_count']:,} of {values['element_count']:,} rows"
    mismatched = values.get("details", {}).get("mismatched")
    if mismatched:
        return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in mismatched.items())
    return str(values.get("observed_value", ""))


def _unexpected(values: Mapping[str, Any], frame: "pd.DataFrame") -> list[str]:
    found: Sequence[Any] = values.get("partial_unexpected_list", [])
    rows: Sequence[Any] = values.get("partial_unexpected_index_list") or []
    counted = frame.index.dtype.kind == "i"
    labels = [f"row {row + 1}" if counted else str(row) for row in rows]
    return [f"{label}: {_value(value)}" for label, value in zip(labels, found, strict=True)]


def _value(value: Any) -> str:
    import pandas as pd

    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(part)}" for key, part in value.items())
    if pd.isna(value):
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value)
