"""Tests of the raw tables: sources, the rule for shared cars, and every wrong input."""

import gzip
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from ergast_tables import raw, small, write
from hypothesis import given, settings
from hypothesis import strategies as st
from smallboat import text_tables
from smallboat.errors import UserError
from smallboat.validation import validation

from {{ cookiecutter.project_slug }} import data, expectations
from {{ cookiecutter.project_slug }}.sources import ergast


def collected(directory: Path, folder: Path) -> data.Tables:
    folder.mkdir()
    data.collect({"source": "files", "directory": str(directory)}, folder)
    return data.read(folder)


@pytest.fixture
def tables(tmp_path: Path) -> data.Tables:
    return collected(write(small(), tmp_path / "tables"), tmp_path / "snapshot")


def test_columns_are_typed_and_named(tables: data.Tables) -> None:
    kinds = {
        table: {column: frame[column].dtype.kind for column in frame}
        for table, frame in tables.items()
    }
    ids = {"race_id": "O", "driver_id": "O", "constructor_id": "O"}
    assert kinds["races"] == {
        "race_id": "O", "year": "i", "round": "i", "circuit_id": "O", "name": "O", "date": "M"
    }  # fmt: skip
    assert kinds["results"] == ids | {
        "grid": "i", "position": "i", "position_text": "O", "position_order": "i",
        "points": "f", "laps": "i", "status_id": "O",
    }  # fmt: skip
    assert kinds["qualifying"] == ids | {"position": "i", "q1": "f", "q2": "f", "q3": "f"}
    assert list(tables["drivers"]) == ["driver_id", "ref", "code", "dob", "nationality", "name"]
    assert list(tables["constructors"]) == ["constructor_id", "ref", "name", "nationality"]
    assert list(tables["circuits"]) == ["circuit_id", "ref", "name", "location", "country"]
    assert tables["results"]["position"].dtype == "Int64"
    assert tables.keys() == ergast.SCHEMA.keys()


def test_values_mean_what_they_should(tables: data.Tables) -> None:
    first = tables["qualifying"].iloc[0]
    assert first[["q1", "q2", "q3"]].tolist() == [81.5, 81.25, 59.125]
    assert tables["qualifying"]["q2"].isna().sum() == 12
    last = tables["results"].iloc[17]
    assert pd.isna(last["position"])
    assert (last["position_text"], last["position_order"]) == ("R", 18)
    assert tables["races"]["date"].iloc[0] == pd.Timestamp("2021-01-15")
    driver = tables["drivers"].set_index("driver_id").loc["2"]
    assert driver["name"] == "Zoë Racer2"
    assert tables["drivers"]["code"].isna().tolist() == [True] + [False] * 17
    assert tables["circuits"]["location"].iloc[0] == "Town, by the sea"


@settings(deadline=None)
@given(minutes=st.integers(0, 59), millis=st.integers(0, 59_999))
def test_a_time_is_read_in_seconds(minutes: int, millis: int) -> None:
    text = f"{minutes}:{millis // 1000:02d}.{millis % 1000:03d}"
    table = pd.DataFrame(
        {"raceId": ["1"], "driverId": ["1"], "constructorId": ["1"], "position": ["1"]}
        | {"q1": [text], "q2": [f"{millis / 1000:.3f}"], "q3": [None]},
        dtype="str",
    )
    found = text_tables.typed(table, ergast.SCHEMA["qualifying"], "qualifying.csv")
    assert found["q1"].iloc[0] == pytest.approx(60 * minutes + millis / 1000, abs=1e-9)
    assert found["q2"].iloc[0] == pytest.approx(millis / 1000, abs=1e-9)


def test_what_is_said_of_a_snapshot(tmp_path: Path) -> None:
    tables = small()
    tables["races"].loc[12] = ["13", "2023", "1", "1", "To come", "2023-03-01"]
    directory = write(tables, tmp_path / "tables")
    (directory / "LICENSE-made-up.txt").write_text("Free")
    (tmp_path / "out").mkdir()
    said = data.collect({"source": "files", "directory": str(directory)}, tmp_path / "out")
    assert said["data_until"] == "2022-11-15"
    assert said["rows"]["results"] == 216
    assert said["rows"]["races"] == 13
    assert said["licence"] == "see LICENSE-made-up.txt beside the files"
    assert str(directory) in said["source"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_input_gives_the_same_bytes_zipped_or_not(tmp_path: Path) -> None:
    plain = write(small(), tmp_path / "plain")
    zipped = write(small(), tmp_path / "zipped", zipped=True)
    collected(plain, tmp_path / "one")
    collected(plain, tmp_path / "two")
    collected(zipped, tmp_path / "three")
    collected(tmp_path / "one", tmp_path / "four")
    one = contents(tmp_path / "one")
    assert set(one) == {f"{table}.csv" for table in ergast.SCHEMA}
    for name in ("two", "three", "four"):
        assert contents(tmp_path / name) == one


def test_a_folder_may_lack_sprints(tmp_path: Path) -> None:
    tables = small()
    del tables["sprint_results"]
    sprints = collected(write(tables, tmp_path / "tables"), tmp_path / "out")["sprint_results"]
    assert len(sprints) == 0
    assert "points" in sprints


def test_a_byte_order_mark_and_more_columns_do_no_harm(tmp_path: Path) -> None:
    tables = small()
    tables["races"]["url"] = "https://example.org"
    directory = write(tables, tmp_path / "tables")
    path = directory / "races.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert "url" not in collected(directory, tmp_path / "out")["races"]


def cut(path: Path) -> None:
    content = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_suffix(".csv.gz").write_bytes(content[: len(content) // 2])


def not_gzip(path: Path) -> None:
    path.rename(path.with_suffix(".csv.gz"))


def zipped_too(path: Path) -> None:
    path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))


def linked(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("elsewhere")))


def swollen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x" * 2**25)


def bomb(path: Path) -> None:
    swollen(path)
    zipped_too(path)
    path.unlink()


def replaced(old: bytes, new: bytes) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.write_bytes(path.read_bytes().replace(old, new, 1))

    return replace


def changed(column: str, value: str | None) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame.loc[4, column] = r"\N" if value is None else value
        frame.to_csv(path, index=False)

    return change


@pytest.mark.parametrize(
    ("table", "harm", "message"),
    [
        ("status", Path.unlink, r"lacks status\.csv; it must hold races, .*\.csv\.gz"),
        ("results", replaced(b"grid", b"start"), r"results\.csv lacks the column grid; .*needs"),
        ("results", cut, r"results\.csv\.gz is not a whole gzip file"),
        ("results", not_gzip, r"results\.csv\.gz is not a whole gzip file"),
        ("drivers", replaced("ë".encode(), b"\xeb"), r"drivers\.csv, line 3 is not UTF-8"),
        (
            "races",
            lambda path: path.write_bytes(b""),
            r"races\.csv is empty; it needs a header line",
        ),
        (
            "races",
            replaced(b"name,", b""),
            r"races\.csv, line 2 has 6 values, and the header line has 5",
        ),
        (
            "races",
            replaced(b"\n2,", b"\n2,2,2,"),
            r"races\.csv, line 3 has 8 values, and the header line has 6 names; it is torn",
        ),
        (
            "races",
            replaced(b"\n2,", b'\n"2,'),
            r"races\.csv, line 3 has a quotation mark that is n",
        ),
        (
            "races",
            lambda path: path.write_bytes(path.read_bytes()[:-20]),
            r"races\.csv, line 13 has \d values, and",
        ),
        ("results", changed("grid", "x"), r"results\.csv, line 6, column grid: 'x' is not a whole"),
        ("results", changed("grid", "1.5"), r"line 6, column grid: '1\.5' is not a whole number"),
        ("results", changed("points", "nan"), r"line 6, column points: 'nan' is not a number"),
        ("results", changed("points", "inf"), r"line 6, column points: 'inf' is not a number"),
        (
            "results",
            changed("points", None),
            r"line 6, column points: there is no value; it needs a num",
        ),
        ("results", changed("position", "first"), r"line 6, column position: 'first' is not a who"),
        (
            "races",
            changed("date", "15/01/2021"),
            r"line 6, column date: '15/01/2021' is not a date",
        ),
        (
            "races",
            changed("date", "2021-02-30"),
            r"line 6, column date: '2021-02-30' is not a date",
        ),
        ("races", changed("date", "9999-12-31"), r"is not a date such as .*, from 1850 to 2100"),
        (
            "races",
            changed("date", "0001-01-01"),
            r"races\.csv, line 6, column date: '0001-01-01' is",
        ),
        (
            "drivers",
            changed("dob", "1066-10-14"),
            r"drivers\.csv, line 6, column dob: '1066-10-14' i",
        ),
        ("races", changed("year", "99999"), r"line 6, column year: '99999' is not a year such as"),
        ("races", changed("year", "0"), r"races\.csv, line 6, column year: '0' is not a year"),
        (
            "qualifying",
            changed("q3", "9" * 400 + ":0"),
            r"line 6, column q3: '9{80}' is not a time",
        ),
        (
            "races",
            changed("name", "a\x1b[31mb"),
            r"line 6, column name: .* is not text without cont",
        ),
        ("races", replaced(b"\n2,", b"\n2\0,"), r"races\.csv, line 3 has a null byte"),
        ("races", zipped_too, r"has races as \.csv and as \.csv\.gz; keep one of them"),
        ("results", linked, r"results\.csv is a symbolic link"),
        ("sprint_results", linked, r"sprint_results\.csv is a symbolic link"),
        ("results", swollen, r"results\.csv has more than 32 MiB, far more than a table of this"),
        ("results", bomb, r"results\.csv\.gz unpacks to more than 100 times its size"),
        ("qualifying", changed("q3", "1m20"), r"line 6, column q3: '1m20' is not a time such as"),
        ("results", lambda path: path.write_text(path.read_text().split("\n")[0]), r"No race of "),
    ],
)
def test_a_wrong_file_is_a_sentence_and_nothing_is_written(
    table: str, harm: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    directory = write(small(), tmp_path / "tables")
    harm(directory / f"{table}.csv")
    with pytest.raises(UserError, match=message):
        collected(directory, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_wrong_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no folder .*missing; name a folder"):
        collected(tmp_path / "missing", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty lacks races\.csv, results\.csv, qualifying\.csv"):
        collected(tmp_path / "empty", tmp_path / "out2")


HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "semicolons": lambda text: text.replace(b",", b";").replace(b"Town; by", b"Town, by"),
    "tabs": lambda text: text.replace(b",", b"\t").replace(b"Town\t by", b"Town, by"),
    "crlf": lambda text: text.replace(b"\n", b"\r\n"),
    "cr": lambda text: text.replace(b"\n", b"\r"),
    "mark": lambda text: b"\xef\xbb\xbf" + text,
    "trailing": lambda text: text.replace(b"\n", b",\n"),
    "index": lambda text: b"," + b"\n0,".join(text.rstrip().split(b"\n")) + b"\n",
    "spaces": lambda text: text.replace(b",", b", ").replace(b"Town,  by", b"Town, by"),
    "empty_lines": lambda text: text.replace(b"\n", b"\n\n,,,\n"),
    "no_end": lambda text: text.rstrip(),
}


@pytest.mark.parametrize("harm", HARMLESS)
def test_what_spreadsheets_and_pandas_do_to_a_file_is_read(harm: str, tmp_path: Path) -> None:
    directory = write(small(), tmp_path / "tables [1] *")
    collected(directory, tmp_path / "plain")
    for path in directory.iterdir():
        path.write_bytes(HARMLESS[harm](path.read_bytes()))
    collected(directory, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")


def test_a_value_of_two_lines_keeps_the_count_of_lines(tmp_path: Path) -> None:
    directory = write(small(), tmp_path / "tables")
    path = directory / "races.csv"
    path.write_bytes(path.read_bytes().replace(b"Grand Prix 1", b'"Grand\nPrix"', 1))
    assert collected(directory, tmp_path / "out")["races"]["name"].iloc[0] == "Grand\nPrix"
    changed("date", "1/3/2021")(path)
    with pytest.raises(UserError, match=r"line 7, column date: '1/3/2021' is not a date such as"):
        collected(directory, tmp_path / "out2")


@pytest.mark.parametrize("value", ["01:23.5", "1:23", "0:01:23", "nan", "1,5", "0.05787"])
def test_a_time_that_a_spreadsheet_has_changed_is_refused(value: str, tmp_path: Path) -> None:
    directory = write(small(), tmp_path / "tables")
    changed("q1", value)(directory / "qualifying.csv")
    if value == "0.05787":  # a day's fraction: it is a number of seconds, and none of a lap
        tables = collected(directory, tmp_path / "out")
        report = validation.run(expectations.raw(None), expectations.views(tables))
        assert "q1 is between 30 and 1800" in {error["description"] for error in report.errors}
        return
    with pytest.raises(UserError, match=rf"line 6, column q1: '{value}' is not a time such as"):
        collected(directory, tmp_path / "out")


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "UTC"])
def test_a_time_zone_changes_no_byte(
    zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = write(small(), tmp_path / "tables")
    collected(directory, tmp_path / "here")
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        collected(directory, tmp_path / "there")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.csv").symlink_to("/dev/full")
    directory = write(small(), tmp_path / "tables")
    with pytest.raises(OSError, match="No space left"):
        data.collect({"source": "files", "directory": str(directory)}, tmp_path / "out")


def race(year: int, rows: list[tuple[str, int, int | None, str, float, int]]) -> pd.DataFrame:
    """Results of one race (driver, grid, position, text, points, laps), in finishing order."""
    frame = pd.DataFrame(
        rows, columns=["driverId", "grid", "position", "positionText", "points", "laps"]
    )
    frame = frame.assign(raceId="1", positionOrder=range(1, len(rows) + 1))
    return frame.astype({"position": "Int64"})


SHARED = [
    ("starter", 7, 1, "1", 4.0, 77),
    ("champion", 0, 1, "1", 5.0, 0),
    ("third", 6, 2, "2", 6.0, 77),
    ("champion", 1, 11, "11", 0.5, 55),
    ("engine", 4, None, "R", 0.0, 20),
]
"""A champion takes over the winning car, after another man has taken over his."""


def normalised(year: int, results: pd.DataFrame) -> pd.DataFrame:
    races = pd.DataFrame({"raceId": ["1"], "year": [year]})
    return data.one_row_a_driver(results, races)


def test_a_shared_car_leaves_one_row_a_driver_and_one_winner() -> None:
    found = normalised(1951, race(1951, SHARED))
    assert found["driverId"].tolist() == ["starter", "champion", "third", "engine"]
    assert found["positionOrder"].tolist() == [1, 2, 3, 4]
    assert found["position"].tolist() == [1, 2, 3, pd.NA]
    assert found["positionText"].tolist() == ["1", "2", "3", "R"]
    champion = found.iloc[1]
    assert (champion["grid"], champion["points"], champion["laps"]) == (1, 5.5, 55)


def test_a_driver_twice_in_a_modern_race_is_left_for_validation_to_refuse() -> None:
    results = race(1979, SHARED)
    pd.testing.assert_frame_equal(normalised(1979, results), results)


places = st.lists(
    st.tuples(st.integers(0, 7), st.booleans(), st.booleans()), min_size=1, max_size=9
)


@settings(deadline=None)
@given(places)
def test_any_old_race_ends_with_a_ranking(entries: list[tuple[int, bool, bool]]) -> None:
    entries = sorted(entries, key=lambda entry: not entry[1])
    rows, position = [], 0
    for driver, finished, same_car in entries:
        position += not (same_car and position)
        place = position if finished else None
        rows.append((f"d{driver}", driver, place, str(place) if place else "R", 1.0, 10))
    results = race(1953, rows)
    found = normalised(1953, results)
    assert found["driverId"].is_unique
    assert set(found["driverId"]) == set(results["driverId"])
    assert found["points"].sum() == results["points"].sum()
    assert found["positionOrder"].tolist() == list(range(1, len(found) + 1))
    if results["position"].notna().any():
        assert (found["position"] == 1).sum() == 1


def test_real_shared_cars(real_f1_1950: Path, tmp_path: Path) -> None:
    tables = collected(real_f1_1950, tmp_path / "out")
    results: pd.DataFrame = tables["results"].merge(
        tables["races"][["race_id", "year"]], on="race_id"
    )
    assert len(results) == 26_811 - 95
    assert not results.duplicated(["race_id", "driver_id"]).any()
    ranking = results.groupby("race_id")["position_order"].agg(["min", "max", "nunique", "size"])
    assert (ranking["min"] == 1).all()
    assert (ranking["max"] == ranking["size"]).all()
    assert (ranking["nunique"] == ranking["size"]).all()
    assert (results[results["position"] == 1].groupby("race_id").size() == 1).all()

    before = raw(real_f1_1950)["results"].astype({"points": float})
    after = results.groupby("driver_id")["points"].sum()
    pd.testing.assert_series_equal(
        after, before.groupby("driverId")["points"].sum(), check_names=False
    )


def test_real_modern_results_are_left_as_they_are(real_f1: Path, tmp_path: Path) -> None:
    found = collected(real_f1, tmp_path / "out")["results"]
    given_rows = raw(real_f1)["results"]
    assert found["driver_id"].tolist() == given_rows["driverId"].tolist()
    assert found["position_order"].tolist() == given_rows["positionOrder"].astype(int).tolist()
    assert found["position"].isna().tolist() == given_rows["position"].isna().tolist()


def test_real_points_add_up_to_the_final_standings(real_f1: Path, tmp_path: Path) -> None:
    tables = collected(real_f1, tmp_path / "out")
    races = tables["races"].sort_values(["year", "round"])
    year = races.set_index("race_id")["year"]
    scored = pd.concat([tables["results"], tables["sprint_results"]])
    added = scored.groupby([scored["race_id"].map(year).rename("year"), "driver_id"])[
        "points"
    ].sum()
    last = races.drop_duplicates("year", keep="last")
    standings = tables["driver_standings"].merge(last[["race_id", "year"]], on="race_id")
    final = standings.set_index(["year", "driver_id"])["points"]
    assert len(final) > 300
    pd.testing.assert_series_equal(
        final.sort_index(), added.loc[final.index].sort_index(), check_names=False
    )
    ids = tables["drivers"].set_index("ref")["driver_id"]
    champions = {
        (2010, "vettel"): 256,
        (2021, "max_verstappen"): 395.5,
        (2023, "max_verstappen"): 575,
    }
    for (season, ref), points in champions.items():
        assert final.loc[(season, ids[ref])] == points
