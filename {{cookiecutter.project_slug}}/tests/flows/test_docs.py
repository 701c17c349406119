"""What docs/runs.md shows works on a finished run."""

import re
import subprocess
import sys
from typing import Any

from copies import ROOT


def test_the_documented_look_into_a_run_prints_what_the_run_made(run: Any) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "runs.md").read_text(), re.S)
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    evaluation = run.data.evaluation
    told = done.stdout
    assert re.search(rf"^{run.id} .* ended well$", told, re.M)
    assert f"snapshot {evaluation['snapshot']}\nmetrics {evaluation['metrics']['test']}\n" in told
    assert all(f"passed {gate['gate']}" in told for gate in evaluation["gates"])
    assert f"TrainFlow/{run.id}/make_bundle/" in told and "'model_hash'" in told
    assert re.search(r"^\d+ expectations: 0 errors", told, re.M)
    assert "'alpha'" in told  # of the last candidate
