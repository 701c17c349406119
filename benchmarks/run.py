"""The numbers in docs/measurements.md, measured in one run: `make bench`.

F1_DATA and F1_DATA_1950 name folders with real tables; without them the sample alone is measured.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Bake, set up, train and measure, printing a line for each number."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = timed(["cookiecutter", str(ROOT), "--no-input", "-o", folder], Path.cwd())
        print(f"bake: {seconds:.1f} s")
        project = Path(folder, "f1_predictor")
        print(f"make setup, warm cache: {timed(['make', 'setup'], project):.1f} s")
        sample = [timed(["make", "train"], project) for _ in range(5)]
        print(f"make train on the sample: {spread(sample, 1)} s")
        script(project, "serving.py")
        script(project, "lambda_api.py")
        served(project)
        script(project, "peers.py")
        if "F1_DATA_1950" in os.environ:
            script(project, "features.py", os.environ["F1_DATA_1950"])
            script(project, "quality.py", os.environ["F1_DATA_1950"], "2022", "2024")
            script(project, "quality.py", os.environ["F1_DATA_1950"], "2018", "2024")
        if "F1_DATA" in os.environ:
            overhead(project, os.environ["F1_DATA"])
            script(project, "quality.py", os.environ["F1_DATA"], "2022", "2024")
            script(project, "replay.py", os.environ["F1_DATA"], "2019", "2024")
        intent(folder)
        tabular(folder)


def tabular(folder: str) -> None:
    """The numbers of tables of 12,000 and of a million rows."""
    chosen = ["use_case=tabular", "project_slug=own_table"]
    timed(["cookiecutter", str(ROOT), "--no-input", *chosen, "-o", folder], Path.cwd())
    project = Path(folder, "own_table")
    timed(["make", "setup"], project)
    for rows in ("12000", "1000000"):
        script(project, "table.py", rows)


def intent(folder: str) -> None:
    """The numbers of the second use case; 20 GB of the disk are needed for a while."""
    timed(["cookiecutter", str(ROOT), "--no-input", "use_case=intent", "-o", folder], Path.cwd())
    project = Path(folder, "purchase_intent")
    timed(["make", "setup"], project)
    print(f"make train on 50,000 sessions, first: {timed(['make', 'train'], project):.1f} s")
    print(f"make train on 50,000 sessions, again: {timed(['make', 'train'], project):.1f} s")
    timed(["make", "deploy"], project)
    script(project, "intent_request.py")
    script(project, "peers.py")
    script(project, "monitoring.py", "1000000")
    script(project, "intent_generator.py", "4934699", "csv", folder)
    script(project, "intent_warehouse.py", str(Path(folder, "events")))


def served(project: Path) -> None:
    """The API and the model server behind it, under load."""
    port = "8790"
    timed(["make", "deploy"], project)
    timed(["make", "serve", "BACKGROUND=1", f"PORT={port}"], project)
    try:
        script(project, "api_load.py", f"http://127.0.0.1:{port}")
    finally:
        timed(["make", "stop"], project)


def overhead(project: Path, folder: str) -> None:
    """The flow against the same work in one plain process, five times in turn."""
    timed(["make", "data", "SOURCE=files", f"DIR={folder}"], project)
    snapshot = (project / "store" / "snapshots" / "newest").read_text()
    plain = [".venv/bin/python", str(ROOT / "benchmarks" / "plain.py"), snapshot]
    ratios = []
    for _ in range(5):
        flow, alone = used(["make", "train"], project), used(plain, project)
        ratios.append([mine / theirs for mine, theirs in zip(flow, alone, strict=True)])
        both = (
            f"{flow[0]:.1f} s ({flow[1]:.1f} s CPU), plain: {alone[0]:.1f} s ({alone[1]:.1f} s CPU)"
        )
        print(f"make train on 2010-2024: {both}")
    for name, values in zip(("time", "CPU"), zip(*ratios, strict=True), strict=True):
        print(f"{name}, ratio: {spread(values, 2)}")


def spread(values: Sequence[float], digits: int) -> str:
    """The median, and the least and the most."""
    low, middle, high = min(values), median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def used(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds of wall time and of CPU that a command takes, with all that it starts."""
    before, seconds = os.times(), timed(command, folder)
    after = os.times()
    user = after.children_user - before.children_user
    return seconds, user + after.children_system - before.children_system


def timed(command: list[str], folder: Path) -> float:
    """Seconds of wall time that a command takes; its output is shown only if it fails."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment())
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - started


def script(project: Path, name: str, *arguments: str) -> None:
    """Run a benchmark of this folder in the project's environment."""
    command = [".venv/bin/python", str(ROOT / "benchmarks" / name), *arguments]
    subprocess.run(command, cwd=project, check=True, env=environment())


def environment() -> dict[str, str]:
    """This process's environment without what make and the template's own venv put there."""
    ours = {"UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL"}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {key: value for key, value in os.environ.items() if key not in ours} | threads


if __name__ == "__main__":
    main()
