"""Rules about data, expectations and features."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem import Feature
from ..store import store
from ..validation import inputs
from ..words import counted
from .sample import Rule, Sample, plain

if TYPE_CHECKING:
    import pandas as pd

OWN_COLUMNS = ("period", "group", "target")
NO_DATE = "the feature table has no column date: make it, or leave this out"


def _collect(sample: Sample) -> Iterator[str]:
    root = sample.settings.store.root
    snapshot = store.newest_snapshot(root)
    if snapshot is None:
        root, data = str(sample.folder), sample.settings.data.model_dump()
        snapshot = store.make_snapshot(sample.problem, root, data)
    about = store.manifest(root, snapshot)
    for name, kind in (("source", str), ("licence", str), ("rows", dict)):
        if not isinstance(about.get(name), kind):
            yield f"returns no {name}, or not as {'text' if kind is str else 'numbers by table'}"
            return
    until = about.get("data_until")
    if until is not None and not _is_date(until):
        yield f"data_until is {until!r}; a date as 2024-12-31 is needed"
    sample.root, sample.snapshot, sample.data_until = root, snapshot, until
    print(f"  snapshot {snapshot}, {about['source']}" + (f", up to {until}" if until else ""))


def _read(sample: Sample) -> Iterable[str]:
    sample.tables = sample.problem.data.read(store.snapshot_folder(sample.root, sample.snapshot))
    return ()


def _raw(sample: Sample) -> Iterable[str]:
    from ..validation import validation

    tables, expectations = sample.tables, sample.problem.expectations
    checks = expectations.raw(store.previous_rows(sample.root, sample.snapshot))
    validation.accept(validation.run(checks, expectations.views(tables)))
    return ()


def _features(sample: Sample) -> Iterator[str]:
    names: list[str] = []
    for feature in sample.problem.features.FEATURES:
        if not isinstance(feature, Feature):
            yield f"holds {feature!r}, which is no Feature"
        elif not np.isfinite(feature.default):
            yield f"{feature.name} has the default {feature.default}; a finite number is needed"
        elif feature.name in names:
            yield f"names {feature.name} more than once"
        else:
            names.append(feature.name)
    if len(names) == len(sample.problem.features.FEATURES):
        sample.columns = names


def _slices(sample: Sample) -> Iterator[str]:
    slices = sample.problem.metrics.SLICES
    if isinstance(slices, str):
        yield "is text; a tuple of column names is needed"
    else:
        sample.slices = list(slices)


def _build(sample: Sample) -> Iterator[str]:
    import pandas as pd

    frame, columns = sample.problem.features.build(sample.tables), sample.columns
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        yield f"returns {'no rows' if isinstance(frame, pd.DataFrame) else type(frame).__name__}"
        return
    wrong = [*_missing(frame, columns), *_own_columns(frame)]
    for feature in sample.problem.features.FEATURES:
        if feature.name in frame:
            wrong += inputs.numbers(frame, feature.name, "a feature", feature.missing)
    yield from wrong
    if not wrong:
        sample.frame = frame
        print(f"  {counted(len(frame), 'row')}, {counted(len(columns), 'feature')}")


def _missing(frame: "pd.DataFrame", columns: list[str]) -> Iterator[str]:
    for name in OWN_COLUMNS:
        if name not in frame:
            yield f"column {name} is missing"
    for name in columns:
        if name not in frame:
            yield f"column {name} is among FEATURES but is not made"


def _own_columns(frame: "pd.DataFrame") -> Iterator[str]:
    if "date" in frame:
        if frame["date"].dtype.kind != "M":
            yield f"column date is {frame['date'].dtype}; datetime64 is needed"
        elif not frame["date"].is_monotonic_increasing:
            yield "the rows are not sorted by date; the oldest must come first"
    if "period" in frame and frame["period"].dtype.kind not in "iu":
        yield f"column period is {frame['period'].dtype}; whole numbers are needed"
    if "group" in frame and (missing := int(frame["group"].isna().sum())):
        yield f"column group has {missing} missing values"
    if "target" in frame:
        yield from inputs.numbers(frame, "target", "the target")


def _other_columns(sample: Sample) -> Iterator[str]:
    others = list(sample.problem.features.OTHER_COLUMNS)
    for name in others:
        if name not in sample.frame:
            yield f"column {name} is among OTHER_COLUMNS but is not made"
    named = {"date", *OWN_COLUMNS, *sample.columns, *sample.slices, *others}
    for name in sample.frame.columns:
        if name not in named:
            yield (
                f"{name} is computed but not among FEATURES; add it to them, or to OTHER_COLUMNS "
                "if the model does not use it"
            )


def _data_until(sample: Sample) -> Iterator[str]:
    dated = "date" in sample.frame
    if dated and sample.data_until is None:
        yield "returns no data_until, but the feature table has a column date"
    elif not dated and sample.data_until is not None:
        yield f"returns data_until, but {NO_DATE}"


def _groups(sample: Sample) -> Iterator[str]:
    for group, patterns in getattr(sample.problem.features, "GROUPS", {}).items():
        if isinstance(patterns, str):
            yield f"{group} is the text {patterns!r}; a tuple of names or patterns is needed"
            continue
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in sample.columns):
                yield f"{group} has {pattern!r}, which is the name of no feature"


def _slice_columns(sample: Sample) -> Iterator[str]:
    for name in sample.slices:
        if name not in sample.frame:
            yield f"names {name}, which is no column of the feature table"


def _feature(sample: Sample) -> Iterable[str]:
    from ..validation import validation

    expectations = sample.problem.expectations
    views = expectations.feature_views(sample.frame)
    validation.accept(validation.run(expectations.feature(), views))
    return ()


def _online_features(sample: Sample) -> Iterator[str]:
    online = sample.problem.features.online_features(sample.tables)
    if not isinstance(online, dict):
        yield f"returns {type(online).__name__}; a dict is needed"
        return
    wrong = [what for name, value in online.items() for what in plain({name: value}, repr(name))]
    dated = "date" in sample.frame
    if not wrong and dated and not _is_date(online.get("as_of")):
        wrong = [f"as_of is {online.get('as_of')!r}; the date of the newest event is needed"]
    if not wrong and not dated and "as_of" in online:
        wrong = [f"returns as_of, but {NO_DATE}"]
    yield from wrong
    if not wrong:
        sample.online = json.loads(json.dumps(online))


def _is_date(text: Any) -> bool:
    try:
        date.fromisoformat(text)
    except (TypeError, ValueError):
        return False
    return True


RULES: tuple[tuple[str, Rule], ...] = (
    ("data.collect", _collect),
    ("data.read", _read),
    ("expectations.raw", _raw),
    ("features.FEATURES", _features),
    ("features.GROUPS", _groups),
    ("metrics.SLICES", _slices),
    ("features.build", _build),
    ("features.build", _other_columns),
    ("data.collect", _data_until),
    ("metrics.SLICES", _slice_columns),
    ("features.online_features", _online_features),
    ("expectations.feature", _feature),
)
