import io
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from model_stub import EXAMPLE, Model
from smallboat.serving.api.capture import BACKUPS, MAX_QUEUED, Capture, File
from smallboat.serving.api.settings import Settings

Json = dict[str, Any]
Make = Callable[..., FlaskClient]


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_an_answer_is_kept_with_request_run_time_and_id(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "new" / "capture.jsonl"
    api = make(CAPTURE=str(path))
    answer = api.post("/predict", json=EXAMPLE, headers={"X-Request-Id": "one"})
    wait_for(lambda: len(lines(path)) == 1)
    (record,) = lines(path)
    assert list(record)[:4] == ["time", "id", "ms", "status"]  # small things first
    assert record["request"] == EXAMPLE
    assert (record["id"], record["status"]) == ("one", 200)
    assert record["time"].startswith("20") and record["ms"] > 0
    assert {key: record[key] for key in ("model", "predictions", "warnings")} == answer.json
    assert (record["rows"], record["keys"]) == (2, ["tillery", "marrabel"])
    assert path.stat().st_mode & 0o077 == 0


def test_the_client_gets_the_same_bytes_with_and_without_capture(
    make: Make, tmp_path: Path
) -> None:
    answers = [
        make(CAPTURE=capture).post("/predict", json=EXAMPLE).data
        for capture in ("off", str(tmp_path / "capture.jsonl"))
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("send", "status", "code", "field"),
    [
        (lambda api: api.post("/predict", json={}), 422, "invalid", "season"),
        (lambda api: api.post("/predict", data=b"{", content_type="application/json"), 400,
         "bad_request", "body"),
        (lambda api: api.post("/predict", json=EXAMPLE | {"grid": [EXAMPLE["grid"][0]] * 2}), 422,
         "invalid", "grid[1].driver"),
        (lambda api: api.get("/predict?season=x"), 422, "invalid", "season"),
        (lambda api: api.delete("/predict"), 405, "method_not_allowed", None),
    ],
)  # fmt: skip
def test_a_refusal_is_kept_without_its_request(
    make: Make, tmp_path: Path, send: Callable[..., Any], status: int, code: str, field: str | None
) -> None:
    path = tmp_path / "capture.jsonl"
    send(make(CAPTURE=str(path)))
    wait_for(lambda: len(lines(path)) == 1)
    (record,) = lines(path)
    assert record.keys() == {"time", "id", "ms", "status", "error"}
    assert (record["status"], record["error"]) == (status, {"code": code, "field": field})


def test_a_failure_is_kept_and_other_paths_are_not(
    make: Make, model: Model, tmp_path: Path
) -> None:
    path = tmp_path / "capture.jsonl"
    api = make(CAPTURE=str(path), CORS_ORIGINS="*")
    for other in ("/health", "/page.json", "/nothing"):
        api.get(other)
    origin = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    api.options("/predict", headers=origin)
    model.failure = (200, b"no JSON", "")
    api.post("/predict", json=EXAMPLE)
    wait_for(lambda: lines(path))
    (record,) = lines(path)
    assert (record["status"], record["error"]["code"]) == (503, "unavailable")


@pytest.mark.parametrize("described", [True, False])
def test_an_older_model_server_answers_and_is_captured_without_inputs(
    make: Make, model: Model, tmp_path: Path, described: bool
) -> None:
    path = tmp_path / "capture.jsonl"
    api = make(CAPTURE=str(path))
    if described:
        api.get("/health")  # the API knows a newer server, then the older one is served again
    model.captures = False
    ask = (lambda: api.get("/predict?season=2026&round=3")) if not described else (
        lambda: api.post("/predict", json=EXAMPLE)
    )  # fmt: skip
    assert [ask().status_code for _ in range(3)] == [200] * 3
    wait_for(lambda: len(lines(path)) == 3)
    assert all("rows" not in line and line["predictions"] for line in lines(path))
    model.captures, model.release = True, "bbbb-1111"
    ask()
    ask()
    wait_for(lambda: len(lines(path)) == 5)
    assert lines(path)[-1]["rows"] == 2


def test_no_capture_asks_the_model_for_nothing(make: Make, model: Model) -> None:
    make(CAPTURE="off").post("/predict", json=EXAMPLE)
    make(CAPTURE="/dev/null", CAPTURE_SHARE="0").post("/predict", json=EXAMPLE)
    assert model.count("captured") == 0
    assert make(CAPTURE="endpoint").post("/predict", json=EXAMPLE).status_code == 200
    assert model.count("captured") == 1  # SageMaker keeps what the model answered


def test_a_share_is_kept_and_names_are_redacted() -> None:
    random.seed(4)
    kept: list[bytes] = []
    some = Capture(kept.append, 0.25, frozenset({"driver"}), at_once=True)
    assert 200 < sum(some.sampled() for _ in range(1000)) < 300
    request = {"grid": [{"driver": "x", "grid": 1}]}
    some.put({"request": request, "warnings": ["unknown: x"], "model": {"driver": "a fact"}})
    redacted = {"grid": [{"driver": "redacted", "grid": 1}]}
    assert json.loads(kept[0]) == {
        "request": redacted, "warnings": "redacted", "model": {"driver": "a fact"},
    }  # fmt: skip
    assert not Capture(kept.append, 0.0, frozenset(), at_once=True).sampled()


def test_fields_of_the_record_are_kept_whatever_a_column_is_called() -> None:
    kept: list[bytes] = []
    names = frozenset({"status", "error", "inputs", "outputs", "keys", "rows"})
    record = {"status": 422, "error": {"code": "invalid"}, "inputs": "AA==", "outputs": "AA=="}
    record |= {"keys": [], "rows": 1}
    Capture(kept.append, 1.0, names, at_once=True).put({**record, "request": {"rows": [1]}})
    assert json.loads(kept[0]) == {**record, "request": {"rows": "redacted"}}


def test_the_whole_request_can_be_left_out() -> None:
    kept: list[bytes] = []
    record = {"keys": ["a"], "inputs": "AA==", "outputs": "AA==", "predictions": [{"minutes": 3}]}
    some = Capture(kept.append, 1.0, frozenset({"request"}), at_once=True)
    some.put({**record, "request": {"parcels": [{"parcel": "a"}]}, "warnings": ["unknown: a"]})
    assert json.loads(kept[0]) == {**record, "request": "redacted", "warnings": "redacted"}


def test_a_line_that_is_too_large_for_the_log_service_is_shortened() -> None:
    kept: list[bytes] = []
    capture = Capture(kept.append, 1.0, frozenset(), at_once=True, max_bytes=200)
    capture.put({"time": "t", "inputs": "i" * 50, "request": "r" * 200})
    capture.put({"time": "t", "inputs": "i" * 250, "request": "r" * 200})
    assert [json.loads(line).keys() for line in kept] == [{"time", "inputs"}, {"time"}]


def test_off_keeps_nothing() -> None:
    assert Capture.from_settings(Settings("endpoint", capture="off")) is None


def test_a_full_disk_does_not_matter(make: Make) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full, whose disk is always full")
    api = make(CAPTURE="/dev/full")
    with redirect_stderr(io.StringIO()) as printed:  # pytest's own loses what comes while it reads
        for _ in range(3):
            assert api.post("/predict", json=EXAMPLE).status_code == 200
        wait_for(lambda: "not kept" in printed.getvalue())


def test_a_folder_that_may_not_be_written_does_not_matter(make: Make, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    api = make(CAPTURE=str(blocked / "capture.jsonl"))
    assert api.post("/predict", json=EXAMPLE).status_code == 200


def test_a_line_after_one_that_was_cut_off_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "capture.jsonl"
    sink = File(str(path))
    write = os.write
    monkeypatch.setattr("os.write", lambda file, data: write(file, data[:5]))
    with pytest.raises(OSError, match="no space"):
        sink(b'{"a": 1}\n')
    monkeypatch.undo()
    sink(b'{"b": 2}\n')
    assert path.read_text().splitlines()[-1] == '{"b": 2}'


def together(path: Path) -> list[Json]:
    """All lines that are kept, the oldest first."""
    aside = sorted(path.parent.glob(f"{path.name}.*"), key=lambda each: -int(each.suffix[1:]))
    return [line for each in (*aside, path) for line in lines(each)]


def test_full_files_are_put_aside_and_only_the_oldest_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smallboat.serving.api.capture.MAX_FILE_BYTES", 100)
    path = tmp_path / "capture.jsonl"
    kept = Capture(File(str(path)), 1.0, frozenset(), at_once=True)
    for number in range(1000):
        kept.put({"number": number})
        found = [line["number"] for line in together(path)]
        assert found == list(range(found[0], number + 1))
    assert kept.lost == 0
    names = {path.name, *(f"{path.name}.{number}" for number in range(1, BACKUPS + 1))}
    assert {each.name for each in tmp_path.iterdir()} == names
    sizes = [each.stat().st_size for each in tmp_path.iterdir() if each != path]
    assert all(100 <= size < 120 for size in sizes)
    assert {each.stat().st_mode & 0o077 for each in tmp_path.iterdir()} == {0}


def test_processes_that_put_a_file_aside_together_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    code = f"""
import sys
from smallboat.serving.api import capture
capture.MAX_FILE_BYTES, capture.BACKUPS = 1000, 200
kept = capture.Capture(capture.File({str(path)!r}), 1.0, frozenset(), at_once=True)
sys.stdin.readline()
for number in range(500):
    kept.put(dict(process=int(sys.argv[1]), number=number))
sys.exit(kept.lost)
"""
    started = [
        subprocess.Popen([sys.executable, "-c", code, name], stdin=subprocess.PIPE)
        for name in "1234"
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in started:
        process.communicate(timeout=120)
    assert [process.returncode for process in started] == [0, 0, 0, 0]
    found = [(line["process"], line["number"]) for line in together(path)]
    assert sorted(found) == [(process, n) for process in range(1, 5) for n in range(500)]
    assert len(list(tmp_path.iterdir())) < 80


def test_a_full_file_that_can_not_be_put_aside_grows_no_more_and_does_not_matter(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smallboat.serving.api.capture.MAX_FILE_BYTES", 1)
    monkeypatch.setattr("smallboat.serving.api.capture.BACKUPS", 1)
    path = tmp_path / "capture.jsonl"
    (tmp_path / "capture.jsonl.1").mkdir()
    path.write_text("{}\n")
    api = make(CAPTURE=str(path))
    with redirect_stderr(io.StringIO()) as printed:
        assert api.post("/predict", json=EXAMPLE).status_code == 200
        wait_for(lambda: "1 not kept" in printed.getvalue())
    assert path.read_text() == "{}\n"


def test_what_is_no_file_of_its_own_is_not_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smallboat.serving.api.capture.MAX_FILE_BYTES", 1)
    link = tmp_path / "stderr"
    link.symlink_to(tmp_path / "log")
    sink = File(str(link))
    sink(b"1\n")
    sink(b"2\n")
    assert link.is_symlink() and link.read_text() == "1\n2\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_sink_that_hangs_slows_nothing_and_fills_no_memory() -> None:
    free, hangs = threading.Event(), threading.Event()
    written: list[bytes] = []

    def sink(line: bytes) -> None:
        hangs.set()
        free.wait(60)
        written.append(line)

    stuck = Capture(sink, 1.0, frozenset(), at_once=False)
    stuck.put({})
    assert hangs.wait(60)
    for _ in range(MAX_QUEUED + 100):
        stuck.put({})
    assert written == []  # nobody waited for the first line
    assert stuck.lost == 100
    free.set()


def test_what_waits_is_written_when_the_process_ends(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    code = f"""
from smallboat.serving.api.capture import Capture, File
kept = Capture(File({str(path)!r}), 1.0, frozenset(), at_once=False)
for number in range(500):
    kept.put(dict(number=number))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert [line["number"] for line in lines(path)] == list(range(500))


def test_a_closed_pipe_does_not_matter(model: Model) -> None:
    code = f"""
import sys
from smallboat.serving.serving import PAGE
from smallboat.serving.api.app import create
from smallboat.serving.api.settings import Settings
api = create(PAGE, Settings.from_environment(dict(
    ENDPOINT_NAME="endpoint", CAPTURE="stdout", AWS_LAMBDA_FUNCTION_NAME="f",
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME={model.url!r},
))).test_client()
sys.stdin.readline()
print([api.post("/predict", json={EXAMPLE!r}).status_code for _ in range(3)], file=sys.stderr)
"""
    words = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, errors = process.communicate(b"\n", timeout=120)
    assert b"[200, 200, 200]" in errors
    assert b"Broken pipe" in errors


def test_stdout_gets_one_line_a_request_before_the_answer_on_lambda(
    make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    api = make(CAPTURE="stdout", AWS_LAMBDA_FUNCTION_NAME="f")
    api.post("/predict", json=EXAMPLE)
    (line,) = capfd.readouterr().out.splitlines()
    assert json.loads(line)["request"] == EXAMPLE
