"""The archive has each captured line once, whatever happens to files, commands and clocks."""

import errno
import json
import multiprocessing
import resource
import shutil
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from captured_lines import START, local, record, refusal, text
from smallboat.captured import archive, sources
from smallboat.errors import UserError
from smallboat.serving.api import capture
from smallboat.store import request_index
from toy.problem import PROBLEM

Json = dict[str, Any]


def collect(folder: Path) -> archive.Collected:
    return archive.collect(PROBLEM, local(folder))


def ids(folder: Path) -> list[str]:
    """The ids in the archive, in the order of arrival."""
    root = str(folder / "store")
    parts = request_index.files(root, request_index.load(root).parts)
    return [name for part in parts for (name,) in duckdb.sql(f"SELECT id FROM '{part}'").fetchall()]


def names(*numbers: int) -> list[str]:
    return [f"id-{number}" for number in numbers]


def test_a_line_becomes_a_row(tmp_path: Path) -> None:
    redacted = record(1, redacted=["floor"], keys=[])
    (tmp_path / "captured.jsonl").write_text(text(record(0), redacted, refusal(2)))
    assert collect(tmp_path) == archive.Collected(3, 0, str(tmp_path / "captured.jsonl"), [])
    (part,) = (tmp_path / "store/monitoring/requests").glob("date=2026-03-01/*.parquet")
    rows = duckdb.sql(f"SELECT * FROM '{part}'").fetchall()
    columns = duckdb.sql(f"SELECT * FROM '{part}'").columns
    first, second, third = (dict(zip(columns, row, strict=True)) for row in rows)
    assert first["time"] == START.replace(tzinfo=None)
    assert (first["id"], first["status"], first["error"], first["rows"]) == ("id-0", 200, None, 2)
    assert (first["ms"], first["model"], first["release"]) == (2.5, "aaaa", "aaaa-1111")
    assert (first["run"], first["features_run"]) == ("17", "17")
    assert (len(first["inputs"]), len(first["outputs"])) == (24, 8)
    assert first["keys"] == ["van-0/a", "van-0/b"]
    assert (second["keys"], second["redacted"]) == ([], ["floor"])
    assert (third["status"], third["error"], third["inputs"]) == (422, "invalid", None)


def test_only_what_is_new_is_added(tmp_path: Path) -> None:
    file = tmp_path / "captured.jsonl"
    file.write_text(text(record(0), record(1), record(0)))
    assert collect(tmp_path).new == 2
    before = (tmp_path / "store/monitoring/requests.json").read_text()
    assert collect(tmp_path).new == 0
    assert (tmp_path / "store/monitoring/requests.json").read_text() == before
    with file.open("a") as more:
        more.write(text(record(2), record(1), refusal(3)))
    assert collect(tmp_path).new == 2
    assert ids(tmp_path) == names(0, 1, 2, 3)


def test_rotation_and_truncation_lose_and_double_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "MAX_FILE_BYTES", 3000)
    monkeypatch.setattr(capture, "BACKUPS", 4)
    sink = capture.File(str(tmp_path / "captured.jsonl"))
    for number in range(60):
        sink(text(record(number)).encode())
        if number % 7 == 0:
            collect(tmp_path)
    assert (tmp_path / "captured.jsonl.4").exists()
    collect(tmp_path)
    (tmp_path / "captured.jsonl").write_text("")
    sink(text(record(60)).encode())
    collect(tmp_path)
    assert ids(tmp_path) == names(*range(61))


@pytest.mark.parametrize(
    "wrong",
    [
        text(record(5))[:300].encode(),  # cut off
        b"not JSON",
        b"\xff\xfe\x00garbage",
        b"\0" * 5000,  # what a crash leaves of a file
        b"[1, 2]",
        b'"text"',
        b"{}",
        b'{"time": {"a": 1}}',
        b'{"time": "yesterday"}',
        b'{"time": "infinity"}',
        b'{"time": "99999-01-01T00:00:00"}',
        b'{"time": "2026-03-01"' + b" " * 4000,
        b'"a quote that does not end, and a \\',
        ("[" * 100_000).encode(),
    ],
)
def test_a_wrong_line_is_counted_and_the_others_are_kept(tmp_path: Path, wrong: bytes) -> None:
    lines = [text(record(0)).encode(), wrong, b"\n", b"\n", text(record(1)).encode()]
    (tmp_path / "captured.jsonl").write_bytes(b"".join(lines))
    found = collect(tmp_path)
    assert (found.new, found.unreadable) == (2, 1)
    assert found.notes == ["1 captured line(s) are torn or no JSON: they are left out"]
    assert ids(tmp_path) == names(0, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": "redacted"},
        {"inputs": "$$$"},
        {"inputs": "AAAA"},
        {"inputs": None},
        {"outputs": ""},
        {"outputs": 7},
        {"rows": 3},
        {"rows": 0},
        {"rows": -1},
        {"rows": "many"},
        {"keys": "redacted"},
        {"keys": {"a": 1}},
        {"keys": ["one key for two rows"]},
        {"redacted": "x"},
        {"ms": "soon"},
        {"status": None},
        {"id": 7},
        {"model": None},
        {"model": "redacted"},
        {"features_run": None},
        {"request": "redacted", "predictions": "redacted"},
    ],
)  # fmt: skip
def test_a_line_with_a_wrong_field_is_kept_and_breaks_no_window(
    tmp_path: Path, change: Json
) -> None:
    (tmp_path / "captured.jsonl").write_text(text(record(0), record(1, **change), record(2)))
    assert collect(tmp_path).new == 3
    (window,) = archive.windows(str(tmp_path / "store"), None, 1000, 1)
    assert len(window.facts) == len(window.inputs) == len(window.outputs) == window.rows >= 4
    assert archive.traffic(str(tmp_path / "store"), None)["requests"].sum() == 3


def test_keys_and_names_come_as_they_are(tmp_path: Path) -> None:
    keys = ['Zürich, 1/"a"', "日本\\n/b"]
    (tmp_path / "captured.jsonl").write_text(text(record(0, keys=keys)))
    collect(tmp_path)
    (window,) = archive.windows(str(tmp_path / "store"), None, 1, 0)
    assert window.facts["key"].tolist() == keys


def test_lines_of_an_older_library_count_as_traffic_only(tmp_path: Path) -> None:
    new = {"status", "rows", "keys", "inputs", "outputs", "redacted", "features_run"}
    older = {name: value for name, value in record(0).items() if name not in new}
    (tmp_path / "captured.jsonl").write_text(text(older))
    found = collect(tmp_path)
    assert found.new == 1
    assert found.notes[0].startswith("1 answer(s) were captured without inputs")
    assert archive.traffic(str(tmp_path / "store"), None)["rows"].tolist() == [2]
    assert list(archive.windows(str(tmp_path / "store"), None, 1, 0)) == []


def test_nothing_captured_yet_is_a_sentence_and_no_requests_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist: nothing was asked since capture is on"):
        collect(tmp_path)
    assert list(archive.windows(str(tmp_path / "store"), None, 1, 0)) == []
    assert archive.traffic(str(tmp_path / "store"), None).empty
    (tmp_path / "captured.jsonl").write_text("")
    assert collect(tmp_path).new == 0
    assert not (tmp_path / "store/monitoring/requests.json").exists()
    (tmp_path / "captured.jsonl").write_text(text(record(0)))
    collect(tmp_path)
    (tmp_path / "captured.jsonl").unlink()
    assert collect(tmp_path).new == 0  # what was archived is still there


@pytest.mark.parametrize("capture", ["off", "stdout"])
def test_without_a_captured_file_the_message_says_how_to_get_one(
    tmp_path: Path, capture: str
) -> None:
    with pytest.raises(UserError, match=r"set api\.capture in config/local\.toml to a file"):
        archive.collect(PROBLEM, local(tmp_path, capture=capture))


def test_a_part_without_its_commit_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "captured.jsonl").write_text(text(record(0)))
    collect(tmp_path)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(request_index, "save", killed)
        (tmp_path / "captured.jsonl").write_text(text(record(0), record(1)))
        with pytest.raises(KeyboardInterrupt):
            collect(tmp_path)
    requests = tmp_path / "store/monitoring/requests"
    assert len(list(requests.glob("*/*.parquet"))) == 2
    assert ids(tmp_path) == names(0)
    assert archive.traffic(str(tmp_path / "store"), None)["requests"].tolist() == [1]
    assert collect(tmp_path).new == 1
    assert ids(tmp_path) == names(0, 1)
    assert len(list(requests.glob("*/*.parquet"))) == 2
    assert sorted(path.name for path in requests.parent.iterdir()) == ["requests", "requests.json"]


def test_of_two_commands_at_once_one_collects_and_the_other_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "captured.jsonl").write_text(text(record(0)))
    inside, go_on = threading.Event(), threading.Event()
    files = sources.LocalFile.files

    def slowly(*args: Any) -> Any:
        inside.set()
        go_on.wait(60)
        yield from files(*args)

    monkeypatch.setattr(sources.LocalFile, "files", slowly)
    first = threading.Thread(target=collect, args=[tmp_path])
    first.start()
    assert inside.wait(60)
    with pytest.raises(UserError, match="another command collects captured requests"):
        collect(tmp_path)
    go_on.set()
    first.join()
    assert ids(tmp_path) == names(0)


def test_collecting_while_the_api_writes_loses_nothing(tmp_path: Path) -> None:
    code = f"""
import sys, time
sys.path[:0] = {sys.path!r}
from captured_lines import record, text
from smallboat.serving.api import capture
capture.MAX_FILE_BYTES = 20_000
sink = capture.File({str(tmp_path / "captured.jsonl")!r})
for number in range(300):
    sink(text(record(number)).encode())
    time.sleep(.002)
"""
    writing = subprocess.Popen([sys.executable, "-c", code])
    while writing.poll() is None:
        if (tmp_path / "captured.jsonl").exists():
            collect(tmp_path)
    assert writing.returncode == 0
    collect(tmp_path)
    assert sorted(ids(tmp_path)) == sorted(names(*range(300)))


def test_a_captured_file_may_be_on_another_file_system_and_vanish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "captured.jsonl.1").write_text(text(record(0)))
    (tmp_path / "captured.jsonl").write_text(text(record(1)))

    def elsewhere(link: Path, path: Path) -> None:
        if path.suffix == ".1":  # rotated a moment ago
            raise FileNotFoundError(errno.ENOENT, "no such file")
        raise OSError(errno.EXDEV, "another file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "hardlink_to", elsewhere)
        assert collect(tmp_path).new == 1
    assert collect(tmp_path).new == 1
    assert ids(tmp_path) == names(1, 0)


def test_a_clock_that_moved_is_told_and_loses_nothing(tmp_path: Path) -> None:
    future = (datetime.now(UTC) + timedelta(days=4000)).isoformat()
    lines = [record(0), record(1), record(2, time=future), record(-72), record(-71), record(3)]
    (tmp_path / "captured.jsonl").write_text(text(*lines))
    found = collect(tmp_path)
    assert found.notes == [
        "1 request(s) are dated after now: the clock of the API's machine moved",
        "1 request(s) are dated more than a day before the one that arrived before: the clock of "
        "the API's machine moved",
    ]
    assert ids(tmp_path) == names(0, 1, 2, -72, -71, 3)
    assert collect(tmp_path).new == 0
    days = {path.parent.name for path in (tmp_path / "store").rglob("*.parquet")}
    assert days == {"date=2026-03-01"}  # the day of arrival
    assert archive.traffic(str(tmp_path / "store"), date(2026, 3, 1))["requests"].tolist() == [3, 1]


def test_requests_around_midnight_are_in_one_order(tmp_path: Path) -> None:
    numbers = [11, 13, 12, 10, 14, 35, 37, 36]
    (tmp_path / "captured.jsonl").write_text(text(*map(record, numbers)))
    collect(tmp_path)
    assert ids(tmp_path) == names(*numbers)
    assert len(list((tmp_path / "store").rglob("*.parquet"))) == 3


def test_traffic_is_counted_by_day(tmp_path: Path) -> None:
    lines = [record(0), record(1, ms=4.5), refusal(2), refusal(3, 503), record(24)]
    (tmp_path / "captured.jsonl").write_text(text(*lines))
    collect(tmp_path)
    found = archive.traffic(str(tmp_path / "store"), None)
    assert [str(day.date()) for day in found.index] == ["2026-03-01", "2026-03-02"]
    assert list(found.columns) == ["requests", "refused", "failed", "ms_p50", "ms_p95", "rows"]
    assert found.iloc[0][["requests", "refused", "failed", "ms_p50", "rows"]].tolist() == [
        4, 1, 1, 2.5, 4,
    ]  # fmt: skip
    assert archive.traffic(str(tmp_path / "store"), date(2026, 3, 2))["requests"].tolist() == [1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "can't be read"),
        ("[]", "can't be read"),
        ('{"schema": 1}', "can't be read"),
        ('{"schema": 1, "parts": [{"path": 1}], "cursors": {}}', "can't be read"),
        ('{"schema": 2}', "has schema 2, this version of smallboat reads 1"),
    ],
)
def test_an_index_that_is_wrong_is_a_sentence(tmp_path: Path, content: str, message: str) -> None:
    index = tmp_path / "store/monitoring/requests.json"
    index.parent.mkdir(parents=True)
    index.write_text(content)
    (tmp_path / "captured.jsonl").write_text(text(record(0)))
    with pytest.raises(UserError, match=message):
        collect(tmp_path)
    with pytest.raises(UserError, match=message):
        list(archive.windows(str(tmp_path / "store"), None, 1, 0))
    assert index.read_text() == content
    assert [path.name for path in index.parent.iterdir()] == ["requests.json"]


def test_a_part_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "captured.jsonl").write_text(text(record(0)))
    collect(tmp_path)
    shutil.rmtree(tmp_path / "store/monitoring/requests")
    with pytest.raises(UserError, match=r"requests/date=2026-03-01/.* is gone: restore it"):
        archive.traffic(str(tmp_path / "store"), None)


def test_a_full_disk_is_a_sentence_and_leaves_the_archive_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "captured.jsonl").write_text(text(record(0)))
    collect(tmp_path)
    (tmp_path / "captured.jsonl").write_text(text(*map(record, range(900))))

    def limited(answers: Any) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))
        try:
            collect(tmp_path)
        except Exception as error:
            answers.put((type(error).__name__, str(error)))
        else:
            answers.put("collected")

    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    process = context.Process(target=limited, args=[answers])
    process.start()
    name, message = answers.get(timeout=120)
    process.join()
    assert name == "FullDiskError", message
    assert "nothing was saved" in message
    assert ids(tmp_path) == names(0)
    assert collect(tmp_path).new == 899


def test_an_interrupted_command_leaves_nothing_that_the_next_one_keeps(tmp_path: Path) -> None:
    folder = tmp_path / "store/monitoring"
    (folder / "collecting-old").mkdir(parents=True)
    (folder / "collecting-old/spool").write_text("x")
    (tmp_path / "captured.jsonl").write_text(text(record(0)))
    collect(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["requests", "requests.json"]
    assert json.loads((folder / "requests.json").read_text())["schema"] == 1


def test_a_damaged_part_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "captured.jsonl").write_text(text(record(0)))
    archive.collect(PROBLEM, local(tmp_path))
    root = str(tmp_path / "store")
    (part,) = Path(root, "monitoring", "requests").glob("*/*.parquet")
    part.write_bytes(part.read_bytes()[:200])
    for read in (
        lambda: archive.collect(PROBLEM, local(tmp_path)),
        lambda: archive.keys(root, None),
        lambda: archive.traffic(root, None),
        lambda: list(archive.windows(root, None, 1, 0)),
    ):
        with pytest.raises(UserError, match=r"monitoring/requests can't be read: .*; restore it"):
            read()
