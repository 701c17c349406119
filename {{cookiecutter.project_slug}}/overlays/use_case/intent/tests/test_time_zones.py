"""The time zone of the machine changes no byte of a snapshot and no feature."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from coveo_tables import write
from test_damaged_files import EVENTS
from test_sources import MONTH, MS, otto

CODE = """
import hashlib, sys
from pathlib import Path
from coveo_tables import config
from {{ cookiecutter.project_slug }} import data, features

def hashed(*contents):
    return hashlib.sha256(b"".join(contents)).hexdigest()

for folder in sorted(Path(sys.argv[1]).iterdir()):
    out = Path(sys.argv[2]) / folder.name
    out.mkdir(parents=True)
    about = data.collect(config(folder, format=folder.name.split("-")[0]), out)
    files = [path.read_bytes() for path in sorted(out.iterdir())]
    print("found", folder.name, about["newest"], about["rows"], hashed(*files))
table = features.build(data.read(out))
print("found", list(table["group"]), table["period"].tolist(), hashed(table.to_csv().encode()))
"""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Each format, REES46's as Parquet with a time zone, too; all near midnight."""
    for name in ("coveo", "otto", "rees46", "rees46-parquet", "retailrocket"):
        (tmp_path / "in" / name).mkdir(parents=True)
    write(tmp_path / "in" / "coveo")
    late = [(7, MS - 1, "clicks"), (7, MS - 1 + 5000, "carts")]
    (tmp_path / "in" / "otto" / "train.jsonl").write_text(otto((1, late)))
    (tmp_path / "in" / "retailrocket" / "events.csv").write_text(EVENTS)
    month = tmp_path / "in" / "rees46" / "2019-Oct.csv"
    month.write_text(MONTH)
    duckdb.execute("SET TimeZone = 'UTC'")
    duckdb.execute(
        "COPY (SELECT * REPLACE (event_time::TIMESTAMPTZ AS event_time) FROM "
        f"read_csv('{month}', all_varchar = true)) TO '{tmp_path}/in/rees46-parquet/x.parquet'"
    )
    return tmp_path


def test_three_time_zones_give_one_hash(tables: Path) -> None:
    found = {}
    for zone in ("Pacific/Auckland", "America/Los_Angeles", "UTC"):
        done = subprocess.run(
            [sys.executable, "-c", CODE, tables / "in", tables / zone],
            env=os.environ | {"TZ": zone, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found[zone] = [line for line in done.stdout.splitlines() if line.startswith("found")]
    assert len(found["UTC"]) == 6
    assert found["UTC"] == found["Pacific/Auckland"] == found["America/Los_Angeles"]
    hashes = {line.split()[1]: line.split()[-1] for line in found["UTC"][:-1]}
    assert hashes["rees46"] == hashes["rees46-parquet"]
