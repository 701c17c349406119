"""Tests of the API client against a local server that speaks the API's shape."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ergast_tables import Raw, raw, small, write
from jolpica_server import Api, Fault, serving
from smallboat import json_api, rate_limit
from smallboat.errors import UserError
from smallboat.validation import validation

from {{ cookiecutter.project_slug }} import data, expectations, features
from {{ cookiecutter.project_slug }}.sources import jolpica

FULL = 8
"""Requests for a season of the small tables: results and qualifying have two pages."""

AFTER = dt.date(2026, 1, 1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting, and no proxy between the client and loopback."""
    monkeypatch.setattr(json_api, "BACKOFF", 0.001)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def api() -> Iterator[Api]:
    with serving(small()) as server:
        yield server


def config(api: Api, folder: Path, first: int = 2021, last: int = 2022) -> dict[str, Any]:
    return {
        "source": "api",
        "url": api.url,
        "first_season": first,
        "last_season": last,
        "requests_per_second": 1000,
        "requests_per_hour": 100_000,
        "cache": str(folder / "cache"),
    }


def collected(settings: dict[str, Any], folder: Path) -> data.Tables:
    folder.mkdir()
    data.collect(settings, folder)
    return data.read(folder)


def by_reference(tables: data.Tables) -> data.Tables:
    """The tables with references (and season and round) for ids, in one order, entities as met."""
    races = tables["races"]
    names = {
        "race_id": races.set_index("race_id").apply(lambda r: f"{r.year}-{r['round']:02d}", axis=1),
        "status_id": tables["status"].set_index("status_id")["status"],
    }
    for entity in ("driver", "constructor", "circuit"):
        names[f"{entity}_id"] = tables[f"{entity}s"].set_index(f"{entity}_id")["ref"]
    found = {}
    for table, frame in tables.items():
        for column in set(names) & set(frame):
            frame = frame.assign(**{column: frame[column].map(names[column]).astype("str")})
        order = [c for c in ("race_id", "driver_id", "constructor_id", "circuit_id") if c in frame]
        order = order or ["status_id"]
        found[table] = frame.sort_values(order).reset_index(drop=True)
    return found


def of_season(tables: data.Tables, season: int) -> data.Tables:
    """A season's rows, the standings after its last race, and the entities that it names."""
    races = tables["races"].query("year == @season")
    last = races.sort_values("round")["race_id"].iloc[-1]
    found = {"races": races}
    for table in ("results", "qualifying", "sprint_results"):
        found[table] = tables[table][tables[table]["race_id"].isin(races["race_id"])]
    for table in ("driver_standings", "constructor_standings"):
        found[table] = tables[table][tables[table]["race_id"] == last]
    for table, column in (
        ("drivers", "driver_id"),
        ("constructors", "constructor_id"),
        ("circuits", "circuit_id"),
        ("status", "status_id"),
    ):
        met = pd.concat([f[column] for f in found.values() if column in f])
        found[table] = tables[table][tables[table][column].isin(met)]
    return found


def assert_same(one: data.Tables, other: data.Tables) -> None:
    assert one.keys() == other.keys()
    for table, frame in one.items():
        pd.testing.assert_frame_equal(frame, other[table][list(frame)], obj=table)


@pytest.mark.parametrize("season", [2010, 2023])
def test_api_gives_what_files_give(season: int, real_f1: Path, tmp_path: Path) -> None:
    tables = raw(real_f1)
    with serving(tables) as api:
        from_api = collected(config(api, tmp_path, season, season), tmp_path / "api")
    from_files = collected({"source": "files", "directory": str(real_f1)}, tmp_path / "files")
    assert_same(by_reference(from_api), by_reference(of_season(from_files, season)))


def test_shared_cars_are_the_same_from_the_api(real_f1_1950: Path, tmp_path: Path) -> None:
    with serving(raw(real_f1_1950)) as api:
        from_api = collected(config(api, tmp_path, 1951, 1951), tmp_path / "api")
    from_files = collected({"source": "files", "directory": str(real_f1_1950)}, tmp_path / "files")
    from_api, from_files = of_season(from_api, 1951), of_season(from_files, 1951)
    assert_same(by_reference(from_api), by_reference(from_files))


def test_small_tables_are_the_same_from_both(api: Api, tmp_path: Path) -> None:
    from_api = collected(config(api, tmp_path, 2022, 2022), tmp_path / "api")
    directory = str(write(small(), tmp_path / "tables"))
    from_files = collected({"source": "files", "directory": directory}, tmp_path / "files")
    assert_same(by_reference(from_api), by_reference(of_season(from_files, 2022)))


def test_a_race_split_over_two_pages_is_whole(api: Api, tmp_path: Path) -> None:
    results = jolpica.fetch(config(api, tmp_path), AFTER)["results"]
    assert "2021/results 100" in api.requests
    assert (results.groupby("raceId").size() == 18).all()
    assert not results.duplicated(["raceId", "driverId"]).any()


def test_retired_drivers_have_no_position(api: Api, tmp_path: Path) -> None:
    results = jolpica.fetch(config(api, tmp_path), AFTER)["results"]
    retired = results[results["positionText"] == "R"]
    assert len(retired) == 12
    assert retired["position"].isna().all()
    assert (retired["positionOrder"] == 18).all()


def test_coarse_words_for_the_status_are_taken_as_they_are(tmp_path: Path) -> None:
    tables = small()
    tables["status"]["status"] = ["Finished", "Retired"]
    with serving(tables) as api:
        status = jolpica.fetch(config(api, tmp_path), AFTER)["status"]
    assert status.to_dict("list") == {
        "statusId": ["Finished", "Retired"],
        "status": ["Finished", "Retired"],
    }


def test_a_season_that_is_over_is_asked_for_once(api: Api, tmp_path: Path) -> None:
    first = jolpica.fetch(config(api, tmp_path), AFTER)
    assert len(api.requests) == 2 * FULL
    assert len(set(api.requests)) == len(api.requests)
    api.requests.clear()
    second = jolpica.fetch(config(api, tmp_path), AFTER)
    assert api.requests == []
    assert_same(first, second)


def test_the_season_under_way_is_asked_for_again_whole(api: Api, tmp_path: Path) -> None:
    settings = config(api, tmp_path)
    api.hide_after(2022, 4)
    before = jolpica.fetch(settings, dt.date(2022, 7, 20))
    assert before["results"]["raceId"].max() == "2022-04"
    assert before["races"]["raceId"].max() == "2022-06"
    api.requests.clear()

    api.hide_after(2022, 5)
    after = jolpica.fetch(settings, dt.date(2022, 9, 16))
    assert after["results"]["raceId"].max() == "2022-05"
    standings = after["driver_standings"]["raceId"].unique()
    assert list(standings) == ["2021-06", "2022-05"]
    results = [request for request in api.requests if "standings" not in request]
    assert {request.split("/")[0] for request in results} == {"2022"}


@pytest.mark.parametrize(("day", "again"), [(31, True), (32, False)])
def test_a_season_is_asked_for_again_until_february(
    api: Api, tmp_path: Path, day: int, again: bool
) -> None:
    first = dt.date(2023, 1, 1) + dt.timedelta(days=day - 1)
    jolpica.fetch(config(api, tmp_path, 2022), first)
    api.requests.clear()
    jolpica.fetch(config(api, tmp_path, 2022), AFTER)
    assert bool([r for r in api.requests if "standings" not in r]) is again


def corrected(tables: Raw) -> Raw:
    """Stewards swap the places 3 and 7 of the fourth race of 2022; the standings follow."""
    results = tables["results"]
    places = [
        results.index[(results["raceId"] == "10") & (results["positionOrder"] == place)][0]
        for place in ("3", "7")
    ]
    for column in ("driverId", "constructorId", "grid"):
        results.loc[places, column] = results.loc[places[::-1], column].to_numpy()
    for table, key in (
        ("driver_standings", "driverId"),
        ("constructor_standings", "constructorId"),
    ):
        standings = tables[table]
        for place, more in zip(places, (9, -9), strict=True):
            rows = standings["raceId"].isin(["10", "11", "12"])
            rows &= standings[key] == results.loc[place, key]
            points = standings.loc[rows, "points"].astype(int) + more
            standings.loc[rows, "points"] = points.astype(str)
    return tables


def examined(tables: data.Tables) -> validation.Report:
    return validation.run(expectations.raw(None), expectations.views(tables))


def test_a_corrected_result_is_taken_over_and_told(
    api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = config(api, tmp_path)
    api.hide_after(2022, 4)
    jolpica.fetch(settings, dt.date(2022, 7, 20))
    assert "changed" not in capsys.readouterr().out
    api.know(corrected(small()))
    api.hide_after(2022, 5)
    for day in (dt.date(2022, 9, 20), dt.date(2022, 11, 20), dt.date(2023, 2, 20)):
        found = jolpica.fetch(settings, day)
        told = capsys.readouterr().out
        row = "2022 round 4 (Grand Prix 4), results: Ada Racer3"
        changed = f"{row}: position from 3 to 7, positionOrder from 3 to 7, points from 15 to 6"
        assert (f"The API has changed {changed}" in told) is (day.month == 9)
        assert told.count("The API has changed") == 2 * (day.month == 9)
        assert not examined({t: data._renamed(frame) for t, frame in found.items()}).errors


def test_results_that_are_kept_and_contradict_newer_standings_are_asked_for_again(
    api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = config(api, tmp_path)
    jolpica.fetch(settings, dt.date(2023, 2, 20))
    api.know(corrected(small()))
    api.requests.clear()
    capsys.readouterr()
    found = jolpica.fetch(settings, dt.date(2023, 6, 1))
    told = capsys.readouterr().out
    assert "The results of 2022 that are kept do not add up to the standings" in told
    assert "(points: driver_03 +9, driver_05 -9)" in told
    assert "The API has changed 2022 round 4 (Grand Prix 4), results: " in told
    assert {r.split("/")[0] for r in api.requests} == {"2022"}
    assert not examined({t: data._renamed(frame) for t, frame in found.items()}).errors
    api.requests.clear()
    jolpica.fetch(settings, AFTER)
    jolpica.fetch(settings, AFTER)
    assert [r for r in api.requests if "standings" not in r] == []


@pytest.mark.parametrize("value", [None, "", " "])
def test_a_grid_place_that_is_not_told_is_unknown(api: Api, tmp_path: Path, value: Any) -> None:
    tables = small()
    tables["results"].loc[tables["results"]["raceId"] == "12", ["grid", "laps"]] = value
    api.know(tables)
    found = collected(config(api, tmp_path), tmp_path / "snapshot")
    newest = found["results"]["race_id"] == "2022-06"
    assert found["results"].loc[newest, ["grid", "laps"]].isna().all(axis=None)
    assert found["results"].loc[~newest, ["grid", "laps"]].notna().all(axis=None)
    report = examined(found)
    assert not report.errors
    (warning,) = (w for w in report.warnings if "start place" in w["description"])
    assert warning["unexpected"] == ["2022 round 6: 1"]
    built = features.build(found)
    race = built[built["group"] == "2022-06"]
    assert race["grid"].tolist() == race["qualifying"].tolist() == list(range(1, 19))


def cancelled(tables: Raw) -> Raw:
    """The second race of 2022 does not take place; nobody scores in it."""
    for table, key in (
        ("driver_standings", "driverId"),
        ("constructor_standings", "constructorId"),
    ):
        results, standings = tables["results"], tables[table]
        lost = (
            results[results["raceId"] == "8"].astype({"points": int}).groupby(key)["points"].sum()
        )
        later = standings["raceId"].isin(["8", "9", "10", "11", "12"])
        points = standings.loc[later, "points"].astype(int)
        points -= standings.loc[later, key].map(lost).astype(int)
        standings.loc[later, "points"] = points.astype(str)
    for table in set(tables) - {"races"}:
        if "raceId" in tables[table]:
            tables[table] = tables[table][tables[table]["raceId"] != "8"]
    return tables


@pytest.mark.parametrize("today", [dt.date(2022, 7, 20), AFTER])
def test_a_cancelled_race_is_a_warning_and_left_out(
    api: Api, tmp_path: Path, today: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.know(cancelled(small()))
    fetch = jolpica.fetch
    monkeypatch.setattr(jolpica, "fetch", lambda settings: fetch(settings, today))
    found = collected(config(api, tmp_path), tmp_path / "snapshot")
    report = examined(found)
    assert not report.errors
    (warning,) = (w for w in report.warnings if "cancelled" in w["description"])
    assert warning["unexpected"] == ["2022 round 2: 0"]
    assert "2022-02" not in set(features.build(found)["group"])
    asked = len(api.requests)
    fetch(config(api, tmp_path), AFTER)
    again = len(api.requests)
    fetch(config(api, tmp_path), AFTER)
    assert (asked, len(api.requests)) == (asked, again)


@pytest.mark.parametrize("source", ["files", "api"])
def test_a_race_whose_results_are_missing_is_an_error(source: str, tmp_path: Path) -> None:
    tables = small()
    tables["results"] = tables["results"][tables["results"]["raceId"] != "8"]
    with serving(tables) as api:
        files = {"source": "files", "directory": str(write(tables, tmp_path / "tables"))}
        chosen = files if source == "files" else config(api, tmp_path)
        report = examined(collected(chosen, tmp_path / "snapshot"))
    assert {error["view"] for error in report.errors} == {"driver_points"}


def test_a_total_that_no_season_has_is_refused(api: Api, tmp_path: Path) -> None:
    answer = api.answer("2021/races", 100, 0)
    answer["MRData"]["total"] = "99999999"
    api.always = Fault(body=json.dumps(answer).encode())
    with pytest.raises(UserError, match=r"another shape: a total of 99999999 rows; it must"):
        jolpica.fetch(config(api, tmp_path), AFTER)


def test_a_race_without_results_yet_is_asked_for_again(api: Api, tmp_path: Path) -> None:
    settings = config(api, tmp_path, 2022)
    api.hide_after(2022, 4)
    race_day = dt.date(2022, 9, 15)
    assert jolpica.fetch(settings, race_day)["results"]["raceId"].max() == "2022-04"
    api.hide_after(2022, 5)
    assert jolpica.fetch(settings, race_day)["results"]["raceId"].max() == "2022-05"


def test_a_season_fetched_race_by_race_makes_the_same_tables(api: Api, tmp_path: Path) -> None:
    for newest in range(2, 7):
        api.hide_after(2022, newest)
        day = dt.date(2022, 2 * newest - 1, 20)
        by_round = jolpica.fetch(config(api, tmp_path / "by_round", 2022), day)
    whole = jolpica.fetch(config(api, tmp_path / "whole", 2022), AFTER)
    assert_same(by_round, whole)


def test_throttling_is_waited_for_as_long_as_the_api_says(
    api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.faults.append(Fault(429, headers={"Retry-After": "1"}))
    start = time.monotonic()
    jolpica.fetch(config(api, tmp_path), AFTER)
    assert time.monotonic() - start >= 1
    assert "answers 429: trying again in 1 s" in capsys.readouterr().out


def test_a_retry_counts_towards_the_limits(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    monkeypatch.setattr(rate_limit.Limiter, "wait", lambda _: waits.append(1))
    api.faults += [Fault(500), Fault(502)]
    jolpica.fetch(config(api, tmp_path), AFTER)
    assert len(waits) == len(api.requests)


def test_throttling_for_ever_ends_with_a_sentence_and_loses_nothing(
    api: Api, tmp_path: Path
) -> None:
    jolpica.fetch(config(api, tmp_path, 2021, 2021), AFTER)
    api.requests.clear()
    api.always = Fault(429)
    with pytest.raises(UserError, match=r"still throttles.*429.*kept.*`make data`"):
        jolpica.fetch(config(api, tmp_path), AFTER)
    assert len(api.requests) == 1 + json_api.TRIES

    api.always = None
    api.requests.clear()
    jolpica.fetch(config(api, tmp_path), AFTER)
    assert {request.split("/")[0] for request in api.requests} == {"2022"}


def test_a_server_error_is_tried_again(api: Api, tmp_path: Path) -> None:
    api.faults.extend([Fault(500), Fault(503), Fault(502)])
    assert len(jolpica.fetch(config(api, tmp_path), AFTER)["results"]) == 216


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(500), r"answered 500"),
        (Fault(404), r"answered 404; check `url`"),
        (
            Fault(body=b"<html>Hello</html>", headers={"Content-Type": "text/html"}),
            r"not JSON \(text/html\)",
        ),
        (Fault(body=b"[1, 2]"), r"another shape"),
        (
            Fault(body=b'{"MRData": {"total": "1"}}'),
            r"another shape: 'RaceTable' is missing; it must",
        ),
        (Fault(body=b'{"MRData": null}'), r"another shape"),
    ],
    ids=["error", "missing", "html", "list", "no_table", "null"],
)
def test_a_wrong_answer_is_a_sentence_and_is_not_kept(
    api: Api, tmp_path: Path, fault: Fault, message: str
) -> None:
    api.always = fault
    with pytest.raises(UserError, match=message):
        collected(config(api, tmp_path), tmp_path / "snapshot")
    assert list((tmp_path / "snapshot").iterdir()) == []
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    api.always = None
    assert len(jolpica.fetch(config(api, tmp_path), AFTER)["results"]) == 216


def test_a_value_of_another_kind_is_named_and_not_kept(api: Api, tmp_path: Path) -> None:
    answer = api.answer("2021/results", 100, 0)
    answer["MRData"]["RaceTable"]["Races"][0]["Results"][2]["points"] = "many"
    api.requests.clear()
    api.faults.extend([Fault(body=json.dumps(api.answer("2021/races", 100, 0)).encode())])
    api.faults.append(Fault(body=json.dumps(answer).encode()))
    with pytest.raises(
        UserError, match=r"results\.json, results, row 3, column points: 'many' is not a number"
    ):
        jolpica.fetch(config(api, tmp_path), AFTER)
    assert not (tmp_path / "cache" / "2021" / "results-0.json").exists()


def test_rows_that_are_missing_are_noticed(api: Api, tmp_path: Path) -> None:
    answer = api.answer("2021/races", 100, 0)
    answer["MRData"]["total"] = "7"
    api.faults.append(Fault(body=json.dumps(answer).encode()))
    with pytest.raises(UserError, match=r"gave 6 of 7 rows"):
        jolpica.fetch(config(api, tmp_path), AFTER)
    assert len(jolpica.fetch(config(api, tmp_path), AFTER)["races"]) == 12


def test_no_connection_is_a_sentence(tmp_path: Path) -> None:
    with serving(small()) as api:
        settings = config(api, tmp_path)
    with pytest.raises(UserError, match=r"can't be reached.*`url`"):
        jolpica.fetch(settings, AFTER)


def test_another_address_has_a_cache_of_its_own(api: Api, tmp_path: Path) -> None:
    jolpica.fetch(config(api, tmp_path), AFTER)
    asked = len(api.requests)
    moved = config(api, tmp_path) | {"url": config(api, tmp_path)["url"].rstrip("/")}
    jolpica.fetch(moved, AFTER)
    assert len(api.requests) == 2 * asked


def test_a_damaged_answer_in_the_cache_is_fetched_again(api: Api, tmp_path: Path) -> None:
    whole = jolpica.fetch(config(api, tmp_path), AFTER)
    api.requests.clear()
    (kept,) = (tmp_path / "cache").glob("*/2021/qualifying-100.json")
    kept.write_text('{"MRData": {"lim')
    assert_same(whole, jolpica.fetch(config(api, tmp_path), AFTER))
    assert api.requests == ["2021/qualifying 100"]


def test_a_killed_download_goes_on_where_it_stopped(api: Api, tmp_path: Path) -> None:
    seen, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        if len(api.requests) == 8:
            seen.set()
            go_on.wait(20)

    api.before_answer = hold
    settings = config(api, tmp_path)
    code = f"from {jolpica.__package__} import jolpica; jolpica.fetch({settings!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    assert seen.wait(30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    go_on.set()
    before = api.requests[:7]
    api.requests.clear()
    api.before_answer = lambda: None
    jolpica.fetch(settings)
    again = set(before) & set(api.requests)
    assert again <= {"2021/races 0", "2022/races 0"}
    assert len(set(before) | set(api.requests)) == 2 * FULL


def test_a_full_disk_is_not_hidden(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        jolpica.fetch(config(api, tmp_path), AFTER)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_the_licence_is_told_before_the_first_request(
    api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    api.before_answer = lambda: told.append(capsys.readouterr().out) if not told else None
    jolpica.fetch(config(api, tmp_path), AFTER)
    assert "CC BY-NC-SA 4.0" in told[0]
    assert "non-commercial" in told[0]
    assert "2 of 2 seasons to ask for: about 30 requests" in told[0]
    assert "Season 2022 (2 of 2): 8 requests, 16 in all. Left: none." in capsys.readouterr().out


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000_000.0
        monkeypatch.setattr(time, "time", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_both_rates_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    limiter = rate_limit.Limiter(4, 200)
    times = []
    for _ in range(450):
        limiter.wait()
        times.append(clock.now)
    for span, most in ((1, 4), (3600, 200)):
        assert all(b - a >= span for a, b in zip(times, times[most:], strict=False))
    assert times[199] - times[0] < 51
    assert "Hourly limit reached: waiting 59 min" in capsys.readouterr().out


def test_requests_of_an_earlier_run_count_for_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    limiter = rate_limit.Limiter(4, 200, [clock.now - 600 + n for n in range(200)])
    assert limiter.estimate(100) == "about 100 requests, 30 min at 200 an hour"
    start = clock.now
    limiter.wait()
    assert clock.now - start == pytest.approx(3000)


def test_requests_of_an_earlier_run_are_read_from_the_cache(api: Api, tmp_path: Path) -> None:
    jolpica.fetch(config(api, tmp_path), AFTER)
    client = json_api.JsonApi(api.url, tmp_path / "cache", 1000, 20)
    assert client.limiter.estimate(20) == "about 20 requests, 48 min at 20 an hour"
