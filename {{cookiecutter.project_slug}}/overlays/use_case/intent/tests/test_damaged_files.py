"""A seeded fuzz: each damaged file of each format ends in a snapshot or in one sentence."""

import gzip
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

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

VALUES = (
    "", " ", "nan", "NaN", "null", "None", "inf", "-inf", "-1", "0", "1.5", "99999", "1.55E+12",
    "1e400", "9" * 30, "0x10", "1,5", "noon", "true", "'", '"', '"""', "[", "{}", "\\", "é",
    "a;b", "a\tb", "2019-10-01", "2019-10-01 00:00:00 Moon/Base", "01/10/2019 12:00", "x" * 70_000,
)  # fmt: skip
"""What stands in a cell instead of a value."""

Damage = Callable[[random.Random, bytes], bytes]


def cut(chance: random.Random, content: bytes) -> bytes:
    """The end is missing."""
    return content[: chance.randrange(len(content))]


def flipped(chance: random.Random, content: bytes) -> bytes:
    """Some bytes are others."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def with_a_hole(chance: random.Random, content: bytes) -> bytes:
    """Some bytes are missing in the middle."""
    at = chance.randrange(len(content))
    return content[:at] + content[at + chance.randint(1, 40) :]


def with_rubbish(chance: random.Random, content: bytes) -> bytes:
    """Some bytes are too many."""
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.randbytes(chance.randint(1, 40)) + content[at:]


def twice(_: random.Random, content: bytes) -> bytes:
    """The file was appended to itself."""
    return content + content


def nothing(_: random.Random, __: bytes) -> bytes:
    """The file is empty."""
    return b""


def noise(chance: random.Random, content: bytes) -> bytes:
    """The file is another one."""
    return chance.randbytes(len(content))


def recoded(chance: random.Random, content: bytes) -> bytes:
    """The text has another encoding, a mark at its beginning, or other ends of lines."""
    text = content.decode()
    kinds = ["utf-16", "utf-8-sig", "cp1252", "cp037"]
    if chance.random() < 0.3:
        return text.replace("\n", chance.choice(["\r\n", "\r", "\n\n"])).encode()
    return text.replace("s", "ß").encode(chance.choice(kinds), "replace")


def reordered(chance: random.Random, content: bytes) -> bytes:
    """A line is missing, doubled or at another place."""
    lines = content.splitlines(keepends=True)
    line = lines.pop(chance.randrange(len(lines)))
    for _ in range(chance.randint(0, 2)):
        lines.insert(chance.randrange(len(lines) + 1), line)
    return b"".join(lines)


def separated(chance: random.Random, content: bytes) -> bytes:
    """Another separator, in the file or in a line of it."""
    lines = content.splitlines(keepends=True)
    chosen = range(len(lines)) if chance.random() < 0.5 else [chance.randrange(len(lines))]
    other = chance.choice([b";", b"\t", b"|", b", ", b" ,", b",,"])
    return b"".join(
        line.replace(b",", other) if at in chosen else line for at, line in enumerate(lines)
    )


def more_columns(chance: random.Random, content: bytes) -> bytes:
    """An index before each line, or a comma behind it; the header may not know of it."""
    header, *lines = content.decode().splitlines()
    if chance.random() < 0.5:
        kept = [header if chance.random() < 0.3 else f",{header}"]
        kept += [f"{number},{line}" for number, line in enumerate(lines)]
    else:
        kept = [header if chance.random() < 0.3 else f"{header},", *(f"{line}," for line in lines)]
    return ("\n".join(kept) + "\n").encode()


def header(chance: random.Random, content: bytes) -> bytes:
    """A column has another name, the name of another, or none."""
    first, _, rest = content.decode().partition("\n")
    names = first.split(",")
    at = chance.randrange(len(names))
    names[at] = chance.choice(["", names[0], names[at].upper(), f" {names[at]}", "other", '"'])
    return f"{','.join(names)}\n{rest}".encode()


def cell(chance: random.Random, content: bytes) -> bytes:
    """A value is none of its column."""
    lines = content.decode().split("\n")
    at = chance.randrange(1, len(lines) - 1)
    cells = lines[at].split(",")
    cells[chance.randrange(len(cells))] = chance.choice(VALUES)
    lines[at] = ",".join(cells)
    return "\n".join(lines).encode()


def number(chance: random.Random, content: bytes) -> bytes:
    """A value of a JSON line is none of its kind."""
    lines = content.decode().splitlines()
    at = chance.randrange(len(lines))
    line = json.loads(lines[at])
    other = chance.choice([*VALUES, None, True, [], {}, [1], {"a": 1}, -1, 1.5, 1e300, 10**30])
    place = chance.choice([line, chance.choice(line["events"])])
    place[chance.choice(list(place))] = other
    lines[at] = json.dumps(chance.choice([line, line, line, [line], other]))
    return ("\n".join(lines) + "\n").encode()


ANY: tuple[Damage, ...] = (cut, flipped, with_a_hole, with_rubbish, twice, nothing, noise)
TEXT: tuple[Damage, ...] = (*ANY, recoded, reordered)
CSV: tuple[Damage, ...] = (*TEXT, separated, more_columns, header, cell, cell, cell, cell, cell)
JSON: tuple[Damage, ...] = (*TEXT, number, number, number, number, number)


def packed(damages: tuple[Damage, ...]) -> tuple[Damage, ...]:
    """Damage to a gzip file, most of it from before it was packed."""

    def before(chance: random.Random, content: bytes) -> bytes:
        plain = gzip.decompress(content)
        return gzip.compress(chance.choice(damages)(chance, plain), mtime=0)

    return before, before, *ANY


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
    "coveo": (_coveo, CSV),
    "coveo packed": (_packed, packed(CSV)),
    "coveo parquet": (_parquet, ANY),
    "otto": (_otto, JSON),
    "rees46": (_rees46, CSV),
    "rees46 parquet": (_rees46_parquet, ANY),
    "retailrocket": (_retailrocket, CSV),
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
