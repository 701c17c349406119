"""pytest-xdist keeps the groups that conftest.py makes: a process has all tests of a use case."""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from conftest import ROOT

TESTS = """
import os, time
import pytest

@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("use_case", ["f1", "intent"])
def test_one(use_case, number):
    time.sleep(0.1)  # the other process has time to start a test
    with open("ran", "a") as file:
        file.write(f"{use_case} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""


def test_each_use_case_has_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    words = ["-p", "conftest", "-n", "2", "--dist", "loadgroup"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT / "tools")])},
        check=True,
        capture_output=True,
    )
    workers = defaultdict(set)
    for line in (tmp_path / "ran").read_text().splitlines():
        use_case, worker = line.split()
        workers[use_case].add(worker)
    assert sorted(workers.values(), key=str) == [{"gw0"}, {"gw1"}]
