"""Trains a run again from its commit and its snapshot, to show that the same model comes out."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..config import config, files
from ..errors import NoCandidateError, UserError, ended
from ..problem import Problem
from ..store import runs, store
from . import flow

PACKAGES = ("pyproject.toml", "uv.lock")


def reproduce(problem: Problem, environment: str, run: str | None) -> int:
    """Train a run again in a worktree of its commit; 0 if the same model comes out, else 1."""
    settings = config.load(problem, environment)
    root = settings.store.root
    evaluations, skipped = runs.read(root)
    original = evaluations[runs.pick(run, evaluations, skipped)]
    commit = _commit(original)
    if not store.has_snapshot(root, original["snapshot"]):
        raise UserError(
            f"snapshot {original['snapshot']} of run {original['run']} is no longer in the store"
        )
    for signal_number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, signal.default_int_handler)  # so that the worktree is removed
    with _worktree(commit) as tree:
        print(f"training again in a worktree of commit {commit}, removed afterwards", flush=True)
        link_snapshots(tree, root, original["snapshot"])
        localise(tree / files.FOLDER, environment, commit)
        again = train(problem, tree, environment, flow.environment(settings))
        if again is None or again["model_hash"] is None:
            raise ended(
                f"not reproduced: training failed at commit {commit}, see its message above", 1
            )
        if again["model_hash"] == original["model_hash"]:
            print(f"reproduced: model {again['model_hash']}")
            return 0
        print(
            f"not reproduced: run {original['run']} has model {original['model_hash']}, "
            f"its commit now makes model {again['model_hash']}"
        )
        bundles = [
            store.run_folder(root, original["run"]),
            store.run_folder(own_store(tree), again["run"]),
        ]
        print(_difference(problem, root, original["snapshot"], bundles))
    changed = _git("diff", "--name-only", commit, "--", *PACKAGES).stdout.split()
    if changed:
        print(f"since that commit {' and '.join(changed)} changed: packages may differ")
    return 1


def _commit(evaluation: dict[str, Any]) -> str:
    """A run's commit; UserError if it made no model, or its code can't be restored."""
    run, commit = evaluation["run"], evaluation.get("commit")
    if evaluation["model_hash"] is None:
        raise UserError(f"run {run} made no model: name one that did with RUN, see `make runs`")
    if commit is None:
        raise UserError(
            f"run {run} was made outside of a git repository of the project: "
            "only committed code can be reproduced"
        )
    if commit.endswith("+"):
        raise UserError(
            f"run {run} was made with uncommitted edits on {commit[:-1]}: "
            "only committed code can be reproduced"
        )
    if _git("cat-file", "-e", f"{commit}^{{commit}}").returncode != 0:
        raise UserError(f"commit {commit} of run {run} is no longer in the repository")
    return str(commit)


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], capture_output=True, text=True)


@contextmanager
def _worktree(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="reproduce-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder).resolve() / "project"
        try:
            done = _git("worktree", "add", "--detach", str(tree), commit)
            if done.returncode != 0:
                raise UserError(f"git could not check out {commit}: {done.stderr.strip()}")
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def own_store(tree: Path) -> str:
    """The store of a copy of the project."""
    return str(tree / "store")


def link_snapshots(tree: Path, root: str, newest: str) -> None:
    """Link all snapshots into the worktree's store; it trains on `newest`."""
    snapshots = store.snapshot_folder(root, newest).parent
    links = Path(own_store(tree), "snapshots")
    links.mkdir(parents=True)
    for folder in snapshots.resolve().iterdir():
        if folder.is_dir():
            (links / folder.name).symlink_to(folder)
    store.make_newest(own_store(tree), newest)


def localise(folder: Path, environment: str, commit: str) -> None:
    """Let the worktree's configuration name the worktree's store; one file then holds all of it."""
    file = folder / f"{environment}.toml"
    if not file.is_file():
        raise UserError(f"commit {commit} has no config/{file.name}: choose another environment")
    values = files.read(file).tables
    values["store"]["root"] = own_store(folder.parent)
    for table in ("aws", "schedule"):
        values.pop(table, None)  # every step runs on this machine
    for step in values.get("steps", {}).values():
        for key in ("gpu", "remote", "secrets"):
            step.pop(key, None)
    if "comet" in values.get("tracking", {}):  # of a commit before 0.4
        values["tracking"]["comet"] = False
    elif "tracking" in values:
        values["tracking"]["tracker"] = "none"  # the tracker already has the original run
    file.write_text(_toml(values))
    (folder / files.BASE).unlink(missing_ok=True)


def _toml(values: dict[str, Any], *path: str) -> str:
    """A configuration as TOML; strings, numbers and lists look as in JSON."""
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"[{'.'.join(map(json.dumps, path))}]"] if path else []
    for key in values.keys() - tables.keys():
        lines.append(f"{json.dumps(key)} = {json.dumps(values[key], ensure_ascii=False)}")
    lines += [_toml(table, *path, key) for key, table in tables.items()]
    return "\n".join(lines)


def train(
    problem: Problem,
    tree: Path,
    environment: str,
    variables: dict[str, str],
    python: str = sys.executable,
) -> dict[str, Any] | None:
    """Train with the worktree's own code and library; the evaluation, or None if that failed."""
    paths = [str(tree / "vendor" / "smallboat"), str(tree), variables.get("PYTHONPATH", "")]
    with subprocess.Popen(
        [python, "-m", *_command(problem, tree, environment)],
        cwd=tree,
        env=variables
        | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tree),
        },
        process_group=0,
    ) as training:
        try:
            code = training.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(training.pid, signal.SIGKILL)
    if code not in (0, NoCandidateError.exit_code):
        return None
    return next(iter(runs.evaluations(own_store(tree)).values()), None)


def _command(problem: Problem, tree: Path, environment: str) -> list[str]:
    """What trains in a worktree; before version 0.3 each project had its own commands."""
    if "smallboat" in tomllib.loads((tree / "pyproject.toml").read_text()).get("tool", {}):
        return ["smallboat", "train", "--env", environment]
    return [problem.package, "--env", environment, "train"]


def _difference(problem: Problem, root: str, snapshot: str, bundles: list[Path]) -> str:
    """The largest difference between the answers of two bundles, and what else differs."""
    import numpy as np

    from ..store import bundle
    from ..validation import preparation

    frame, _, _ = preparation.engineer(problem, root, snapshot)
    signatures = [store.read_json(folder / "signature.json") for folder in bundles]
    inputs = [[each["name"] for each in signature["inputs"]] for signature in signatures]
    missing = sorted({name for names in inputs for name in names} - set(frame.columns))
    if missing:
        text = f"their answers can't be compared: features.py no longer makes {', '.join(missing)}"
    else:
        first, second = (
            bundle.predict((folder / "model.onnx").read_bytes(), frame[names].to_numpy())
            for folder, names in zip(bundles, inputs, strict=True)
        )
        largest = float(np.abs(first - second).max())
        text = f"their answers on the snapshot's {len(frame)} rows differ by {largest:.3g} at most"
    first, second = signatures
    keys = [key for key in first | second if first.get(key) != second.get(key)]
    return f"{text}\ntheir signatures differ in {', '.join(keys)}" if keys else text
