"""Damaged tables and answers of f1 end in a snapshot that passes, or in a sentence."""

import importlib
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import damage
import pytest
from conftest import bake
from smallboat.errors import UserError
from smallboat.store import store
from smallboat.validation import preparation, validation

SEED = 16
API_VARIANTS = 60
EXAMINED = 20
"""One in so many readable variants is checked against its expectations, which takes long."""
one_in = pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.nightly)])
"""A third of the variants by day, all at night."""


@dataclass(frozen=True)
class Package:
    """A baked project's modules, in this process."""

    problem: Any
    ergast_tables: ModuleType
    jolpica_server: ModuleType


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Package]:
    folder = bake(tmp_path_factory.mktemp("damaged"), use_case="f1").path
    before = set(sys.modules)
    sys.path[:0] = [str(folder), str(folder / "tests")]
    try:
        problem = importlib.import_module("f1_predictor.problem").PROBLEM
        yield Package(problem, *map(importlib.import_module, ("ergast_tables", "jolpica_server")))
    finally:
        del sys.path[:2]
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in ("f1_predictor", "ergast_tables", "jolpica_server"):
                del sys.modules[name]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tracebacks go, and no proxy between the client and loopback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def settings(**changes: Any) -> dict[str, Any]:
    """The table [data]."""
    limits = {"requests_per_second": 1000, "requests_per_hour": 100_000}
    seasons = {"first_season": 2022, "last_season": 2022}
    return {"source": "files", "directory": None, "cache": "kept"} | limits | seasons | changes


def outcome(problem: Any, config: dict[str, Any], examined: bool) -> str | None:
    """The sentence in which a variant ends, or None; any other error goes through."""
    try:
        snapshot = store.make_snapshot(problem, "store", config)
        if examined or not computed(problem, store.snapshot_folder("store", snapshot)):
            report = preparation.validate(problem, "store", snapshot)
            validation.accept(report, preparation.engineer(problem, "store", snapshot)[2])
    except UserError as error:
        return str(error)
    return None


def computed(problem: Any, folder: Path) -> bool:
    """Whether the features can be made of a snapshot; what expectations look at must be."""
    tables = problem.data.read(folder)
    problem.expectations.views(tables)
    try:
        return bool(len(problem.features.build(tables)))
    except Exception:
        return False


def judged(name: str, run: Callable[[], str | None]) -> tuple[str, str | None]:
    """What is wrong with how a variant ended, if anything, and the sentence."""
    try:
        message = run()
    except Exception as error:
        return f"{name}: {type(error).__name__}: {error}", None
    if message is None or (damage.sentence(message) and "tracebacks/" not in message):
        return "", message
    return f"{name}: {message}", message


@one_in
def test_a_damaged_file_ends_in_a_snapshot_or_a_sentence(
    package: Package, tmp_path: Path, step: int
) -> None:
    tables = package.ergast_tables.small()
    wrong, ends = [], Counter[str]()
    variants = [(table, kind) for table in tables for kind in damage.OF_CSV]
    assert len(variants) >= 250
    for count, (table, kind) in enumerate(variants[::step]):
        name = f"{table} {kind}"
        rng = random.Random(f"{SEED} {name}")
        folder = package.ergast_tables.write(tables, tmp_path / "tables [2024]")
        file = folder / f"{table}.csv"
        file.write_bytes(damage.OF_CSV[kind](file.read_bytes(), rng))
        config = settings(directory=str(folder))
        run = partial(outcome, package.problem, config, count % EXAMINED == 0)
        fault, message = judged(name, run)
        wrong += [fault] * bool(fault)
        ends["read" if message is None else "refused"] += 1
        if message and "expectation" not in message and "No race of" not in message:
            named = [other for other in tables if f"/{other}.csv" in message]
            wrong += [] if named == [table] else [f"{name} blames {named}: {message}"]
    assert wrong == []
    assert min(ends["read"], ends["refused"]) > 80 // step


@one_in
def test_a_damaged_answer_ends_in_a_snapshot_or_a_sentence(
    package: Package, tmp_path: Path, step: int
) -> None:
    wrong, ends = [], Counter[str]()
    with package.jolpica_server.serving(package.ergast_tables.small()) as api:
        for number in range(0, API_VARIANTS, step):
            rng = random.Random(f"{SEED} api {number}")
            place = rng.randrange(8)
            api.requests.clear()
            api.faults.clear()

            def hurt(place: int = place, rng: random.Random = rng) -> None:
                if len(api.requests) == place + 1:
                    path, offset = api.requests[-1].split()
                    body = damage.damaged_json(api.answer(path, 100, int(offset)), rng)
                    api.faults.append(package.jolpica_server.Fault(body=body))

            api.before_answer = hurt
            config = settings(source="api", url=api.url, cache=f"kept{number}")
            run = partial(outcome, package.problem, config, number % EXAMINED == 0)
            fault, message = judged(f"answer {number}", run)
            wrong += [fault] * bool(fault)
            ends["read" if message is None else "refused"] += 1
    assert wrong == []
    assert min(ends["read"], ends["refused"]) > 10 // step
