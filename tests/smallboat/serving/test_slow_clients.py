"""Clients that are slow, silent or wrong: nobody else waits for them, and they learn why."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvicorn
from model_servers import JSON, Files, Server, running, write
from smallboat.serving import http_protocol
from smallboat.serving.asgi import Receive, Scope, Send, respond
from smallboat.serving.servers import free_port
from toy import service

CLIENTS = 200
SECONDS = 0.2
"""How long everybody else may wait for an answer."""
HEAD = f"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\n".encode()


@pytest.fixture(scope="module")
def single(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one worker, so that it is that worker who is kept busy."""
    folder = tmp_path_factory.mktemp("slow") / "endpoint"
    write(folder / "releases" / "one", files)
    (folder / "current").write_text("one")
    with running(folder) as server:
        yield server


@pytest.fixture
def request_(files: Files) -> dict[str, Any]:
    """A valid request."""
    return service.example(json.loads(files["online_features.json"]))


class SlowClients:
    """Clients of five kinds that send, or read, a byte now and then until the block ends."""

    def __init__(self, port: int, large: bytes) -> None:
        body = b'{"describe": true}'
        length = f"Content-Length: {len(body)}\r\n\r\n".encode()
        whole = HEAD + length + body
        kinds = {
            "byte by byte, header": (b"", whole),
            "byte by byte, body": (HEAD + length, body),
            "idle after connecting": (b"", b""),
            "idle after an answer": (whole, b""),
            "reads slowly": (large, b""),
        }
        self._reading = [
            (self.connect(port, first), rest)
            for _ in range(CLIENTS // len(kinds))
            for first, rest in kinds.values()
        ]

    @staticmethod
    def connect(port: int, first: bytes) -> socket.socket:
        """A client that has sent this, and holds little of what it is sent."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)  # or the kernel would read
        client.connect(("127.0.0.1", port))
        client.sendall(first)
        return client

    def __enter__(self) -> "SlowClients":
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._trickle)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        for client, _ in self._reading:
            client.close()

    def _trickle(self) -> None:
        at = 0
        while not self._stop.wait(0.2):
            for client, rest in self._reading:
                with contextlib.suppress(OSError):  # the server gave it up
                    if rest:
                        client.send(rest[at : at + 1])
                    else:
                        client.recv(1, socket.MSG_DONTWAIT)
            at += 1


def test_two_hundred_slow_clients_of_five_kinds_keep_nobody_waiting(
    single: Server, request_: dict[str, Any]
) -> None:
    many = json.dumps({"requests": [request_] * 1000}).encode()
    large = HEAD + f"Content-Length: {len(many)}\r\n\r\n".encode() + many
    small = json.dumps({"requests": [request_]}).encode()
    assert len(single.send(many)[1]["results"]) == 1000
    with SlowClients(single.port, large):
        time.sleep(3)  # 40 large answers are made
        taken = []
        for _ in range(100):
            started = time.perf_counter()
            assert single.send(small)[0] == 200
            taken.append(time.perf_counter() - started)
            started = time.perf_counter()
            assert single.ping() == 200
            taken.append(time.perf_counter() - started)
    assert max(taken) < SECONDS, sorted(taken)[-5:]


def test_who_reads_too_slowly_is_given_up_and_who_reads_a_part_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "ANSWER_SECONDS", 0.5)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, {}, bytes(2**23))

    def read(before: float, between: float) -> int:
        """Bytes of the answer that arrive, read piece by piece."""
        client, got = SlowClients.connect(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 0
        time.sleep(before)
        with contextlib.suppress(ConnectionError), client:
            while got < 2**23 and (piece := client.recv(2**14)):
                got += len(piece)
                time.sleep(between)
        return got

    async def serve() -> list[int]:
        config = uvicorn.Config(
            application, http=http_protocol.Protocol, port=port, lifespan="off", log_level="error"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        slow, steady = asyncio.to_thread(read, 2, 0), asyncio.to_thread(read, 0, 0.001)
        found = await asyncio.gather(slow, steady)
        server.should_exit = True
        await serving
        return list(found)

    port = free_port()
    slow, steady = asyncio.run(serve())
    assert slow < 2**23 <= steady


def test_a_large_batch_lets_others_pass(single: Server, request_: dict[str, Any]) -> None:
    asked = {"requests": [request_] * 1000, "explain": False}
    done = threading.Event()
    taken = []

    def ask() -> None:
        for _ in range(5):
            assert single.ask(asked)[0] == 200
        done.set()

    asking = threading.Thread(target=ask)
    asking.start()
    while not done.is_set():
        started = time.perf_counter()
        assert single.ping() == 200
        taken.append(time.perf_counter() - started)
    asking.join()
    assert max(taken) < SECONDS


def refused(port: int, sent: bytes, seconds: float = 20) -> dict[str, Any]:
    """The error that ends the connection on which this is sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        client.sendall(sent)
        head, _, body = b"".join(iter(lambda: client.recv(2**16), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n") and head.count(b"HTTP/1.1") == 1
    assert b"content-type: application/json" in head and b"connection: close" in head
    error: dict[str, Any] = json.loads(body)["error"]
    assert (error["code"], error["field"]) == ("bad_request", None)
    assert error["message"].startswith("the request can't be read: ")
    return error


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"\x16\x03\x01\x02\x00 TLS\r\n\r\n", "not valid HTTP"),
        (b"no request line\r\n\r\n", "not valid HTTP"),
        (b"GET \x80 HTTP/1.1\r\nHost: localhost\r\n\r\n", "not valid HTTP"),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", "not valid HTTP"),
        (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", "not valid HTTP"),
        (HEAD + b"a name: 1\r\n\r\n", "not valid HTTP"),
        (HEAD + b"Content-Length: ten\r\n\r\n", "not valid HTTP"),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "not valid HTTP"),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", "not valid HTTP"),
        (CHUNKED + b"no size\r\n", "not valid HTTP"),
        (CHUNKED + b"-1\r\n", "not valid HTTP"),
        (CHUNKED + b"2\r\n{}no end", "not valid HTTP"),
        (b"GET /" + b"a" * 2**17, "its header is larger than 64 kB"),
        (HEAD + b"a: " + b"b" * 2**20, "its header is larger than 64 kB"),
        (HEAD + b"a: b\r\n" * 2**14 + b"\r\n", "its header is larger than 64 kB"),
        (CHUNKED + b"0\r\na: " + b"b" * 2**20, "its header is larger than 64 kB"),
    ],
    ids=range(16),
)
def test_what_is_no_request_is_refused_in_json(server: Server, sent: bytes, reason: str) -> None:
    assert reason in refused(server.port, sent)["message"]
    assert "Traceback" not in server.log()


def test_what_does_not_arrive_is_refused_by_its_part(server: Server) -> None:
    header, body = (f"its {part} did not arrive within" for part in ("header", "body"))
    sent = {HEAD: header, HEAD + b"Content-Length: 9\r\n\r\n{": body, CHUNKED + b"9\r\n{": body}
    with ThreadPoolExecutor() as pool:
        errors = pool.map(lambda each: refused(server.port, each), sent)
    for error, reason in zip(errors, sent.values(), strict=True):
        assert reason in error["message"]


def test_a_whole_request_is_answered_whatever_follows_it(server: Server) -> None:
    body = b'{"describe": true}'
    whole = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    for after in (b"", b"no request\r\n\r\n", whole + b"no request\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.sendall(whole + after)
            client.shutdown(socket.SHUT_WR)
            answers = b"".join(iter(lambda: client.recv(2**16), b""))
        assert answers.count(b"HTTP/1.1 200") == 1 + after.count(b"POST")
        assert answers.count(b"HTTP/1.1") == answers.count(b"HTTP/1.1 200")


def test_an_upgrade_is_answered_and_nothing_else_is(server: Server) -> None:
    """Some clients offer HTTP/2 with each request."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    for _ in range(2):
        offered = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": ""}
        client.request("GET", "/ping", headers=offered)
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b"{}")
    client.close()


def test_who_asks_before_it_sends_too_much_is_told_at_once(server: Server) -> None:
    head = HEAD + b"Content-Length: 9999999\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=4) as client:
        client.sendall(head)
        answer = b"".join(iter(lambda: client.recv(2**16), b""))
    assert answer.startswith(b"HTTP/1.1 413") and answer.count(b"HTTP/1.1") == 1
