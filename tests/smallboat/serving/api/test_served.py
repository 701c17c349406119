"""The API as a process, over sockets."""

import http.client
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_stub import EXAMPLE, Model
from smallboat.serving import servers
from smallboat.serving.serving import PAGE

JSON = {"Content-Type": "application/json"}
BODY = json.dumps(EXAMPLE).encode()
MEGABYTES = b" " * 6 * 2**20


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What the server says."""
    return tmp_path / "log"


@pytest.fixture
def port(model: Model, log: Path) -> Iterator[int]:
    """Where the API is served."""
    number = servers.free_port()
    words = [sys.executable, *servers.API_SERVER, "--port", str(number), "--page", PAGE]
    variables = {"ENDPOINT_NAME": "endpoint", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url}
    with log.open("w") as output:
        process = subprocess.Popen(
            words, env=os.environ | variables, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait(number)
            yield number
        finally:
            process.terminate()
            process.wait(60)


def _wait(port: int) -> None:
    for _ in range(1200):
        try:
            if ask(port, "GET", "/health")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the API did not come up")


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    """Status and text of an answer, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body or None, JSON | headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_body_that_is_refused_unread_still_gets_its_answer(port: int) -> None:
    for headers in ({}, {"Connection": "close"}):
        assert ask(port, "POST", "/predict", MEGABYTES, **headers)[0] == 413
        assert ask(port, "POST", "/nothing", MEGABYTES, **headers)[0] == 404
        assert (
            ask(port, "POST", "/predict", MEGABYTES, **headers | {"Content-Type": "x/y"})[0] == 415
        )


def test_a_body_of_unknown_length_is_limited_too(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for chunks, status in (([BODY[:9], BODY[9:]], 200), ([MEGABYTES], 413)):
        connection.request("POST", "/predict", iter(chunks), JSON, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == status, answer.read()
        answer.read()
    connection.close()


@pytest.mark.parametrize("line", ["GET /health", "POST /predict"])
def test_a_broken_chunk_ends_the_connection_after_a_whole_answer(port: int, line: str) -> None:
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=4) as client:
        client.sendall(head + b"no size\r\n")
        answer = b"".join(iter(lambda: client.recv(2**16), b""))
    assert answer.startswith(b"HTTP/1.1 400") and answer.count(b"HTTP/1.1") == 1
    message = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
    assert message == "the request can't be read: it is not valid HTTP"


def test_two_hundred_who_stop_sending_keep_nobody_waiting_and_leave_no_traceback(
    port: int, log: Path
) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    sent = [b"", head, head + b"Content-Length: 9\r\n\r\n{"] * 66 + [head]
    stuck = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in sent]
    for each, piece in zip(stuck, sent, strict=True):
        each.sendall(piece)
    assert ask(port, "GET", "/")[0] == 200
    assert not select.select(stuck, [], [], 0)[0]  # none of them had to be given up for it
    for each, piece in zip(stuck, sent, strict=True):
        if piece:
            answer = each.recv(1000)
            assert not answer or answer.startswith(b"HTTP/1.1 400")
        each.close()
    assert "Traceback" not in log.read_text()


def test_no_request_is_lost_while_the_model_switches(port: int, model: Model) -> None:
    seen: list[tuple[int, str]] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for _ in range(40):
            connection.request("POST", "/predict", BODY, JSON)
            answer = connection.getresponse()
            seen.append((answer.status, json.loads(answer.read())["model"]["release"]))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(16)]
    for worker in workers:
        worker.start()
    while len(seen) < 200:
        time.sleep(0.01)
    model.release = "bbbb-2222"
    for worker in workers:
        worker.join()
    assert len(seen) == 640
    assert set(seen) == {(200, "aaaa-1111"), (200, "bbbb-2222")}
    assert json.loads(ask(port, "GET", "/model")[1])["release"] == "bbbb-2222"
