"""A window is what one model was asked, until it has enough rows and days."""

import time
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captured_lines import START, encoded, local, record, refusal, text
from smallboat.captured import archive
from smallboat.captured import windows as module
from toy.problem import PROBLEM

Json = dict[str, Any]


def windows(
    folder: Path, *records: Json, rows: int = 6, days: int = 0, since: date | None = None
) -> list[archive.Window]:
    """The windows of captured records."""
    (folder / "captured.jsonl").write_text(text(*records))
    archive.collect(PROBLEM, local(folder))
    return list(archive.windows(str(folder / "store"), since, rows, days))


def of(model: str, number: int, hours: float = 1.0, **changed: Any) -> Json:
    """The record of an answer of a model."""
    facts = {"run": f"run-{model}", "release": f"{model}-1", "model_hash": model}
    return record(number, hours, model=facts, **changed)


def test_a_window_has_what_the_model_saw_and_answered(tmp_path: Path) -> None:
    other = {"model": record(0)["model"] | {"release": "aaaa-2222"}, "features_run": "18"}
    window, rest = windows(
        tmp_path, record(0), refusal(1), record(2, **other), record(3, redacted=["floor"]),
        record(4, keys=[]),
    )  # fmt: skip
    assert (window.model, window.run, window.features_runs) == ("aaaa", "17", {"17", "18"})
    assert window.releases == ["aaaa-1111", "aaaa-2222"]
    assert window.first == START.replace(tzinfo=None)
    assert (window.last - window.first).total_seconds() == 3 * 3600
    assert (window.rows, window.complete, window.redacted) == (6, True, ("floor",))
    assert window.inputs.dtype == np.float32 and window.outputs.dtype == np.float64
    assert window.inputs.tolist() == [
        [0, 0, 1], [0, 1, 2], [2, 0, 1], [2, 1, 2], [3, 0, 1], [3, 1, 2],
    ]  # fmt: skip
    assert window.outputs.tolist() == [0, 0, 2, -2, 3, -3]
    assert list(window.facts.columns) == ["time", "release", "features_run", "request", "key"]
    assert window.facts["key"].tolist()[:3] == ["van-0/a", "van-0/b", "van-2/a"]
    assert window.facts["request"].tolist() == [0, 0, 1, 1, 2, 2]
    assert (rest.rows, rest.complete, rest.facts["key"].tolist()) == (2, False, ["", ""])


def test_classes_are_columns(tmp_path: Path) -> None:
    shares = [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]
    (window,) = windows(tmp_path, record(0, outputs=encoded(shares)))
    assert window.outputs.tolist() == shares


def test_equal_keys_or_requests_are_one_cluster(tmp_path: Path) -> None:
    sessions = [["s/0", ""], ["t/0", "t/1"], ["s/1", "s/2"], ["7", "8"], ["7", "8"], ["7", "9"]]
    equal = record(6)["inputs"]
    (window,) = windows(
        tmp_path,
        *(record(number, keys=keys) for number, keys in enumerate(sessions)),
        record(6, keys=[]), record(7, keys=["", ""], inputs=equal), record(8, keys=[]),
        rows=100,
    )  # fmt: skip
    assert window.facts["request"].tolist()[::2] == [0, 1, 0, 2, 2, 3, 4, 4, 5]


def test_a_window_needs_rows_and_days(tmp_path: Path) -> None:
    found = windows(tmp_path, *map(record, range(60)), rows=6, days=1)
    assert [(each.rows, each.complete) for each in found] == [(50, True), (50, True), (20, False)]
    assert [len(each.facts) for each in found] == [50, 50, 20]
    found = windows(tmp_path, *map(record, range(60)), rows=100, days=1)
    assert [(each.rows, each.complete) for each in found] == [(100, True), (20, False)]
    found = windows(tmp_path, rows=100, days=1, since=date(2026, 3, 3))
    assert [each.rows for each in found] == [2 * 24]


def test_a_release_amid_a_window_starts_another_one(tmp_path: Path) -> None:
    lines = [of("a", n) for n in range(3)] + [of("b", n) for n in range(3, 9)]
    found = windows(tmp_path, *lines, of("a", 9), rows=8)
    told = [(each.model, each.run, each.rows, each.complete) for each in found]
    assert told == [
        ("a", "run-a", 6, False), ("b", "run-b", 8, True), ("b", "run-b", 4, False),
        ("a", "run-a", 2, False),
    ]  # fmt: skip


def test_two_models_side_by_side_each_have_a_window(tmp_path: Path) -> None:
    lines = [of("ab"[n % 2], n, hours=0.1) for n in range(12)]
    found = windows(tmp_path, *lines, rows=10)
    assert [(each.model, each.rows, each.complete) for each in found] == [
        ("a", 10, True), ("b", 10, True), ("a", 2, False), ("b", 2, False),
    ]  # fmt: skip


def test_two_models_that_take_turns_for_long_cost_no_more(tmp_path: Path) -> None:
    began = time.process_time()
    found = windows(tmp_path, *(of("ab"[n % 2], n, hours=0.0001) for n in range(8000)), rows=1000)
    assert [each.rows for each in found] == [1000] * 16
    assert time.process_time() - began < 20


def test_a_model_that_comes_back_does_not_go_on_with_its_old_window(tmp_path: Path) -> None:
    lines = [of("a", 0), of("b", 5), of("a", 6, hours=1.0), of("a", 7)]
    found = windows(tmp_path, *lines, rows=100)
    assert [(each.model, each.rows) for each in found] == [("a", 2), ("b", 2), ("a", 4)]


def test_of_a_large_window_a_part_of_the_requests_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 50)
    (window,) = windows(tmp_path, *map(record, range(200)), rows=1000)
    assert (window.rows, len(window.facts), len(window.inputs)) == (400, 50, 50)
    numbers = window.inputs[::2, 0].astype(int).tolist()
    assert numbers == list(range(0, 200, 8))
    (large,) = windows(tmp_path / "store", record(0))
    assert large.rows == 2


def test_one_request_of_more_rows_than_are_kept_is_kept_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 3)
    large = {"rows": 5, "keys": [], "inputs": encoded(np.ones((5, 3))), "outputs": encoded([1] * 5)}
    (window,) = windows(tmp_path, record(0, **large), record(1), record(2), rows=100)
    assert (window.rows, len(window.facts)) == (9, 5)


def test_a_damaged_answer_costs_its_own_rows_only(tmp_path: Path) -> None:
    """Bytes that are lost in the middle leave base64 that can be read."""
    narrow, wide = encoded(np.ones((2, 2))), encoded(np.ones((2, 3)))
    (window,) = windows(
        tmp_path, record(0, inputs=narrow), record(1), record(2, outputs=wide), record(3), rows=100
    )  # fmt: skip
    assert window.inputs.tolist() == [[1, 0, 1], [1, 1, 2], [3, 0, 1], [3, 1, 2]]
    assert window.outputs.tolist() == [1, -1, 3, -3]
    assert window.facts["key"].tolist() == ["van-1/a", "van-1/b", "van-3/a", "van-3/b"]


def test_the_order_is_that_of_arrival(tmp_path: Path) -> None:
    for numbers in ([5, 3], [9, 1], [7]):
        (tmp_path / "captured.jsonl").write_text(text(*map(record, numbers)))
        archive.collect(PROBLEM, local(tmp_path))
    (window,) = archive.windows(str(tmp_path / "store"), None, 100, 0)
    assert window.inputs[::2, 0].tolist() == [5, 3, 9, 1, 7]
    assert (window.last - window.first).total_seconds() == 8 * 3600


def test_memory_holds_about_one_window(tmp_path: Path) -> None:
    wide = encoded(np.ones((2, 300)))
    lines = text(*(record(number, inputs=wide) for number in range(15_000)))
    (tmp_path / "captured.jsonl").write_text(lines)
    archive.collect(PROBLEM, local(tmp_path))
    tracemalloc.start()
    sizes, times = [], []
    for window in archive.windows(str(tmp_path / "store"), None, 400, 0):
        sizes.append(window.inputs.nbytes)
        times += window.facts["time"].tolist()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(sizes) == 15_000 * 2 * 300 * 4
    assert peak < sum(sizes) / 2
    assert times == sorted(times)
