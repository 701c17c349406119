"""The table as the model sees it: in training, in a request, and in a CSV file."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from smallboat.table.data import Rows

from {{ cookiecutter.project_slug }} import features, service
from {{ cookiecutter.project_slug }}.inputs import FEATURES, NAMES
from {{ cookiecutter.project_slug }}.table import TABLE


@pytest.fixture(scope="module")
def frame(rows: Rows) -> pd.DataFrame:
    """The feature table."""
    return features.build(rows)


def test_each_row_with_a_target_makes_a_row_of_numbers(frame: pd.DataFrame, rows: Rows) -> None:
    needed = [TABLE.target, *filter(None, [TABLE.time])]
    assert len(frame) == len(rows.frame.dropna(subset=needed)) > 0
    for feature in FEATURES:
        values = frame[feature.name].to_numpy()
        assert values.dtype == np.float32
        assert not np.isinf(values).any()
        assert feature.missing or not np.isnan(values).any()


def test_no_group_is_split(frame: pd.DataFrame, rows: Rows) -> None:
    if not TABLE.group:
        pytest.skip("the problem has no group")
    named = rows.frame.dropna(subset=[TABLE.target])[TABLE.group].to_numpy()
    assert frame.groupby(named)["group"].nunique().max() == 1


def test_a_row_keeps_its_fold_when_others_come_and_go(rows: Rows) -> None:
    whole = features.build(rows)
    part = features.build(Rows(rows.frame.iloc[::3], rows.wrong))
    columns = ["group", "period", *NAMES]
    known = set(map(tuple, whole[columns].fillna(-1).to_numpy()))
    assert set(map(tuple, part[columns].fillna(-1).to_numpy())) <= known


def test_a_request_makes_the_inputs_that_its_row_has_in_training(
    rows: Rows, online: dict[str, Any], frame: pd.DataFrame
) -> None:
    request = {"rows": online["examples"]}
    service.check(request, online)
    asked, warnings = service.features(request, online)
    assert warnings == []
    seen = set(map(tuple, frame[list(NAMES)].fillna(-1).to_numpy()))
    assert set(map(tuple, np.nan_to_num(asked, nan=-1))) <= seen


def test_rows_of_a_csv_file_make_the_same_inputs_in_batch_and_in_requests(
    online: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    names = [column.name for column in TABLE.columns]
    cells = [["" if (v := row.get(name)) is None else v for name in names]
             for row in online["examples"]]  # fmt: skip
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([names, *cells])
    with file.open(newline="") as opened:
        (request,) = service.from_csv(list(csv.DictReader(opened)))
    asked, _ = service.features(request, online)
    ((raw, inputs),) = features.pieces(file, 1000)
    assert list(raw) == names
    assert np.array_equal(asked, inputs, equal_nan=True)
