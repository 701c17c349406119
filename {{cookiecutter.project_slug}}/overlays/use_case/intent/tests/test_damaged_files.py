"""A seeded fuzz: each damaged file of each format ends in a snapshot or in one sentence."""

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import damage
import duckdb
import pytest
from coveo_tables import config, write
from smallboat.errors import UserError
from test_sources import MONTH, MS, otto

from {{ cookiecutter.project_slug }} import data

VARIANTS = 60
"""Of each format."""

ENGINE = re.compile(
    r"(?i)duckdb|traceback|exception|\b\w+ error:|binder|candidate|line \d+:|read_(csv|json|pa)"
)
"""Words of an engine, which tell a user nothing."""

VISITS = [(7, MS, "clicks"), (7, MS + 5000, "carts"), (8, MS + 9000, "orders")]
EVENTS = """timestamp,visitorid,event,itemid,transactionid
{0},1,view,10,
{1},1,addtocart,10,
{2},1,transaction,10,77
{1},2,addtocart,11,
""".format(MS, MS + 5000, MS + 9000)


def _coveo(folder: Path) -> Iterator[Path]:
    yield from sorted(write(folder).iterdir())


def _packed(folder: Path) -> Iterator[Path]:
    yield from sorted(write(folder, kind="csv.gz").iterdir())


def _parquet(folder: Path) -> Iterator[Path]:
    yield from sorted(write(folder, kind="parquet").iterdir())


def _otto(folder: Path) -> Iterator[Path]:
    (folder / "train.jsonl").write_text(otto((1, VISITS), (2, VISITS[1:]), (3, VISITS)))
    yield folder / "train.jsonl"


def _rees46(folder: Path) -> Iterator[Path]:
    for month in (10, 11):
        path = folder / f"2019-{month}.csv"
        path.write_text(MONTH.replace("2019-10", f"2019-{month}"))
        yield path


def _rees46_parquet(folder: Path) -> Iterator[Path]:
    for path in list(_rees46(folder)):
        kind = random.Random(path.name).choice(["TIMESTAMPTZ", "VARCHAR", "TIMESTAMP"])
        duckdb.execute(
            f"COPY (SELECT * REPLACE (event_time::{kind} AS event_time) FROM "
            f"read_csv('{path}', all_varchar = true)) TO '{path.with_suffix('.parquet')}'"
        )
        path.unlink()
        yield path.with_suffix(".parquet")


def _retailrocket(folder: Path) -> Iterator[Path]:
    (folder / "events.csv").write_text(EVENTS)
    yield folder / "events.csv"


FORMATS = {
    "coveo": (_coveo, damage.CSV),
    "coveo packed": (_packed, damage.packed(damage.CSV)),
    "coveo parquet": (_parquet, damage.ANY),
    "otto": (_otto, damage.JSON),
    "rees46": (_rees46, damage.CSV),
    "rees46 parquet": (_rees46_parquet, damage.ANY),
    "retailrocket": (_retailrocket, damage.CSV),
}


def test_the_fuzz_is_wide_enough() -> None:
    assert len(FORMATS) * VARIANTS >= 250


@pytest.mark.parametrize("format", FORMATS)
def test_a_damaged_file_ends_in_a_snapshot_or_in_a_sentence(format: str, tmp_path: Path) -> None:
    make, damages = FORMATS[format]
    (tmp_path / "whole").mkdir()
    whole = {path.name: path.read_bytes() for path in make(tmp_path / "whole")}
    ended = []
    for seed in range(VARIANTS):
        chance = random.Random(f"{format} {seed}")
        harmed, harm = chance.choice(sorted(whole)), chance.choice(damages)
        files = whole | {harmed: harm(chance, whole[harmed])}
        found = _collected(tmp_path / str(seed), files, format)
        ended.append(found is None)
        if found is not None:
            told = f"seed {seed}, {harmed} {harm.__name__}: {found}"
            assert "\n" not in found and not ENGINE.search(found), told
            assert str(tmp_path / str(seed) / "in") in found, told
    assert 0 < sum(ended) < len(ended)


def _collected(folder: Path, files: dict[str, bytes], format: str) -> str | None:
    """What is said of files if they are refused; then nothing is left of them."""
    for name in ("in", "out"):
        (folder / name).mkdir(parents=True)
    for name, content in files.items():
        (folder / "in" / name).write_bytes(content)
    try:
        data.collect(config(folder / "in", format=format.split()[0]), folder / "out")
    except UserError as error:
        assert list((folder / "out").iterdir()) == []
        return str(error)
    assert (folder / "out" / "days.parquet").exists()
    shutil.rmtree(folder)
    return None
