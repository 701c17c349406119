"""Traffic, capture, outcomes, drift, verdict, retraining, release, and the drift is gone."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import copies
import edits
import pytest
import requests
from clouds import ROOT
from drifting import DAYS, EACH, RULES, SHIFTED, asked, parcels


class Circle:
    """A project on this machine, and what its commands print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        copies.copy(folder)
        copies.trust(folder)
        (folder / "serving").symlink_to(ROOT / "serving")
        for name, text in (("data.py", SHIFTED), ("candidates.py", edits.GOOD)):
            with (folder / "toy" / name).open("a") as file:
                file.write(text)
        base = folder / "config" / "base.toml"
        kept = re.sub(r"\[monitor\]\n(?:[^\[\n].*\n|\n)*", "", base.read_text())
        base.write_text(kept.replace("[data]\n", f"[data]\ndays = {DAYS}\n") + RULES)
        edits.until(folder, "2023-12-31")
        self.parcels = parcels()
        self.verdicts: dict[str, Any] = {}
        self.printed: dict[str, str] = {}

    def do(self, *words: str, code: int = 0) -> str:
        done = copies.command(self.folder, *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def serve(self) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        return self.do("serve", "--background", "--port", str(port)).split()[1]

    def ask(self, which: str, first: int, last: int) -> None:
        """Ask for parcels, named as their outcomes are."""
        for body in asked(self.parcels[which].iloc[first:last], EACH):
            answer = requests.post(f"{self.url}/predict", json=body, timeout=30)
            assert answer.status_code == 200, answer.text

    def monitor(self, what: str, code: int) -> Any:
        self.printed[what] = self.do("monitor", code=code)
        file = self.folder / "store" / "monitoring" / "verdict.json"
        self.verdicts[what] = json.loads(file.read_text())
        return self.verdicts[what]

    url = ""


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Circle]:
    circle = Circle(tmp_path_factory.mktemp("circle"))
    circle.do("train")
    circle.do("deploy")
    circle.url = circle.serve()
    try:
        circle.printed["nothing asked"] = circle.do("monitor", code=2)
        circle.ask("before", 0, 40)
        circle.monitor("little asked", 0)
        circle.ask("before", 40, 400)
        circle.monitor("as in training", 0)
        circle.ask("after", 0, 440)
        circle.monitor("drifted", 5)
        circle.monitor("drifted still", 5)
        edits.until(circle.folder, "2024-12-31")
        circle.do("retrain")
        circle.monitor("outcomes known", 0)
        circle.ask("after", 40, 480)
        circle.monitor("drift gone", 0)
        yield circle
    finally:
        circle.do("stop")


def test_before_anything_is_asked_there_is_no_verdict_to_fear(circle: Circle) -> None:
    assert "nothing was asked since capture is on" in circle.printed["nothing asked"]
    found = circle.verdicts["little asked"]
    assert (found["verdict"], [each["complete"] for each in found["windows"]]) == (
        "healthy", [False],
    )  # fmt: skip
    assert "too few requests for a verdict" in circle.printed["little asked"]


def test_what_was_trained_on_does_not_drift_and_does_not_count(circle: Circle) -> None:
    found = circle.verdicts["as in training"]
    assert found["verdict"] == "healthy"
    full = [window for window in found["windows"] if window["complete"]]
    assert [window["rows"] for window in full] == [200, 200]
    assert [window["known"] for window in full] == [200, 200]
    assert all(window["live"] is None for window in full)


def test_drift_is_found_named_and_asked_for_once(circle: Circle) -> None:
    found = circle.verdicts["drifted"]
    assert found["verdict"] == "drifted"
    named = {cause["name"] for cause in found["causes"] if cause["kind"] == "input"}
    assert named == {"distance"}
    assert found["asked"] and "distance has drifted" in found["request"]["reason"]
    again = circle.verdicts["drifted still"]
    assert again["verdict"] == "drifted" and not again["asked"]
    assert circle.printed["drifted still"].count("next: `make retrain`\n") == 1


def test_late_outcomes_are_picked_up(circle: Circle) -> None:
    old = circle.verdicts["drifted"]["release"]["model_hash"]
    found = circle.verdicts["outcomes known"]
    measured = [w for w in found["windows"] if w["model"] == old and w["live"]]
    assert sum(window["live"]["rows"] for window in measured) == 440
    assert found["live"][old]["rows"] == 440
    assert found["releases"][0]["live"]["rows"] == 440
    assert found["live"][old]["difference"]["mae"]["high"] < 0


def test_after_the_retraining_the_drift_is_gone(circle: Circle) -> None:
    before = circle.verdicts["drifted"]["release"]["model_hash"]
    found = circle.verdicts["drift gone"]
    assert found["release"]["model_hash"] != before
    own = [w for w in found["windows"] if w["model"] == found["release"]["model_hash"]]
    assert [window["complete"] for window in own[:2]] == [True, True]
    assert found["verdict"] == "healthy" and found["request"] is None


def test_the_lives_of_the_releases_tell_it(circle: Circle) -> None:
    first, second = json.loads(circle.do("status"))["releases"]
    assert first["live"]["rows"] == 440 and first["went"].startswith("replaced by run")
    assert second["until"] is None


def test_the_report_is_one_page_that_runs_nothing(circle: Circle) -> None:
    page = (circle.folder / "store" / "monitoring" / "report.html").read_text()
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")
    assert "Healthy" in page and "distance" in page
