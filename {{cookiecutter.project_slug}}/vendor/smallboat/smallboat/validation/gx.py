"""Great Expectations: checks one expectation on a table and returns plain values."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 3
UNFIT = "the check can't be made on values of this type"

Result = dict[str, Any]
Names = Mapping[str, Mapping[Any, str]]


def batches(views: "Mapping[str, pd.DataFrame]") -> dict[str, Any]:
    """The tables as batches of Great Expectations, by name; the context lives in memory only."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    assets = context.data_sources.add_pandas("views")
    return {
        name: assets.add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": frame.rename_axis(index=None)})
        for name, frame in views.items()
    }


def names(views: "Mapping[str, pd.DataFrame]") -> Names:
    """What ids stand for, by column: of `driver_id` it is the column `name` of `drivers`."""
    return {
        column: frame.dropna(subset=[column, "name"]).set_index(column)["name"].to_dict()
        for view, frame in views.items()
        if {"name", column := f"{view.removesuffix('s')}_id"} <= set(frame.columns)
    }


def evaluate(batch: Any, frame: "pd.DataFrame", expectation: Any, names: Names) -> Result:
    """Check one expectation; a check that crashes has failed.

    Args:
        batch: the table as a batch, see `batches`.
        frame: the same table.
        expectation: an expectation object of Great Expectations.
        names: what ids stand for; examples show it behind the id.

    Returns:
        `passed`, `observed` (short text) and `unexpected` (some examples as text).
    """
    summary = {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES}
    missing = [name for name in _columns(expectation) if name not in frame]
    if missing:
        return failed(f"there is no column {', '.join(missing)}")
    try:
        result = batch.validate(expectation, result_format=summary)
        if any(info["raised_exception"] for info in _infos(result.exception_info or {})):
            return failed(UNFIT)
        return {
            "passed": result.success is True,
            "observed": _observed(result.result),
            "unexpected": [] if result.success else _unexpected(result.result, frame, names),
        }
    except Exception:  # whatever breaks a check, its data is not known to be good
        return failed(UNFIT)


def failed(observed: str) -> Result:
    """The result of a check that could not be made."""
    return {"passed": False, "observed": observed, "unexpected": []}


def _columns(expectation: Any) -> list[str]:
    """The columns that an expectation looks at."""
    names = [getattr(expectation, name, None) for name in ("column", "column_A", "column_B")]
    return [name for name in [*names, *(getattr(expectation, "column_list", None) or [])] if name]


def _infos(information: Mapping[str, Any]) -> Iterable[Any]:
    """What is said of exceptions: for the check, or for each of its metrics."""
    return [information] if "raised_exception" in information else information.values()


def _observed(values: Mapping[str, Any]) -> str:
    if "unexpected_count" in values:
        return f"{values['unexpected_count']:,} of {values['element_count']:,} rows"
    mismatched = values.get("details", {}).get("mismatched")
    if mismatched:
        return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in mismatched.items())
    return str(values.get("observed_value", ""))


def _unexpected(values: Mapping[str, Any], frame: "pd.DataFrame", names: Names) -> list[str]:
    examples = values.get("partial_unexpected_list", [])
    rows = values.get("partial_unexpected_index_list") or []
    numbered = frame.index.dtype.kind == "i"
    labels = [f"row {row + 1}" if numbered else str(row) for row in rows]
    found = zip(labels, examples, strict=True)
    return [f"{label}: {_value(value, names)}" for label, value in found]


def _value(value: Any, names: Names) -> str:
    import pandas as pd

    if isinstance(value, Mapping):
        return ", ".join(
            f"{key} {_value(part, names)}{_name(names.get(key, {}).get(part))}"
            for key, part in value.items()
        )
    if pd.isna(value):
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _name(name: str | None) -> str:
    return f" ({name})" if name else ""
