"""The rule about outcomes, which monitoring joins to predictions; only if the problem has them."""

from collections.abc import Iterator

from .sample import Rule, Sample


def _truth(sample: Sample) -> Iterator[str]:
    import pandas as pd

    truth = getattr(sample.problem.features, "truth", None)
    if truth is None:
        return
    columns, request = {*sample.frame}, sample.request
    named = getattr(sample.problem.service, "keys", None)
    keys = named(request) if named else []
    found = truth(sample.tables, keys)
    if not isinstance(found, pd.DataFrame):
        yield f"returns {type(found).__name__}; a DataFrame is needed"
        return
    needed = {"target", "group", "period", "date", *sample.slices} & columns - {*sample.columns}
    for name in sorted({"known_at", *needed} - {*found}):
        yield f"column {name} is missing"
    for name in sorted({*sample.columns} & {*found}):
        yield f"column {name} is among FEATURES: monitoring takes it from the request"
    if odd := sorted({*found.index} - {*keys}):
        yield f"returns {odd[0]!r}, which is none of the keys"
    if found.index.has_duplicates:
        yield "returns a key twice"


RULES: tuple[tuple[str, Rule], ...] = (("features.truth", _truth),)
