"""Great Expectations: expectations of a table go in, what was found comes out as plain values."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 3

Result = dict[str, Any]


def source() -> Any:
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


def evaluate(
    source: Any, view: str, frame: "pd.DataFrame", expectations: Mapping[int, Any]
) -> dict[int, Result]:
    """What came of a view's expectations, which share its metrics; one that crashes has failed.

    Args:
        source: what `source` returned.
        view: the table's name, another one each time.
        frame: the table.
        expectations: objects of Great Expectations, by number.

    Returns:
        By number: `passed`, `observed` and `unexpected`; nothing for one without an answer.
    """
    import great_expectations as gx

    try:
        numbered = [each.copy(update={"meta": {"number": i}}) for i, each in expectations.items()]
        context = source.data_context
        batch = source.add_dataframe_asset(view).add_batch_definition_whole_dataframe("all")
        suite = context.suites.add(gx.ExpectationSuite(name=view, expectations=numbered))
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name=view, data=batch, suite=suite)
        )
        answer = definition.run(
            batch_parameters={"dataframe": frame.rename_axis(index=None)},
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES},
        )
        return {
            result.expectation_config.meta["number"]: _outcome(result, frame)
            for result in answer.results
        }
    except Exception as error:  # whatever breaks a check, its data is not known to be good
        return {i: failed(f"the check crashed: {first_line(error)}") for i in expectations}


def failed(observed: str) -> Result:
    """What came of an expectation that could not be held against anything."""
    return {"passed": False, "observed": observed, "unexpected": []}


def first_line(error: object) -> str:
    """The first line of an error's message, or its type if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _outcome(result: Any, frame: "pd.DataFrame") -> Result:
    crash = _crash(result.exception_info or {})
    if crash:
        return failed(f"the check crashed: {crash}")
    return {
        "passed": result.success is True,
        "observed": _observed(result.result),
        "unexpected": [] if result.success else _unexpected(result.result, frame),
    }


def _crash(information: Mapping[str, Any]) -> str:
    """The message of an exception; one for the check, or one for each metric of it."""
    one = [information] if "raised_exception" in information else information.values()
    messages = [i["exception_message"] for i in one if i["raised_exception"]]
    return first_line(messages[0]) if messages else ""


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
