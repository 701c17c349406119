"""The endpoint of this machine as a folder: what is confirmed, undone, lost and broken."""

import os
from pathlib import Path
from typing import Any

import pytest
from smallboat import integrity
from smallboat.errors import UserError
from smallboat.release.targets.local import LocalTarget
from smallboat.store import store
from toy.problem import PROBLEM


@pytest.fixture
def endpoint(tmp_path: Path) -> LocalTarget:
    return LocalTarget(PROBLEM, tmp_path / "endpoint", keep=5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "endpoint"


def release(endpoint: LocalTarget, tmp_path: Path, name: str, run: str = "1") -> None:
    """Update to a release of that id and confirm it."""
    update(endpoint, tmp_path, name, run)
    endpoint.confirm("a test")


def update(endpoint: LocalTarget, tmp_path: Path, name: str, run: str = "1") -> None:
    made = tmp_path / f"{name}-{run}"
    made.mkdir(exist_ok=True)
    (made / "model.onnx").write_bytes(b"model")
    (made / "evaluation.json").write_text("{}")
    facts = {"release": name, "run": run, "features_run": run, "model_hash": name}
    integrity.seal(made, integrity.RELEASE, facts)
    endpoint.update(made)


def served(endpoint: LocalTarget) -> tuple[str, str | None]:
    """The current release and the one before."""
    before = endpoint.previous()
    return endpoint.folder().name, before.name if before else None


def test_a_release_confirmed_twice_is_no_release_to_go_back_to(
    endpoint: LocalTarget, tmp_path: Path
) -> None:
    for name in ("a", "b", "b"):
        release(endpoint, tmp_path, name)
    assert served(endpoint) == ("b", "a")
    assert [event["release"] for event in endpoint.history()] == ["a", "b"]


def test_a_history_that_has_one_twice_names_the_one_before(
    endpoint: LocalTarget, tmp_path: Path, folder: Path
) -> None:
    for name in ("a", "b"):
        release(endpoint, tmp_path, name)
    first, second = endpoint.history()
    (folder / "history.json").write_bytes(store.to_json([first, second, second]))
    with endpoint.locked():
        assert served(endpoint) == ("b", "a")


def test_after_a_way_back_the_one_before_that_is_next(
    endpoint: LocalTarget, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        release(endpoint, tmp_path, name)
    endpoint.update(tmp_path / "b-1")
    endpoint.confirm("a test", back=True)
    assert served(endpoint) == ("b", "a")


@pytest.mark.parametrize("content", ["5", "{}", "[5]", '{"release": "a"}', "cut", None])
def test_a_broken_release_is_told(
    endpoint: LocalTarget, tmp_path: Path, content: str | None
) -> None:
    release(endpoint, tmp_path, "a")
    file = endpoint.folder() / "release.json"
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(UserError, match=r"what is served can't be read: .*release\.json"):
        endpoint.current()


def test_an_update_in_place_is_whole_at_every_moment(
    endpoint: LocalTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(endpoint, tmp_path, "a", run="1")
    replace: Any = os.replace
    seen = []

    def replacing(source: Path, target: Path) -> None:
        replace(source, target)
        facts = endpoint.current()
        assert facts is not None and (endpoint.folder() / "model.onnx").read_bytes() == b"model"
        seen.append(facts["run"])

    monkeypatch.setattr("os.replace", replacing)
    update(endpoint, tmp_path, "a", run="2")
    assert seen[-1] == "2" and endpoint.current() is not None


def test_an_update_in_place_leaves_no_file_of_another(
    endpoint: LocalTarget, tmp_path: Path
) -> None:
    release(endpoint, tmp_path, "a")
    (endpoint.folder() / "foreign").write_bytes(b"")
    release(endpoint, tmp_path, "a")
    integrity.verify(endpoint.folder(), integrity.RELEASE)


@pytest.mark.parametrize("text", ["5", "{}", "[5]", '[{"event": "released"}]', "[", "\udcff"])
def test_a_broken_history_is_told(
    endpoint: LocalTarget, tmp_path: Path, folder: Path, text: str
) -> None:
    release(endpoint, tmp_path, "a")
    (folder / "history.json").write_text(text, errors="surrogateescape")
    with pytest.raises(UserError, match=r"history\.json is no "), endpoint.locked():
        pass


def test_without_its_history_nothing_is_taken_away(
    endpoint: LocalTarget, tmp_path: Path, folder: Path
) -> None:
    release(endpoint, tmp_path, "a")
    (folder / "history.json").unlink()
    with pytest.raises(UserError, match=r"history\.json is gone"), endpoint.locked():
        pass
    assert endpoint.folder().name == "a" and endpoint.current() is not None


def test_a_first_update_that_was_never_confirmed_is_undone(
    endpoint: LocalTarget, tmp_path: Path
) -> None:
    update(endpoint, tmp_path, "a")
    with endpoint.locked():
        assert endpoint.current() is None
