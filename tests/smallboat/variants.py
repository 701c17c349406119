"""Variants of the toy problem: the changes of its files that make another kind of problem."""

from pathlib import Path

Change = tuple[str, str, str]
"""A file of the toy, text in it, and what stands there instead."""

MISSING: tuple[Change, ...] = (
    ("inputs.py", 'so far", 25.0)', 'so far", 25.0, missing=True)'),
    (
        "inputs.py",
        "np.where(np.isnan(depot_minutes), DEFAULT, depot_minutes)",
        "np.where(floor == 0, np.nan, depot_minutes)",
    ),
    ("metrics.py", 'frame["depot_minutes"].', 'frame["depot_minutes"].fillna(25.0).'),
    (
        "candidates.py",
        "    return Ridge(random_state=seed, **chosen)",
        "    from sklearn.impute import SimpleImputer\n"
        "    from sklearn.pipeline import make_pipeline\n\n"
        "    return make_pipeline(SimpleImputer(), Ridge(random_state=seed, **chosen))",
    ),
    (
        "candidates.py",
        "    from sklearn.ensemble import GradientBoostingRegressor\n\n"
        "    return GradientBoostingRegressor(random_state=seed, n_estimators=20, **chosen)",
        "    from sklearn.ensemble import HistGradientBoostingRegressor\n\n"
        "    return HistGradientBoostingRegressor(random_state=seed, max_iter=20, **chosen)",
    ),
)
"""`depot_minutes` is NaN on the ground floor, and of depots that are not known."""

UNDATED: tuple[Change, ...] = (
    (
        "features.py",
        'frame["date"].dt.year',
        'pd.util.hash_pandas_object(frame[["distance", "floor", "minutes"]], index=False)'
        '.mod(5).astype("int64")',
    ),
    ("features.py", 'frame["date"].dt.strftime("%Y-%m-%d")', 'frame["parcel"] % 50'),
    ("features.py", '        "date": frame["date"],\n', ""),
    ("features.py", '        "as_of": parcels["date"].max().date().isoformat(),\n', ""),
    ("data.py", '        "data_until": parcels["date"].max().date().isoformat(),\n', ""),
    ("expectations.py", '("date", "group", "target")', '("group", "target")'),
)
"""Nothing has a date: rows are in five folds, by their content."""


def apply(package: Path, *changes: Change) -> None:
    """Change the files of a copy of the toy."""
    for file, old, new in changes:
        path = package / file
        assert old in path.read_text(), f"{file} does not hold {old}"
        path.write_text(path.read_text().replace(old, new))
