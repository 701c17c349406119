"""The model server over real sockets: answers, wrong input, following a pointer, its end."""

import copy
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import smallboat
from hypothesis import given, settings
from hypothesis import strategies as st
from model_servers import JSON, TOY, Files, Server, place, point, running, write
from sklearn.linear_model import LogisticRegression
from smallboat.errors import IntegrityError
from smallboat.problem import Output
from smallboat.serving.http_server import GRACEFUL_SECONDS
from smallboat.serving.model.model import Release
from smallboat.store import bundle
from toy import service
from toy.problem import PROBLEM

MAX_REQUESTS = 1000
"""The number of requests that a body may have."""


@pytest.fixture(scope="session")
def request_(files: Files) -> dict[str, Any]:
    """A valid request."""
    return service.example(json.loads(files["online_features.json"]))


def test_describe_has_what_the_api_and_the_page_need(server: Server, files: Files) -> None:
    status, answer = server.ask({"describe": True})
    assert status == 200
    assert set(answer) == {
        "release", "captures", "signature", "request", "known", "example", "evaluation", "page",
    }  # fmt: skip
    assert answer["request"] == service.SCHEMA
    assert answer["evaluation"]["library"] == f"smallboat {smallboat.__version__}"
    assert answer["evaluation"]["warnings"] == json.loads(files["evaluation.json"])["warnings"]
    assert server.ask({"requests": [answer["example"]]})[0] == 200


def test_a_run_that_does_not_know_its_library_is_served(files: Files, tmp_path: Path) -> None:
    older = json.loads(files["evaluation.json"])
    del older["library"]
    write(tmp_path / "release", {**files, "evaluation.json": json.dumps(older).encode()})
    with running(tmp_path / "release") as server:
        status, described = server.ask({"describe": True})
        assert (status, described["evaluation"]["library"]) == (200, None)


def test_answers_come_in_the_order_of_the_requests(server: Server, files: Files) -> None:
    asked = service.questions(json.loads(files["online_features.json"]))
    status, answer = server.ask({"requests": asked})
    assert status == 200
    assert set(answer["model"]) == {"run", "release", "model_hash", "features_as_of"}
    alone = [server.ask({"requests": [each]})[1]["results"][0] for each in asked]
    assert answer["results"] == alone


def test_the_path_of_sagemakers_client_is_the_same(
    server: Server, request_: dict[str, Any]
) -> None:
    body = json.dumps({"requests": [request_], "explain": True}).encode()
    path = "/endpoints/some-name/invocations"
    assert server.send(body, path=path)[:2] == server.send(body)[:2]


def test_an_explanation_is_asked_for(server: Server, request_: dict[str, Any]) -> None:
    plain = server.ask({"requests": [request_]})[1]["results"][0]
    answer = server.ask({"requests": [request_], "explain": True})[1]["results"][0]
    assert all(each.pop("reasons") is not None for each in answer["predictions"])
    assert answer == plain


def test_what_always_holds_of_answers_holds(server: Server, files: Files) -> None:
    found = service.invariants(
        lambda requests: server.ask({"requests": requests})[1]["results"],
        json.loads(files["online_features.json"]),
    )
    assert [(name, message) for name, passed, message in found if not passed] == []


def test_each_request_leaves_a_line_and_an_id(server: Server, request_: dict[str, Any]) -> None:
    body = json.dumps({"requests": [request_, request_]}).encode()
    assert server.send(body, X_Request_Id="mine-1")[2]["X-Request-Id"] == "mine-1"
    assert server.send(b"{", X_Amzn_SageMaker_Custom_Attributes="api-7")[0] == 400
    made = server.send(body, X_Request_Id="no id\u00e9")[2]["X-Request-Id"]
    assert len(made) == 32
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith('{"id"')]
    by_id = {line["id"]: line for line in lines}
    assert set(by_id["mine-1"]) == {"id", "path", "run", "release", "requests", "status", "ms"}
    assert (by_id["mine-1"]["requests"], by_id["mine-1"]["status"]) == (2, 200)
    assert by_id["api-7"]["status"] == 400


@pytest.mark.parametrize(
    ("body", "kind", "status", "field"),
    [
        (b"", JSON, 400, "body"),
        (b"{", JSON, 400, "body"),
        (b"\xff\xfe{}", JSON, 400, "body"),
        (b"[" * 200_000, JSON, 400, "body"),
        (b'{"requests": NaN}', JSON, 400, "body"),
        (b'{"requests": [-Infinity]}', JSON, 400, "body"),
        (b"9" * 10_000, JSON, 400, "body"),
        (b"1e999", JSON, 400, "body"),
        (b'{"requests": [{"x": -1e999}]}', JSON, 400, "body"),
        (b"null", JSON, 422, "body"),
        (b"[]", JSON, 422, "body"),
        (b"{}", JSON, 422, "requests"),
        (b'{"requests": []}', JSON, 422, "requests"),
        (b'{"requests": [1]}', JSON, 422, "requests[0]"),
        (b'{"describe": true, "more": 1}', JSON, 422, "more"),
        (b'{"describe": false}', JSON, 422, "describe"),
        (b'{"known": 1}', JSON, 422, "known"),
        (json.dumps({"requests": [{}] * (MAX_REQUESTS + 1)}).encode(), JSON, 422, "requests"),
        (b"{}", "text/plain", 415, "Content-Type"),
        (b"{}", "", 415, "Content-Type"),
        (b"", "text/csv", 422, "requests[0].parcels"),
        (b"a\n1,2\n", "text/csv", 400, "body"),
        (b'a\n"1\n', "text/csv", 400, "body"),
        (b" " * (4 * 2**20 + 1), JSON, 413, "body"),
        (b" " * (12 * 2**20), JSON, 413, "body"),
    ],
)
def test_wrong_input_is_refused_by_its_field(
    server: Server, body: bytes, kind: str, status: int, field: str
) -> None:
    found, answer, _ = server.send(body, kind)
    assert (found, answer["error"]["field"]) == (status, field)
    assert answer["error"]["message"]


def test_very_long_numbers_are_told_in_a_sentence(server: Server) -> None:
    message = server.send(b'{"requests": ' + b"9" * 5000 + b"}")[1]["error"]["message"]
    assert message.endswith(f"the number that starts with {'9' * 20} is too large")


def test_only_so_many_rows_are_explained(
    files: Files, server: Server, request_: dict[str, Any]
) -> None:
    rows, _ = service.features(request_, json.loads(files["online_features.json"]))
    most = min(2000 // len(rows), MAX_REQUESTS)
    assert server.ask({"requests": [request_] * most, "explain": True})[0] == 200
    asked = {"requests": [request_] * (most + 1), "explain": True}
    status, answer = server.ask(asked)
    assert (status, answer["error"]["field"]) == (422, "requests")
    if most < MAX_REQUESTS:
        assert answer["error"]["message"].startswith("requests have more than 2,000 rows")
        assert server.ask({**asked, "explain": False})[0] == 200


def test_a_body_sent_in_pieces_has_the_same_limit(server: Server) -> None:
    pieces = [b" " * 2**16] * 65
    status, answer, _ = server.send(iter(pieces))
    assert (status, answer["error"]["field"]) == (413, "body")


def test_who_stops_in_the_middle_keeps_no_thread(server: Server) -> None:
    head = b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    half = [b"", head, head + b"Content-Length: 9\r\n\r\n{"] * 14
    stuck = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in half]
    for each, sent in zip(stuck, half, strict=True):
        each.sendall(sent)
    assert server.ping() == 200
    assert not select.select(stuck, [], [], 0)[0]  # none of them had to be given up for it
    for each, sent in zip(stuck, half, strict=True):
        if sent:
            answer = each.recv(1000)
            assert not answer or answer.startswith(b"HTTP/1.1 400")
        each.close()
    assert "Traceback" not in server.log()


def test_other_paths_and_methods_are_refused_in_json(server: Server) -> None:
    assert server.send(b"{}", path="/")[0] == 404
    status, answer, _ = server.send(b"{}", path="/ping")
    assert (status, answer["error"]["code"]) == (405, "method_not_allowed")


def test_the_model_card_of_a_release_is_handed_out(files: Files, tmp_path: Path) -> None:
    html = "<!DOCTYPE html><title>Karte für Menschen</title>"
    write(tmp_path / "release", files | {"model_card.html": html.encode()})
    with running(tmp_path / "release") as server:
        assert server.ask({"card": True}) == (200, {"html": html})
        status, answer = server.ask({"card": False})
    assert (status, answer["error"]["field"]) == (422, "card")


def test_a_release_of_an_older_library_has_no_card(server: Server) -> None:
    assert server.ask({"card": True}) == (200, {"html": None})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_request_with_anything_anywhere_is_answered_or_refused_by_its_field(
    server: Server, request_: dict[str, Any], data: st.DataObject
) -> None:
    changed: dict[str, Any] = {"requests": [copy.deepcopy(request_)]}
    at: Any = changed
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        inner = at[key]
        if not inner or not isinstance(inner, dict | list) or data.draw(st.booleans()):
            break
        at = inner
    do = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if do == "remove":
        del at[key]
    elif do == "add" and isinstance(at, dict):
        at[data.draw(st.text(max_size=9))] = data.draw(VALUES)
    else:
        at[key] = data.draw(VALUES)
    status, answer = server.ask(changed)
    assert status in (200, 400, 422)  # JSON knows no infinity
    assert status == 200 or answer["error"]["field"]


def test_a_new_pointer_is_followed_under_load_without_a_failure(
    files: Files, request_: dict[str, Any], tmp_path: Path
) -> None:
    endpoint = tmp_path / "endpoint"
    releases = [place(endpoint, files, f"2001-01-0{day}") for day in (1, 2)]
    point(endpoint, releases[0])
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def load(server: Server) -> None:
        while not stop.is_set():
            status, answer = server.ask({"requests": [request_]})
            seen.append((status, answer["model"]["release"]))

    with running(endpoint) as server:
        threads = [threading.Thread(target=load, args=[server]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for turn in range(1, 21):
            point(endpoint, releases[turn % 2])
            time.sleep(0.05)
        stop.set()
        for thread in threads:
            thread.join()
        for turn in (1, 0, 1, 0):
            point(endpoint, releases[turn])
            answers = {server.ask({"requests": [request_]})[1]["model"]["release"] for _ in "1234"}
            assert answers == {releases[turn]}
    assert {status for status, _ in seen} == {200}
    assert {release for _, release in seen} == set(releases)


def test_a_switch_within_a_tick_of_the_clock_is_seen(files: Files, tmp_path: Path) -> None:
    endpoint = tmp_path / "endpoint"
    releases = [place(endpoint, files, f"2001-01-0{day}") for day in (1, 2)]
    point(endpoint, releases[0])
    before = (endpoint / "current").stat()
    with running(endpoint) as server:
        (endpoint / "current").write_text(releases[1])
        os.utime(endpoint / "current", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert server.ask({"describe": True})[1]["release"]["release"] == releases[1]


def _refused(server: Server, endpoint: Path, broken: str, good: str) -> str:
    """What the log says of a broken release while the good one goes on to serve."""
    point(endpoint, broken)
    for _ in range(4):
        status, answer = server.ask({"describe": True})
        assert status == 200, answer
        assert answer["release"]["release"] == good
    message = [line for line in server.log().splitlines() if "refused" in line][-1]
    assert f"{good} is served" in message
    return message


def test_a_release_that_is_not_whole_is_refused_and_the_old_one_serves(
    files: Files, tmp_path: Path
) -> None:
    endpoint = tmp_path / "endpoint"
    good = place(endpoint, files, "2001-01-01")
    point(endpoint, good)
    names = [*files, "release.json"]
    with running(endpoint) as server:
        for name in names:
            for how in ("lacks", "cuts", "empties", "edits"):
                folder = endpoint / "releases" / f"{how} {name}"
                write(folder, files)
                content = (folder / name).read_bytes()
                half = len(content) // 2
                if how == "lacks":
                    (folder / name).unlink()
                elif how == "edits":
                    other = bytes([content[half] ^ 1])
                    (folder / name).write_bytes(content[:half] + other + content[half + 1 :])
                else:
                    (folder / name).write_bytes(content[: half * (how == "cuts")])
                message = _refused(server, endpoint, folder.name, good)
                damage = "is missing" if how == "lacks" else "was changed"
                assert f"{folder / name} {damage}" in message
        assert "nowhere/release.json is missing" in _refused(server, endpoint, "nowhere", good)


def test_every_connection_goes_on_with_the_newest_good_release(
    files: Files, tmp_path: Path
) -> None:
    endpoint = tmp_path / "endpoint"
    first, second = (place(endpoint, files, f"2001-01-0{day}") for day in (1, 2))
    point(endpoint, first)
    with running(endpoint) as server:
        point(endpoint, second)
        assert server.ask({"describe": True})[1]["release"]["release"] == second
        point(endpoint, "nowhere")
        for _ in range(50):
            status, answer = server.ask({"describe": True})
            assert (status, answer["release"]["release"]) == (200, second)


def test_a_release_whose_files_disagree_is_refused_and_the_old_one_serves(
    files: Files, tmp_path: Path
) -> None:
    signature = json.loads(files["signature.json"])
    fewer = {**signature, "inputs": signature["inputs"][1:]}
    inputs = len(signature["inputs"])
    cases = {
        "signature.json": (json.dumps(fewer).encode(), "code name different inputs"),
        "model.onnx": (_graph(inputs - 1), f"names {inputs} inputs"),
        "evaluation_model.onnx": (b"no graph", "evaluation_model.onnx is not a valid ONNX graph"),
        "evaluation.json": (b"{}", "contradict each other"),
        "online_features.json": (b'{"as_of": "2001-01-01"}', "contradict each other"),
    }
    endpoint = tmp_path / "endpoint"
    good = place(endpoint, files, "2001-01-01")
    point(endpoint, good)
    with running(endpoint) as server:
        for name, (content, expected) in cases.items():
            write(endpoint / "releases" / name, {**files, name: content})
            assert expected in _refused(server, endpoint, name, good)


def test_a_model_that_answers_no_number_is_refused(files: Files, tmp_path: Path) -> None:
    inputs = len(json.loads(files["signature.json"])["inputs"])
    broken = _graph(inputs, float("nan"))
    endpoint = tmp_path / "endpoint"
    good = place(endpoint, files, "2001-01-01")
    point(endpoint, good)
    with running(endpoint) as server:
        write(endpoint / "releases" / "nan", {**files, "model.onnx": broken})
        assert "not one finite number a row" in _refused(server, endpoint, "nan", good)


def _graph(inputs: int, factor: float = 1.0) -> bytes:
    """A graph that adds up its inputs, times a factor."""
    from onnx import TensorProto, helper

    number = TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "weights"], ["answers"])],
        "model",
        [helper.make_tensor_value_info("features", number, [None, inputs])],
        [helper.make_tensor_value_info("answers", number, [None, 1])],
        [helper.make_tensor("weights", number, [inputs, 1], [factor] * inputs)],
    )
    opsets = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def test_an_input_that_is_infinite_or_missing_against_the_signature_is_not_answered(
    files: Files, tmp_path: Path
) -> None:
    """Trees answer NaN and infinity as if they were numbers that they had learned from."""
    signature = json.loads(files["signature.json"])
    signature["inputs"][1]["missing"] = True
    changed = {**files, "signature.json": json.dumps(signature).encode()}
    write(tmp_path / "release", changed)
    release = Release(PROBLEM, tmp_path / "release")
    for wrong in ([np.nan, 1, 25], [5, np.inf, 25], [5, 1, -np.inf]):
        with pytest.raises(ValueError, match="an input is infinite, or NaN though it may not be"):
            release.run(np.array([[5, 1, 25], wrong], dtype=np.float32))
    with pytest.raises(ValueError, match="the model's output is not one finite number a row"):
        release.run(np.array([[5, np.nan, 25]], dtype=np.float32))  # ridge takes none


def test_a_model_answers_with_a_number_for_each_class(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its graph must have as many as the signature has classes."""
    rows = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)
    output = Output("speed", "1", "", "probabilities", ("quick", "usual", "slow"))
    onnx = bundle.to_onnx(LogisticRegression().fit(rows, np.arange(60) % 3), 3, output)
    signature = json.loads(files["signature.json"])
    monkeypatch.setattr(
        service, "predictions", lambda *given: [{"n": len(row)} for row in given[1]]
    )
    monkeypatch.setattr(service, "explain", lambda answers, *_: [[] for _ in answers])
    for classes in (("quick", "usual", "slow"), ("quick", "slow")):
        signature["output"] |= {"kind": "probabilities", "classes": classes}
        changed = {"model.onnx": onnx, "signature.json": json.dumps(signature).encode()}
        folder = tmp_path / str(len(classes))
        write(folder, files | changed)
        if len(classes) == 2:
            with pytest.raises(IntegrityError, match="the model's output is not 2 finite numbers"):
                Release(PROBLEM, folder)
            continue
        release = Release(PROBLEM, folder)
        assert release.run(rows).shape == (60, 3)
        example = json.loads(release.described)["example"]
        (answer,) = release.predict([example], explain=False)["results"]
        assert answer["predictions"] == [{"n": 3}] * len(example["parcels"])


def test_without_a_release_it_waits_for_the_first(files: Files, tmp_path: Path) -> None:
    endpoint = tmp_path / "endpoint"
    release = place(endpoint, files, "2001-01-01")
    (endpoint / "current").write_text("nowhere")
    with running(endpoint, ready=503) as server:
        status, answer = server.ask({"describe": True})
        assert (status, answer["error"]["code"]) == (503, "unavailable")
        point(endpoint, release)
        assert server.ping() == 200


def test_a_port_in_use_is_said_in_a_sentence(server: Server, tmp_path: Path) -> None:
    words = ["-m", "smallboat.serving.model", "--problem", "toy"]
    words += ["serve", "--folder", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, *words, "--port", str(server.port)],
        cwd=TOY, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        f"can't listen on 127.0.0.1, port {server.port}: Address already in use\n"
    )


def test_on_loopback_it_is_asked_by_this_machines_names_only(server: Server) -> None:
    """Else a web page whose own name is given this machine's address could ask."""
    for host in ("localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:8080"):
        assert server.ask({"describe": True}, Host=host)[0] == 200
    for host in ("attacker.example", "localhost.attacker.example:8080", "localhost:1:2"):
        for path in ("/invocations", "/nothing"):
            status, answer, _ = server.send(b"{}", path=path, Host=host)
            assert (status, answer["error"]["code"]) == (403, "forbidden")


def test_a_container_is_asked_by_any_name(files: Files, tmp_path: Path) -> None:
    write(tmp_path / "release", files)
    with running(tmp_path / "release", MODEL_HOST="0.0.0.0") as server:
        assert server.ask({"describe": True}, Host="a-name-of-sagemakers")[0] == 200


def test_sigterm_ends_it_after_the_requests_at_hand(
    files: Files, request_: dict[str, Any], tmp_path: Path
) -> None:
    write(tmp_path / "release", files)
    body = json.dumps({"requests": [request_] * MAX_REQUESTS}).encode()
    head = f"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\n"
    head += f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    with running(tmp_path / "release") as server:
        idle = socket.create_connection(("127.0.0.1", server.port))
        asking = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        asking.sendall(head.encode())
        assert asking.recv(100).startswith(b"HTTP/1.1 100")  # it is at hand
        started = time.monotonic()
        server.process.terminate()
        while "Handling signal: term" not in server.log():
            time.sleep(0.02)
        time.sleep(0.2)
        asking.sendall(body)
        answer = b"".join(iter(lambda: asking.recv(2**16), b""))
        assert server.process.wait(60) == 0
        assert time.monotonic() - started < GRACEFUL_SECONDS  # nobody was killed
        idle.close()
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"}")
    assert "Traceback" not in server.log()


def test_it_needs_no_library_of_training() -> None:
    code = (
        "import sys; from smallboat.serving import http_protocol; "
        "from smallboat.serving.model import application, server; "
        "from toy.problem import PROBLEM; PROBLEM.service; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TOY, capture_output=True, text=True, check=True
    )
    heavy = {"pandas", "sklearn", "xgboost", "pydantic", "boto3", "metaflow", "onnx", "flask"}
    assert not heavy & set(done.stdout.split())
