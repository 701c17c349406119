"""Three trackers under test: each with a server on loopback, and what arrived there."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import comet_server
import mlflow_server
import wandb_server

KEY = "Zk3pQ9vXtW7nB2sL" * 3
"""Long enough for each tracker."""


@dataclass
class Seen:
    """What a tracker shows of an experiment."""

    status: str
    failed: bool
    parameters: dict[str, Any]
    notes: dict[str, str]
    metrics: dict[str, float]
    series: dict[str, list[tuple[int, float]]]
    files: dict[str, bytes] = field(repr=False)


@dataclass
class Tracker:
    """A tracker: what its users set, where it breaks, and what it shows."""

    name: str
    called: str
    package: str
    module: str
    url: str  # the variable of its address
    key: str  # the variable of its key
    setting: str  # the variable without which nothing is sent
    broken: tuple[str, ...]  # requests that fail while others pass
    serving: Callable[[Path], Any]
    seen: Callable[[Any, str, str], Seen]  # of a project the experiment of this name

    def variables(self, server: Any) -> dict[str, str]:
        """What reaches a server."""
        return {self.url: server.url, self.key: KEY}


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as they compare: a tracker may keep a number as its text."""

    def value(given: Any) -> Any:
        try:
            return float(given)
        except (TypeError, ValueError):
            return str(given)

    return {name: value(given) for name, given in values.items()}


@contextmanager
def _comet(_: Path) -> Iterator[comet_server.Comet]:
    with comet_server.serving(comet_server.Comet(KEY)) as server:
        yield server


def _seen_in_comet(server: comet_server.Comet, project: str, name: str) -> Seen:
    one = server.named(name)
    once = {key: list(dict.fromkeys(values)) for key, values in one.metrics.items()}
    assert not one.open
    (status,) = one.tags - {one.others["run"]}
    assert one.project == project
    return Seen(
        status,
        status == "failed",
        plain({k: v for k, v in one.parameters.items() if k != "curr_step"}),
        {k: v for k, v in one.others.items() if k not in {"Name", "run", "offline_experiment"}},
        {key: value for key, [(step, value), *_] in once.items() if step is None},
        {key: values for key, values in once.items() if values[0][0] is not None},
        {k if k == "trials.json" else f"bundle/{k}": v for k, v in one.assets.items()},
    )


@contextmanager
def _wandb(_: Path) -> Iterator[wandb_server.Wandb]:
    with wandb_server.serving(wandb_server.Wandb(KEY)) as server:
        yield server


def _seen_in_wandb(server: wandb_server.Wandb, project: str, name: str) -> Seen:
    run = server.named(name)
    assert run.complete and run.about["project"] == project
    config = json.loads(run.about["config"])
    (status,) = set(run.about["tags"]) - {run.about["groupName"]}
    series: dict[str, list[tuple[int, float]]] = {}
    for line in run.history:
        for key in line:
            if f"{key}_step" in line:
                series.setdefault(key, []).append((line[f"{key}_step"], line[key]))
    shown = {k: v for k, v in run.summary.items() if not k.startswith("_")}
    shown = {k: v for k, v in shown.items() if k.removesuffix("_step") not in series}
    return Seen(
        status,
        run.exit_code != 0,
        plain({k: v["value"] for k, v in config.items() if k != "_wandb"}),
        {k: v for k, v in shown.items() if isinstance(v, str) and k != "run"},
        {k: v for k, v in shown.items() if not isinstance(v, str)},
        series,
        {k: v for k, v in run.files.items() if k.startswith(("trials.json", "bundle/"))},
    )


@contextmanager
def _mlflow(kept: Path) -> Iterator[mlflow_server.Mlflow]:
    address = (kept / "address").read_text()
    with mlflow_server.serving(mlflow_server.Mlflow(KEY, address)) as server:
        yield server


def _seen_in_mlflow(server: mlflow_server.Mlflow, project: str, name: str) -> Seen:
    found = server.ask(f"experiments/get-by-name?experiment_name={project}")["experiment"]
    where, named = [found["experiment_id"]], f"attributes.run_name = '{name}'"
    (run,) = server.ask("runs/search", experiment_ids=where, filter=named)["runs"]
    info, data = run["info"], run["data"]
    tags = {each["key"]: each["value"] for each in data["tags"]}
    series = {}
    for metric in data.get("metrics", []):
        path = f"metrics/get-history?run_id={info['run_id']}&metric_key={metric['key']}"
        history = server.ask(path)["metrics"]
        series[metric["key"]] = [(each["step"], each["value"]) for each in history]
    files = {
        path: server.artifact(info["run_id"], path)
        for folder in ("", "&path=bundle")
        for path in _files(server.ask(f"artifacts/list?run_id={info['run_id']}{folder}"))
    }
    return Seen(
        tags["status"],
        info["status"] == "FAILED",
        plain({each["key"]: each["value"] for each in data.get("params", [])}),
        {k: v for k, v in tags.items() if k == "reason" or k.startswith(("status", "gate "))},
        {k: values[0][1] for k, values in series.items() if [v[0] for v in values] == [0]},
        {k: sorted(values) for k, values in series.items() if values[0][0] != 0},
        files,
    )


def _files(listed: Any) -> list[str]:
    return [each["path"] for each in listed.get("files", []) if not each["is_dir"]]


COMET = Tracker(
    "comet", "Comet", "comet-ml", "comet_ml", "COMET_URL_OVERRIDE", "COMET_API_KEY",
    "COMET_API_KEY", ("experiment/metric", "log-other"),
    _comet, _seen_in_comet,
)  # fmt: skip
MLFLOW = Tracker(
    "mlflow", "MLflow", "mlflow-skinny", "mlflow", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_URI", ("mlflow-artifacts/",),
    _mlflow, _seen_in_mlflow,
)  # fmt: skip
WANDB = Tracker(
    "wandb", "Weights & Biases", "wandb", "wandb", "WANDB_BASE_URL", "WANDB_API_KEY",
    "WANDB_API_KEY", ("file_stream", "CommitArtifact", "upload/"),
    _wandb, _seen_in_wandb,
)  # fmt: skip
TRACKERS = {tracker.name: tracker for tracker in (COMET, MLFLOW, WANDB)}
