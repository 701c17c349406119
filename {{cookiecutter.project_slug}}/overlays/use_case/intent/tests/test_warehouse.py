"""The dbt models count what `events.raw` counts, see no purchase, and compute new days only."""

import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import visits
import yaml
from smallboat.errors import FullDiskError, UserError
from smallboat.warehouse import dbt

from {{ cookiecutter.project_slug }}.events import COUNTED, prefix, raw
from {{ cookiecutter.project_slug }}.inputs import MOST_AFTER
from {{ cookiecutter.project_slug }}.warehouse import Warehouse, local

FIRST = {date: visits.day(date, 700) for date in visits.DAYS}
LATER = "2019-02-04"
SKU = "sku-01"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("snapshots")


@pytest.fixture(scope="module")
def first(store: Path) -> Warehouse:
    made = Warehouse(visits.write(store / "first", FIRST))
    made.build()
    return made


@pytest.fixture(scope="module")
def second(store: Path, first: Warehouse) -> Warehouse:
    """A day is as it was, of one all after a purchase is other, one went, one came."""
    same, changed, _ = visits.DAYS
    days = {
        same: FIRST[same],
        changed: visits.without_what_follows(FIRST[changed]),
        LATER: visits.day(LATER, 150),
    }
    visits.write(store / "second", days, previous="first")
    untouched = first.build().rename(store / "untouched.duckdb")
    other = shutil.copy(untouched, store / "other.duckdb")
    with duckdb.connect(str(other)) as connection:
        # Only a day that is not computed again keeps this.
        connection.execute(f"update features set clicks = 1000 where day = '{same}'")
    kept = other.rename(local.named(first.folder, other))
    made = Warehouse(store / "second")
    made.build()
    kept.unlink()
    untouched.rename(local.named(first.folder, untouched))
    return made


def _rows(made: visits.Day, catalog: dict[str, list[Any]]) -> dict[tuple[str, int], Any]:
    """What the model should see of a day, counted by Python: by session and events after."""
    found = {}
    for name, events in visits.requests(made).items():
        known = prefix(events)
        actions = [event.action for event in known]
        if "add" in actions:
            bought = any(event["action"] == "purchase" for event in events)
            place = actions.index("add") + 1
            for after in range(0, min(MOST_AFTER, len(known) - place) + 1, 2):
                counted = raw(known[: place + after], catalog)
                found[name, after] = [bought, *(counted[column] for column in COUNTED)]
    return found


def test_sql_counts_what_python_counts(first: Warehouse) -> None:
    catalog = json.loads(json.dumps(first.catalog()))
    expected = {}
    for made in FIRST.values():
        expected |= _rows(made, catalog)
    index = pd.MultiIndex.from_tuples(sorted(expected), names=["session_id", "after"])
    wanted = pd.DataFrame(
        [expected[key] for key in index], index, ["purchased", *COUNTED], dtype="float64"
    )
    found = visits.table(first).set_index(["session_id", "after"])
    pd.testing.assert_frame_equal(found[wanted.columns].astype("float64"), wanted, check_exact=True)
    assert len(found) > 3000
    assert 0.1 < wanted["purchased"].mean() < 0.9
    assert wanted["events"].max() > 300
    assert (wanted["events"] == 1).any()
    varied = wanted.max() > wanted.min()
    assert varied.all(), list(varied.index[~varied])


def test_rows_are_by_day_session_and_events(first: Warehouse) -> None:
    found = visits.table(first)
    keys = found[["day", "session_id", "after"]]
    pd.testing.assert_frame_equal(keys, keys.sort_values(list(keys), ignore_index=True))
    assert (found["day"] == found["session_id"].str[:10]).all()
    last = visits.table(first, newest=100)["session_id"].unique()
    assert list(last) == list(found["session_id"].unique()[-len(last) :])
    assert 50 < len(last) <= 100


def test_what_follows_the_first_purchase_changes_nothing(
    first: Warehouse, second: Warehouse
) -> None:
    changed = visits.DAYS[1]
    before, after = (
        visits.table(made).query(f"day == '{changed}'").reset_index(drop=True)
        for made in (first, second)
    )
    assert before["purchased"].sum() > 100
    pd.testing.assert_frame_equal(before, after)


def test_only_new_and_changed_days_are_computed(first: Warehouse, second: Warehouse) -> None:
    same, changed, gone = visits.DAYS
    found = visits.table(second)
    assert set(found["day"]) == {same, changed, LATER}
    assert gone not in set(found["day"])
    of_same = found["day"] == same
    assert (found.loc[of_same, "clicks"] == 1000).all()
    assert (found.loc[~of_same, "clicks"] < 1000).all()
    with duckdb.connect(str(second.build()), read_only=True) as connection:
        stale = connection.sql("select day from stale_days order by day").fetchall()
        assert stale == [(changed,), (LATER,)]


def test_an_incremental_build_ends_as_a_full_one(second: Warehouse, tmp_path: Path) -> None:
    full = tmp_path / "second"
    shutil.copytree(second.folder, full, ignore=shutil.ignore_patterns("cache", "snapshot.json"))
    found, expected = visits.table(second), visits.table(Warehouse(full))
    of_same = found["day"] == visits.DAYS[0]
    found.loc[of_same, "clicks"] = expected.loc[of_same, "clicks"]
    pd.testing.assert_frame_equal(found, expected)
    assert second.examples() == Warehouse(full).examples()


def test_a_product_that_is_known_otherwise_changes_the_days_that_met_it(
    store: Path, second: Warehouse, tmp_path: Path
) -> None:
    rare = "never sold"
    days = {
        visits.DAYS[0]: FIRST[visits.DAYS[0]],
        LATER: visits.day(LATER, 150),
        "2019-02-05": visits.Day([("one", "add", rare, 1_549_324_800_000, None)]),
    }
    visits.write(store / "third", days, previous="second")
    Warehouse(store / "third").build()
    catalog = {**visits.CATALOG, rare: [3, "top-9"]}
    visits.write(store / "fourth", days, catalog, previous="third")
    visits.write(tmp_path / "full", days, catalog)
    fourth = Warehouse(store / "fourth")
    found = visits.table(fourth)
    assert found.query("day == '2019-02-05'")["price"].tolist() == [3.0]
    with duckdb.connect(str(fourth.build()), read_only=True) as connection:
        stale = connection.sql("select day from stale_days").fetchall()
    assert stale == [("2019-02-05",)]
    assert fourth.catalog()[rare] == [3, "top-9"]


def test_what_is_there_is_not_built_again(
    first: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(dbt, "build", never)
    assert [Warehouse(first.folder).build()] == list((first.folder / "cache").iterdir())


def test_a_warehouse_that_was_changed_is_made_again(first: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "first"
    shutil.copytree(first.folder, folder)
    damaged = Warehouse(folder).build()
    with duckdb.connect(str(damaged)) as connection:
        connection.execute("update features set clicks = 1000")
    assert Warehouse(folder).build() != damaged
    pd.testing.assert_frame_equal(visits.table(Warehouse(folder)), visits.table(first))


def test_a_warehouse_that_was_changed_is_not_built_on(first: Warehouse, tmp_path: Path) -> None:
    shutil.copytree(first.folder, tmp_path / "first")
    with duckdb.connect(str(Warehouse(tmp_path / "first").build())) as connection:
        connection.execute("update features set clicks = 1000")
    made = Warehouse(visits.write(tmp_path / "second", FIRST, previous="first"))
    pd.testing.assert_frame_equal(visits.table(made), visits.table(first))


def test_a_broken_row_stops_the_build_and_names_test_and_model(tmp_path: Path) -> None:
    twice = visits.day(LATER, 20)
    folder = visits.write(tmp_path / "twice", {LATER: twice, "2019-02-05": twice})
    with pytest.raises(UserError, match=r"test unique_cart_sessions_session_id of cart_sessions"):
        Warehouse(folder).build()
    assert list((folder / "cache").iterdir()) == []


def test_a_broken_file_stops_the_build_and_names_the_model(tmp_path: Path) -> None:
    folder = visits.write(tmp_path / "broken", {LATER: visits.day(LATER, 20)})
    pd.DataFrame({"session_id_hash": ["one"]}).to_parquet(folder / f"browsing-{LATER}.parquet")
    message = r"model \w+ could not be built: .*product_action.*; see warehouse/models/\w+\.sql$"
    with pytest.raises(UserError, match=message) as raised:
        Warehouse(folder).build()
    assert not re.search(r"Error|LINE|Candidate|\n", str(raised.value))
    assert list((folder / "cache").iterdir()) == []


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    made = Warehouse(visits.write(tmp_path / "it's [1] *" / "x", {LATER: visits.day(LATER, 20)}))
    visits.write(tmp_path / "it's 1 ab" / "x", {LATER: visits.day(LATER, 5)})
    assert visits.table(made)["session_id"].nunique() > 5


def test_half_a_day_is_refused(tmp_path: Path) -> None:
    folder = visits.write(tmp_path / "half", {LATER: visits.Day()})
    (folder / f"search-{LATER}.parquet").unlink()
    with pytest.raises(UserError, match=f"{LATER} has one of its two files"):
        Warehouse(folder).build()
    (folder / f"browsing-{LATER}.parquet").unlink()
    with pytest.raises(UserError, match="it is no snapshot"):
        Warehouse(folder).build()


def test_without_the_models_it_says_where_they_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="there are no dbt models"):
        Warehouse(tmp_path).build()


def test_two_that_build_at_once_both_end_with_the_whole(tmp_path: Path) -> None:
    folder = visits.write(tmp_path / "both", {LATER: visits.day(LATER, 30)})
    code = (
        "import sys; from pathlib import Path; "
        "from {{ cookiecutter.project_slug }}.warehouse import Warehouse; "
        "print(sum(map(len, Warehouse(Path(sys.argv[1])).features())))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    rows = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert rows[0] == rows[1] != "0\n"
    assert Warehouse(folder).build() in (folder / "cache").iterdir()


def test_each_column_is_described() -> None:
    described = yaml.safe_load((dbt.PROJECT / "models" / "schema.yml").read_text())["models"]
    columns = {model["name"]: [each["name"] for each in model["columns"]] for model in described}
    assert columns["features"] == ["day", "session", "after", "purchased", *COUNTED]
    models = {path.stem for path in (dbt.PROJECT / "models").glob("*.sql")}
    assert models == set(columns)


def test_what_lies_in_the_log_of_a_database_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB leaves it there if the disk is full when it closes, and says nothing."""

    def unsettled(folder: Path, staged: Path) -> Path:
        with duckdb.connect(str(staged / local.FILE)) as connection:
            connection.execute("pragma disable_checkpoint_on_shutdown")
            connection.execute("create table features as select 1 as clicks")
        assert (staged / f"{local.FILE}.wal").stat().st_size
        return staged / local.FILE

    monkeypatch.setattr(local, "build", unsettled)
    state = Warehouse(tmp_path).build()
    with duckdb.connect(str(state)) as connection:
        assert connection.sql("from features").fetchall() == [(1,)]


def test_a_full_disk_is_told_and_no_half_of_a_warehouse_is_kept(tmp_path: Path) -> None:
    made = Warehouse(visits.write(tmp_path / "first", FIRST))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, before[1]))
    try:
        with pytest.raises(
            FullDiskError, match=r"could not use warehouse\.duckdb.* bytes free: File"
        ):
            made.build()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((made.folder / "cache").iterdir()) == []
    made.build()
    assert made.newest()
