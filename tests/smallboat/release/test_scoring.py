"""`make score`: a file's rows with the answers of what is served, or of a run."""

import csv
from pathlib import Path
from typing import Any

import bundles
import pytest
from bundles import PLAIN
from smallboat.errors import RequestError, UserError
from smallboat.release import scoring
from toy import service
from toy.problem import PROBLEM
from toy_project import lay

HEADER = ["distance", "floor", "depot"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy project with one run, which is not released."""
    folder = lay(tmp_path_factory.mktemp("scored"))
    bundles.empty(folder / "store").keep("1", PLAIN)
    return folder


@pytest.fixture
def score(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Scores rows of text with run 1; returns those of the file that was written."""
    monkeypatch.chdir(project)

    def scored(rows: list[list[str]], header: list[str] = HEADER, run: str | None = "1") -> Any:
        source, target = tmp_path / "in.csv", tmp_path / "made" / "out.csv"
        with source.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        assert scoring.score(PROBLEM, "local", str(source), str(target), run) == 0
        with target.open(newline="") as file:
            return list(csv.DictReader(file))

    return scored


def answers(project: Path, rows: list[list[str]]) -> list[Any]:
    """What the same model answers to requests."""
    evaluation = bundles.store.read_json(project / "store" / "runs" / "1" / "evaluation.json")
    online = bundles.store.read_json(project / "store" / "runs" / "1" / "online_features.json")
    requests = service.from_csv([dict(zip(HEADER, row, strict=True)) for row in rows])
    (request,) = requests
    features, _ = service.features(request, online)
    onnx = (project / "store" / "runs" / "1" / "model.onnx").read_bytes()
    return service.predictions(
        request, bundles.bundle.predict(onnx, features), features, evaluation
    )


def test_each_row_gets_the_answer_that_a_request_gets(score: Any, project: Path) -> None:
    rows = [[str(n % 7 + 1), str(n % 3), "hill"] for n in range(50)]
    found = score(rows)
    told = {row["minutes"] for row in found}
    assert len(found) == 50
    assert told == {str(answer["minutes"]) for answer in answers(project, rows)}


def test_batches_of_any_size_say_the_same(score: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[str(n % 7 + 1), str(n % 3), "market"] for n in range(40)]
    whole = score(rows)
    monkeypatch.setattr(scoring, "BATCH", 7)
    assert score(rows) == whole


def test_rows_that_make_one_request_stay_together(
    score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    known = service.from_csv

    def from_csv(rows: Any) -> Any:
        seen.append(len(rows))
        return known([{name: row[name] for name in HEADER} for row in rows])

    monkeypatch.setattr(service, "from_csv", from_csv)
    monkeypatch.setattr(service, "TOGETHER", ("van",), raising=False)
    monkeypatch.setattr(scoring, "BATCH", 3)
    rows = [[van, "5", "1", "hill"] for van in "aabbbbba"]
    found = score(rows, header=["van", *HEADER])
    assert seen == [2, 5, 1]
    assert [row["van"] for row in found] == list("aabbbbba")


def test_rows_that_make_a_wrong_request_are_told_with_their_lines(
    score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(request: Any, online: Any) -> None:
        if len(request["parcels"]) == 2:
            raise RequestError("parcels", "are two")

    known = service.from_csv

    def from_csv(rows: Any) -> Any:
        return known([{name: row[name] for name in HEADER} for row in rows])

    monkeypatch.setattr(service, "from_csv", from_csv)
    monkeypatch.setattr(service, "check", check)
    monkeypatch.setattr(service, "TOGETHER", ("van",), raising=False)
    rows = [[van, "5", "1", "hill"] for van in "abbbcca"]
    with pytest.raises(UserError, match=r"in\.csv, lines 6 to 7: parcels are two; correct it"):
        score(rows, header=["van", *HEADER])


def test_a_wrong_cell_is_told_and_nothing_is_written(score: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"in\.csv, line 3: .*distance must be number; correct it"):
        score([["5", "1", "hill"], ["far", "1", "hill"]])
    assert list((tmp_path / "made").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\xff,b\n", "is not CSV in UTF-8"),
        (b'distance,floor,depot\n1,2,"x\n', "is not CSV in UTF-8"),
        (b"distance,floor,depot\n", r"in\.csv has no rows to score"),
        (b"distance,floor,depot\n1,2,x,4\n", r"in\.csv, line 2 has more cells than the header"),
    ],
)
def test_what_is_no_csv_is_told(
    project: Path, tmp_path: Path, monkeypatch: Any, content: bytes, message: str
) -> None:
    monkeypatch.chdir(project)
    file = tmp_path / "in.csv"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        scoring.score(PROBLEM, "local", str(file), str(tmp_path / "out.csv"), "1")


def test_wrong_arguments_are_told(project: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(project)
    file = tmp_path / "in.csv"
    with pytest.raises(UserError, match="is no file: name a CSV file with FILE="):
        scoring.score(PROBLEM, "local", str(file), "out.csv", "1")
    file.write_text("distance,floor,depot\n")
    with pytest.raises(UserError, match="is the file that is scored"):
        scoring.score(PROBLEM, "local", str(file), str(file), "1")
    with pytest.raises(UserError, match="or name a run with RUN="):
        scoring.score(PROBLEM, "local", str(file), str(tmp_path / "out.csv"), None)


def test_a_table_is_scored_in_pieces_by_its_columns(
    score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    import pandas as pd
    from toy import features

    def pieces(file: Path, rows: int) -> Any:
        for raw in pd.read_csv(file, dtype=str, chunksize=20):
            yield raw, np.tile(np.float32([5, 1, 25]), (len(raw), 1))

    def columns(answers: Any, evaluation: Any) -> Any:
        return {"minutes": answers}

    monkeypatch.setattr(features, "pieces", pieces, raising=False)
    monkeypatch.setattr(service, "columns", columns, raising=False)
    found = score([["5", "", "hill"]] * 50)
    assert found == [{"distance": "5", "floor": "", "depot": "hill", "minutes": "25.0"}] * 50
    again = score([["5", "7.0", "", "hill"]], ["distance", "minutes", "floor", "depot"])
    assert again == found[:1]
