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
    known = runs.kept(root)
    wanted = known[runs.pick(run, known, runs.skipped(root))]
    commit = _commit(wanted)
    if not store.has(root, wanted["snapshot"]):
        raise UserError(f"the store has snapshot {wanted['snapshot']} of {_run(wanted)} no more")
    snapshots = store.snapshot_folder(root, wanted["snapshot"]).parent
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)  # so that the worktree is removed
    with _worktree(commit) as tree:
        print(f"training again in a worktree of commit {commit}, removed afterwards", flush=True)
        _lend(tree, snapshots, wanted["snapshot"])
        _localise(tree / files.FOLDER, environment, commit)
        made = _train(problem, tree, environment, flow.environment(settings))
        if made is None:
            message = (
                f"not reproduced: training failed at commit {commit}, its message stands above"
            )
            raise ended(message, 1)
        if made["model_hash"] == wanted["model_hash"]:
            print(f"reproduced: model {made['model_hash']}")
            return 0
        folders = store.run_folder(root, wanted["run"]), store.run_folder(_store(tree), made["run"])
        print(f"not reproduced: {_run(wanted)} has model {wanted['model_hash']}, ", end="")
        print(f"its commit now makes model {made['model_hash']}")
        print(_difference(problem, root, wanted["snapshot"], *folders))
    changed = _git("diff", "--name-only", commit, "--", *PACKAGES).stdout.split()
    if changed:
        print(f"since that commit {' and '.join(changed)} changed: packages may differ")
    return 1


def _run(evaluation: dict[str, Any]) -> str:
    return f"run {evaluation['run']}"


def _commit(evaluation: dict[str, Any]) -> str:
    """The commit to go back to; UserError if there is none that holds the run's code."""
    commit: str | None = evaluation.get("commit")
    if commit is None:
        raise UserError(
            f"{_run(evaluation)} was made outside of a git repository of the project's own: "
            "only committed code can be reproduced"
        )
    if commit.endswith("+"):
        raise UserError(
            f"{_run(evaluation)} was made with uncommitted edits on {commit[:-1]}: "
            "only committed code can be reproduced"
        )
    if _git("cat-file", "-e", f"{commit}^{{commit}}").returncode != 0:
        raise UserError(f"the repository has commit {commit} of {_run(evaluation)} no more")
    return commit


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


def _store(tree: Path) -> str:
    return str(tree / "store")


def _lend(tree: Path, snapshots: Path, newest: str) -> None:
    """Show the snapshots to the worktree's own store; `newest` is the one that it trains on."""
    lent = Path(_store(tree), "snapshots")
    lent.mkdir(parents=True)
    for folder in snapshots.resolve().iterdir():
        if folder.is_dir():
            (lent / folder.name).symlink_to(folder)
    store.make_newest(_store(tree), newest)


def _localise(folder: Path, environment: str, commit: str) -> None:
    """Let the worktree's configuration name the worktree's store; one file then holds all of it."""
    file = folder / f"{environment}.toml"
    if not file.is_file():
        raise UserError(f"commit {commit} has no config/{file.name}: choose another environment")
    values = files.read(file).tables
    values["store"]["root"] = _store(folder.parent)
    for table in ("aws", "schedule"):
        values.pop(table, None)  # every step runs on this machine
    for step in values.get("steps", {}).values():
        for key in ("gpu", "remote", "secrets"):
            step.pop(key, None)
    if "tracking" in values:
        values["tracking"]["comet"] = False  # Comet already has the original run
    file.write_text(_toml(values))
    (folder / files.BASE).unlink(missing_ok=True)


def _toml(values: dict[str, Any], *path: str) -> str:
    """A configuration's text; strings, numbers and lists look as in JSON."""
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"[{'.'.join(map(json.dumps, path))}]"] if path else []
    for key in values.keys() - tables.keys():
        lines.append(f"{json.dumps(key)} = {json.dumps(values[key], ensure_ascii=False)}")
    lines += [_toml(table, *path, key) for key, table in tables.items()]
    return "\n".join(lines)


def _train(
    problem: Problem, tree: Path, name: str, environment: dict[str, str]
) -> dict[str, Any] | None:
    """The evaluation of a run of the worktree's own package, or None if it left no bundle."""
    # Its library, too, is the tree's: one of before the library has all in its own package.
    paths = [
        str(tree / "vendor" / "smallboat"),
        str(tree),
        *filter(None, [environment.get("PYTHONPATH")]),
    ]
    own = {"PYTHONPATH": os.pathsep.join(paths), "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tree)}
    with subprocess.Popen(
        [sys.executable, "-m", *_command(problem, tree, name)],
        cwd=tree,
        env=environment | own,
        process_group=0,
    ) as training:
        try:
            code = training.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(training.pid, signal.SIGKILL)
    if code not in (0, NoCandidateError.exit_code):
        return None
    return next(iter(runs.kept(_store(tree)).values()), None)


def _command(problem: Problem, tree: Path, name: str) -> list[str]:
    """What trains in a worktree; before version 0.3 each project had commands of its own."""
    if "smallboat" in tomllib.loads((tree / "pyproject.toml").read_text()).get("tool", {}):
        return ["smallboat", "train", "--env", name]
    return [problem.package, "--env", name, "train"]


def _difference(problem: Problem, root: str, snapshot: str, *folders: Path) -> str:
    """How far the answers of two bundles lie apart, and what else differs."""
    import numpy as np

    from ..store import bundle
    from ..validation import preparation

    frame, _, _ = preparation.engineer(problem, root, snapshot)
    signatures = [store.read_json(folder / "signature.json") for folder in folders]
    names = [[each["name"] for each in signature["inputs"]] for signature in signatures]
    gone = sorted({name for inputs in names for name in inputs} - set(frame.columns))
    if gone:
        told = f"their answers can't be compared: features.py makes no {', '.join(gone)} any more"
    else:
        first, second = (
            bundle.predict((folder / "model.onnx").read_bytes(), frame[inputs].to_numpy())
            for folder, inputs in zip(folders, names, strict=True)
        )
        apart = float(np.abs(first - second).max())
        told = f"their answers on the snapshot's {len(frame)} rows differ by {apart:.3g} at most"
    first, second = signatures
    other = [key for key in first | second if first.get(key) != second.get(key)]
    return f"{told}\ntheir signatures differ in {', '.join(other)}" if other else told
