"""What the model server adds to an answer for monitoring, over real sockets."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from captured_lines import local
from model_servers import Files, Server, running, write
from smallboat.captured import archive
from smallboat.serving import servers, serving
from smallboat.serving.model import captured as module
from toy import service
from toy.problem import PROBLEM

Json = dict[str, Any]
NAMED = {"parcel": "P 1/a"}


@pytest.fixture(scope="module")
def request_(files: Files) -> Json:
    """A request that names its first parcel."""
    parcels = service.example(json.loads(files["online_features.json"]))["parcels"]
    return {"parcels": [parcels[0] | NAMED, *parcels[1:]]}


def ask(server: Server, request: Json, *redact: str) -> Json:
    """What is captured of an answer."""
    body = {"requests": [request], "captured": {"redact": redact}}
    status, answer = server.ask(body)
    assert status == 200, answer
    found: Json = answer["results"][0]["captured"]
    return found


def floats(text: str) -> Any:
    return np.frombuffer(b64decode(text), dtype="<f4")


def test_only_who_asks_gets_it(server: Server, request_: Json) -> None:
    _, plain = server.ask({"requests": [request_]})
    _, more = server.ask({"requests": [request_], "captured": {"redact": []}})
    assert more["results"][0].pop("captured")["rows"] == 3
    assert more == plain
    assert server.ask({"describe": True})[1]["captures"] is True


def test_it_has_what_the_model_saw_and_answered(
    server: Server, files: Files, request_: Json
) -> None:
    found = ask(server, request_)
    inputs, _ = service.features(request_, json.loads(files["online_features.json"]))
    assert floats(found["inputs"]).reshape(3, -1).tolist() == inputs.tolist()
    _, answer = server.ask({"requests": [request_]})
    minutes = [each["minutes"] for each in answer["results"][0]["predictions"]]
    assert floats(found["outputs"]) == pytest.approx(minutes, abs=1e-3)
    assert (found["rows"], found["keys"]) == (3, ["P 1/a", "", ""])
    assert (found["redacted"], found["features_run"]) == ([], "1")


def test_requests_of_a_body_are_captured_each(server: Server, request_: Json) -> None:
    one = {"parcels": request_["parcels"][:1]}
    _, answer = server.ask({"requests": [one, request_], "captured": {"redact": []}})
    found = [each["captured"] for each in answer["results"]]
    assert found == [ask(server, one), ask(server, request_)]


@pytest.mark.parametrize(
    ("redact", "hidden", "keys", "told"),
    [
        (["distance"], [0], True, ["distance"]),
        (["depot"], [2], True, ["depot_minutes"]),  # begins with the name and _
        (["dep", "minutes_"], [], True, []),
        (["parcel"], [], False, []),
        (["keys"], [], False, []),
        (["parcels"], [], False, []),
        (["request"], [], True, []),  # what monitoring needs stays
        (["floor", "parcel"], [1], False, ["floor"]),
    ],
)
def test_redacted_inputs_and_keys_are_left_out(
    server: Server, request_: Json, redact: list[str], hidden: list[int], keys: bool,
    told: list[str],
) -> None:  # fmt: skip
    full, found = ask(server, request_), ask(server, request_, *redact)
    inputs, all_ = (floats(each["inputs"]).reshape(3, -1) for each in (found, full))
    seen = [column for column in range(3) if column not in hidden]
    assert np.isnan(inputs[:, hidden]).all()
    assert (inputs[:, seen] == all_[:, seen]).all()
    assert found["keys"] == (full["keys"] if keys else [])
    assert found["redacted"] == told
    assert found["outputs"] == full["outputs"]


def test_a_redacted_answer_is_left_out(server: Server, request_: Json) -> None:
    found = ask(server, request_, "minutes")
    assert np.isnan(floats(found["outputs"])).all()
    assert found["redacted"] == ["minutes"]


@pytest.mark.parametrize(
    "keys",
    [
        lambda request: 1 / 0,
        lambda request: None,
        lambda request: ["one"],
        lambda request: [1, 2, 3],
    ],
)
def test_a_function_for_keys_that_fails_fails_no_answer(
    request_: Json, monkeypatch: pytest.MonkeyPatch, keys: Any
) -> None:
    monkeypatch.setattr(service, "keys", keys)
    found = module.captured(service, request_, np.ones((3, 3), np.float32), np.ones(3), [], [])
    assert (found["rows"], found["keys"]) == (3, [])


def test_a_problem_without_keys_has_none(request_: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(service, "keys")
    found = module.captured(service, request_, np.ones((3, 3), np.float32), np.ones(3), [], [])
    assert found["keys"] == []


def test_too_many_inputs_are_not_captured(request_: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 35)
    found = module.captured(service, request_, np.ones((3, 3), np.float32), np.ones(3), [], [])
    assert found == {"rows": 3}


@pytest.mark.parametrize("wrong", [True, [], {}, {"redact": "x"}, {"redact": [1]}, {"more": []}])
def test_a_wrong_question_is_refused(server: Server, request_: Json, wrong: Any) -> None:
    status, answer = server.ask({"requests": [request_], "captured": wrong})
    assert (status, answer["error"]["field"].partition(".")[0].partition("[")[0]) == (
        422, "captured",
    )  # fmt: skip


def test_what_two_processes_answer_over_http_is_what_the_archive_has(
    files: Files, request_: Json, tmp_path: Path
) -> None:
    settings = local(tmp_path, capture_redact=["floor"])
    write(tmp_path / "release", files)
    with (
        running(tmp_path / "release") as model,
        serving._api(settings, f"http://127.0.0.1:{model.port}", servers.free_port()) as api,
    ):
        url = f"{api.url}/predict"
        answers = [requests.post(url, json=request_) for _ in range(3)]
        refused = [requests.post(url, json={"parcels": []}), requests.get(f"{url}?depot=nowhere")]
    assert [each.status_code for each in (*answers, *refused)] == [200, 200, 200, 422, 422]
    assert "captured" not in answers[0].json()
    assert archive.collect(PROBLEM, settings).new == 5  # the API wrote all when it ended
    (window,) = archive.windows(settings.store.root, None, 9, 0)
    inputs, _ = service.features(request_, json.loads(files["online_features.json"]))
    floor = service.NAMES.index("floor")
    assert np.isnan(window.inputs[:, floor]).all()
    seen = np.delete(window.inputs, floor, axis=1)
    assert (seen == np.tile(np.delete(inputs, floor, axis=1), (3, 1))).all()
    minutes = [each["minutes"] for each in answers[0].json()["predictions"]]
    assert window.outputs == pytest.approx(minutes * 3, abs=1e-3)
    assert (window.complete, window.redacted) == (True, ("floor",))
    assert window.facts["key"].tolist() == ["P 1/a", "", ""] * 3
    assert window.model == answers[0].json()["model"]["model_hash"]
    (day,) = archive.traffic(settings.store.root, None).to_dict("records")
    assert (day["requests"], day["refused"], day["failed"], day["rows"]) == (5, 2, 0, 9)
    assert day["ms_p95"] > 0
