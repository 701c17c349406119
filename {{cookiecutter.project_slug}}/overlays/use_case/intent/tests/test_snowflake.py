"""On Snowflake the same models count the same; what it refuses leaves nothing half-loaded."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fakesnow
import pandas as pd
import pytest
import snowflake.connector
import visits
from smallboat.errors import UserError
from smallboat.warehouse import account, dbt

from {{ cookiecutter.project_slug }}.warehouse import Warehouse
from {{ cookiecutter.project_slug }}.warehouse import snowflake as ours

DAYS = {date: visits.day(date, 120, seed=1) for date in visits.DAYS}
LATER = "2019-02-04"
RAW = ours.RAW


@pytest.fixture(scope="module")
def shop() -> Iterator[pytest.MonkeyPatch]:
    """A Snowflake on this machine, named in the environment."""
    with fakesnow.server() as server, pytest.MonkeyPatch.context() as patch:
        _name(patch, **server, database="SHOP", warehouse="SMALL", role="ANALYST")
        yield patch


def _name(patch: pytest.MonkeyPatch, **values: Any) -> None:
    for name, value in values.items():
        patch.setenv(f"SNOWFLAKE_{name.upper()}", str(value))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("snapshots")


@pytest.fixture(scope="module")
def first(store: Path, shop: pytest.MonkeyPatch) -> Warehouse:
    made = Warehouse(visits.write(store / "first", DAYS, kind="snowflake"))
    made.build()
    return made


def _ask(sql: str) -> list[tuple[Any, ...]]:
    with account.connected() as connection:
        return connection.execute(sql)


def _as_on_duckdb(made: Warehouse, tmp_path: Path) -> Warehouse:
    folder = tmp_path / made.folder.name
    kept = shutil.ignore_patterns("cache", "warehouse.json", "snapshot.json")
    shutil.copytree(made.folder, folder, ignore=kept)
    return Warehouse(folder)


def test_snowflake_counts_what_duckdb_counts(first: Warehouse, tmp_path: Path) -> None:
    other = _as_on_duckdb(first, tmp_path)
    assert len(visits.table(first)) > 500
    pd.testing.assert_frame_equal(visits.table(first), visits.table(other), check_exact=True)
    assert first.catalog() == other.catalog()
    assert first.examples() == other.examples() != []


def test_a_later_snapshot_brings_and_computes_its_new_days(
    first: Warehouse, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same, changed, _ = visits.DAYS
    days = {
        same: DAYS[same],
        changed: visits.without_what_follows(DAYS[changed]),
        LATER: visits.day(LATER, 60),
    }
    second = Warehouse(visits.write(store / "second", days, previous="first", kind="snowflake"))
    _ask(f"update {ours._schema(first.folder)}.features set clicks = 1000 where day = '{same}'")
    put = _statements(monkeypatch, "put")
    second.build()
    assert sorted(put) == sorted(
        f"{kind}-{day}.parquet" for kind in ("browsing", "search") for day in (changed, LATER)
    )
    found, expected = visits.table(second), visits.table(_as_on_duckdb(second, tmp_path))
    of_same = found["day"] == same
    assert (found.loc[of_same, "clicks"] == 1000).all()
    found.loc[of_same, "clicks"] = expected.loc[of_same, "clicks"]
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def _statements(monkeypatch: pytest.MonkeyPatch, kind: str) -> list[str]:
    """The files of which statements of a kind are run from now on."""
    found: list[str] = []
    run = account.Connection.execute

    def spy(self: account.Connection, sql: str) -> list[tuple[Any, ...]]:
        if sql.startswith(kind):
            found.append(sql.split(".parquet")[0].rpartition("/")[2] + ".parquet")
        return run(self, sql)

    monkeypatch.setattr(account.Connection, "execute", spy)
    return found


def test_an_interrupted_load_goes_on_where_it_stopped(
    store: Path, shop: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = {date: visits.day(date, 20, seed=2) for date in visits.DAYS}
    made = Warehouse(visits.write(store / "stopped", days, {"a": [1, "b"]}, kind="snowflake"))
    run = account.Connection.execute
    stop = f"search-{visits.DAYS[1]}"

    def dies(self: account.Connection, sql: str) -> list[tuple[Any, ...]]:
        if sql.startswith("copy") and stop in sql:
            raise KeyboardInterrupt
        return run(self, sql)

    loaded = set(_ask(f"select part from {RAW}.loaded"))
    with monkeypatch.context() as patch:
        patch.setattr(account.Connection, "execute", dies)
        with pytest.raises(KeyboardInterrupt):
            made.build()
    assert list((made.folder / "cache").iterdir()) == []
    new = {part for (part,) in set(_ask(f"select part from {RAW}.loaded")) - loaded}
    assert {part[:10] for part in new if part[:7] != "catalog"} == {visits.DAYS[0]}
    for table in ("browsing", "search"):
        rows = _ask(f"select distinct part from {RAW}.{table}")
        assert {part for (part,) in rows} <= {part for (part,) in loaded} | new
    monkeypatch.setattr(dbt, "build", _fails)
    put = _statements(monkeypatch, "put")
    with pytest.raises(UserError, match="features"):
        made.build()
    assert {name[-18:-8] for name in put} == set(visits.DAYS[1:])


def _fails(*_: Any) -> None:
    raise UserError("the warehouse's model features could not be built")


def test_a_build_that_failed_is_begun_again(
    store: Path, shop: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    days = {LATER: visits.day(LATER, 40, seed=3)}
    made = Warehouse(visits.write(store / "failed", days, kind="snowflake"))
    with monkeypatch.context() as patch:
        patch.setattr(dbt, "build", _fails)
        with pytest.raises(UserError, match="features"):
            made.build()
    assert list((made.folder / "cache").iterdir()) == []
    expected = visits.table(_as_on_duckdb(made, tmp_path))
    pd.testing.assert_frame_equal(visits.table(made), expected)


@contextmanager
def _answering(login: dict[str, Any], query: dict[str, Any]) -> Iterator[int]:
    """A Snowflake that answers each login and each query so; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = json.dumps(login if "login-request" in self.path else query).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


LOGGED_IN = {
    "success": True,
    "data": {"token": "t", "masterToken": "m", "parameters": [], "sessionInfo": {}},
}


def _refusal(code: str, message: str) -> dict[str, Any]:
    return {"success": False, "code": code, "message": message,
            "data": {"errorCode": code, "sqlState": "57014"}}  # fmt: skip


@pytest.mark.parametrize(
    ("login", "query", "message"),
    [
        (
            _refusal("390100", "Incorrect username or password was specified."),
            {},
            "Snowflake: .*Incorrect username or password.* run the command again",
        ),
        (
            LOGGED_IN,
            _refusal("090073", "Warehouse 'SMALL' cannot be resumed because resource monitor "
                     "'MONTH' has exceeded its quota."),
            "Snowflake: .*has exceeded its quota.* no day is loaded in part",
        ),
    ],
    ids=["login", "quota"],
)  # fmt: skip
def test_what_snowflake_refuses_is_said(
    login: dict[str, Any],
    query: dict[str, Any],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    days = {LATER: visits.day(LATER, 5)}
    made = Warehouse(visits.write(tmp_path / "refused", days, kind="snowflake"))
    with _answering(login, query) as port:
        _name(
            monkeypatch, account="shop", user="u", password="p", database="D", warehouse="SMALL",
            role="R", host="127.0.0.1", port=port, protocol="http",
        )  # fmt: skip
        with pytest.raises(UserError, match=message):
            made.build()
    assert list((made.folder / "cache").iterdir()) == []


def test_a_snowflake_that_is_away_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Warehouse(visits.write(tmp_path / "away", {LATER: visits.Day()}, kind="snowflake"))
    _name(
        monkeypatch, account="shop", user="u", password="p", database="D", warehouse="W", role="R",
        host="127.0.0.1", port=9, protocol="http",
    )  # fmt: skip
    monkeypatch.setattr(account, "PATIENCE_SECONDS", 2)
    with pytest.raises(UserError, match=r"Snowflake: .*it continues where this run stopped"):
        made.build()


def test_what_is_not_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Warehouse(visits.write(tmp_path / "unset", {LATER: visits.Day()}, kind="snowflake"))
    for name in account.NEEDED:
        monkeypatch.setenv(f"SNOWFLAKE_{name}", "x")
    monkeypatch.delenv("SNOWFLAKE_PASSWORD")
    with pytest.raises(UserError, match="SNOWFLAKE_PASSWORD is not set"):
        made.build()


def test_the_connector_is_the_real_one() -> None:
    assert snowflake.connector.SnowflakeConnection.__module__ == "snowflake.connector.connection"
