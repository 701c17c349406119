"""The project as it is used: trained on the sample, deployed, served, asked over HTTP."""

import csv
import html
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import smallboat
from copies import Copy
from smallboat.check import growth

from {{ cookiecutter.project_slug }}.problem import PROBLEM


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy of the project whose model is trained and released."""
    copy = Copy(tmp_path_factory.mktemp("project"))
    assert "passed: model" in copy.do("train")
    assert "\nreleased" in copy.do("deploy")
    return copy


@pytest.fixture(scope="module")
def url(project: Copy) -> Iterator[str]:
    """Where the copy's API answers."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    project.do("serve", "--port", str(port), "--background", "1")
    yield f"http://127.0.0.1:{port}"
    project.do("stop")


def get(url: str) -> Any:
    answer = requests.get(url, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def example(url: str) -> Any:
    """The request that the API's document shows."""
    asked = get(f"{url}/openapi.json")["paths"]["/predict"]["post"]["requestBody"]
    return asked["content"]["application/json"]["example"]


def test_every_candidate_competed_and_the_winner_is_what_is_served(project: Copy, url: str) -> None:
    (run,) = (project.folder / "store" / "runs").iterdir()
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["passed"]
    assert evaluation["failures"] == {}
    names = {candidate["candidate"] for candidate in evaluation["candidates"]}
    assert names == {candidate.name for candidate in PROBLEM.candidates.CANDIDATES}
    served = get(f"{url}/model")
    assert served["run"] == run.name
    assert served["model_hash"] == evaluation["model_hash"]
    assert served["library"] == evaluation["library"] == f"smallboat {smallboat.__version__}"
    assert json.loads(project.do("status"))["release"]["run"] == run.name


def test_the_release_has_a_model_card_and_a_life(url: str) -> None:
    card = requests.get(f"{url}/model/card", timeout=60)
    assert card.status_code == 200, card.text
    assert len(card.content) <= 60_000
    (life,) = get(f"{url}/releases")
    assert (life["came"], life["until"]) == ("the first release", None)
    for told in (life["run"], life["model_hash"], PROBLEM.candidates.OUTPUT.description):
        assert told in html.unescape(card.text)


def test_a_request_costs_the_same_however_much_is_known(project: Copy) -> None:
    (file,) = (project.folder / "store" / "runs").glob("*/online_features.json")
    online, service = json.loads(file.read_text()), PROBLEM.service
    request = service.example(online)

    def ask(known: Any) -> None:
        service.check(request, known)
        service.features(request, known)

    assert list(growth.growing(online, set(service.NAMES), ask)) == []


def test_the_example_is_answered_alike_over_http_and_by_the_command(
    project: Copy, url: str, example: Any
) -> None:
    answer = requests.post(f"{url}/predict", json=example, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"]
    assert answer.json()["model"]["run"] == get(f"{url}/model")["run"]
    assert requests.post(f"{url}/predict", json=example, timeout=60).json() == answer.json()
    assert project.do("predict")


def scored(project: Copy, file: Path, *words: str) -> list[dict[str, str]]:
    """The rows of a CSV file as `make score` writes them."""
    out = file.with_name("scored.csv")
    project.do("score", "--file", str(file), "--out", str(out), *words)
    with out.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_a_file_is_scored_as_its_rows_are_predicted(
    project: Copy, url: str, example: Any, tmp_path: Path
) -> None:
    ((field, rows),) = ((name, each) for name, each in example.items() if isinstance(each, list))
    columns = PROBLEM.service.SCHEMA["properties"][field]["items"]["properties"]
    together = {name: example.get(name, 1) for name in getattr(PROBLEM.service, "TOGETHER", ())}
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, [*together, *columns])
        writer.writeheader()
        writer.writerows({**together, **row} for row in rows)
    told = requests.post(f"{url}/predict", json=example, timeout=60).json()
    found = scored(project, file)
    assert found == scored(project, file, "--run", told["model"]["run"])
    for row, prediction in zip(found, told["predictions"], strict=True):
        both = row.keys() & prediction.keys()
        assert both and all(row[name] == str(prediction[name]) for name in both)


def test_a_wrong_request_is_told_the_field(url: str, example: Any) -> None:
    for wrong in ({**example, "surplus": 1}, {}):
        answer = requests.post(f"{url}/predict", json=wrong, timeout=60)
        assert answer.status_code == 422, answer.text
        assert answer.json()["error"]["field"]


def test_the_page_comes_with_what_it_needs(url: str) -> None:
    page = requests.get(f"{url}/", timeout=60)
    assert page.status_code == 200
    for name in re.findall(r'(?:src|href)="(?!data:|https?:)([^"#]+)"', page.text):
        assert requests.get(f"{url}/{name}", timeout=60).status_code == 200, name
    assert get(f"{url}/page.json")
