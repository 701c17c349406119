"""The store holds whole things, written once."""

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from smallboat.errors import UserError
from smallboat.store import store
from toy import data
from toy.problem import PROBLEM


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the next snapshot's only table will contain; change it to change the source."""
    content = {"orders.csv": "id\n1\n"}

    def collect(config: Any, folder: Path) -> dict[str, Any]:
        for name, text in content.items():
            (folder / name).write_text(text)
        rows = {"orders": content["orders.csv"].count("\n") - 1}
        return {"source": "files: here", "licence": "CC0", "data_until": "2024-12-08", "rows": rows}

    monkeypatch.setattr(data, "collect", collect)
    return content


def made(folder: Path) -> str:
    """A new snapshot, the newest from now on."""
    snapshot = store.make_snapshot(PROBLEM, str(folder), {})
    store.make_newest(str(folder), snapshot)
    return snapshot


def test_the_same_tables_are_the_same_snapshot(tmp_path: Path, collected: dict[str, str]) -> None:
    first = made(tmp_path)
    assert made(tmp_path) == first == store.newest_snapshot(str(tmp_path))
    assert sorted(p.name for p in (tmp_path / "snapshots").iterdir()) == sorted([first, "newest"])


def test_one_changed_byte_is_another_snapshot_and_the_old_one_stays(
    tmp_path: Path, collected: dict[str, str]
) -> None:
    first = made(tmp_path)
    collected["orders.csv"] += "2\n"
    second = made(tmp_path)
    assert second != first
    assert store.newest_snapshot(str(tmp_path)) == second
    assert store.previous_rows(str(tmp_path), second) == {"orders": 1}
    assert store.previous_rows(str(tmp_path), first) is None
    assert (store.snapshot_folder(str(tmp_path), first) / "orders.csv").read_text() == "id\n1\n"


def test_going_back_to_earlier_tables_makes_them_the_newest(
    tmp_path: Path, collected: dict[str, str]
) -> None:
    first = made(tmp_path)
    collected["orders.csv"] += "2\n"
    made(tmp_path)
    collected["orders.csv"] = "id\n1\n"
    assert made(tmp_path) == first == store.newest_snapshot(str(tmp_path))


def test_a_full_disk_leaves_nothing_and_is_told_in_a_sentence(
    tmp_path: Path, collected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made(tmp_path)
    held = sorted(tmp_path.rglob("*"))

    def full(config: Any, folder: Path) -> dict[str, Any]:
        (folder / "orders.csv").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(data, "collect", full)
    message = (
        r"could not use orders\.csv in .*/snapshots, with [\d,]+ bytes free: No space left on dev"
    )
    with pytest.raises(UserError, match=f"{message}ice; nothing was saved"):
        store.make_snapshot(PROBLEM, str(tmp_path), {})
    assert sorted(tmp_path.rglob("*")) == held
    assert store.newest_snapshot(str(tmp_path)) == before


def test_a_snapshot_is_not_the_newest_before_it_is_said(
    tmp_path: Path, collected: dict[str, str]
) -> None:
    first = made(tmp_path)
    collected["orders.csv"] += "2\n"
    second = store.make_snapshot(PROBLEM, str(tmp_path), {})
    assert store.newest_snapshot(str(tmp_path)) == first != second


def test_what_a_resumed_run_took_becomes_the_newest_unless_another_did_since(
    tmp_path: Path, collected: dict[str, str]
) -> None:
    root = str(tmp_path)
    made(tmp_path)
    collected["orders.csv"] += "2\n"
    second = store.make_snapshot(PROBLEM, root, {})
    store.make_newest_after(root, second)
    assert store.newest_snapshot(root) == second
    collected["orders.csv"] += "3\n"
    third = made(tmp_path)
    store.make_newest_after(root, second)
    assert store.newest_snapshot(root) == third
    shutil.rmtree(store.snapshot_folder(root, second))
    store.make_newest_after(root, second)
    assert store.newest_snapshot(root) == third


def test_a_previous_snapshot_that_was_deleted_is_not_compared_with(
    tmp_path: Path, collected: dict[str, str]
) -> None:
    first = made(tmp_path)
    collected["orders.csv"] += "2\n"
    second = made(tmp_path)
    shutil.rmtree(store.snapshot_folder(str(tmp_path), first))
    assert store.previous_rows(str(tmp_path), second) is None


def test_a_store_that_is_no_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(UserError, match="Not a directory; nothing was saved"):
        store.make_snapshot(PROBLEM, str(tmp_path / "store"), {})


def test_json_that_others_could_not_read_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.to_json({"a": float("nan")})


def test_an_unknown_snapshot_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no snapshot 'abc'"):
        store.snapshot_folder(str(tmp_path), "abc")


def test_a_run_is_written_once(tmp_path: Path) -> None:
    folder = store.write_run(str(tmp_path), "7", {}, {"a": b"1"})
    store.write_run(str(tmp_path), "7", {}, {"a": b"2"})
    assert (folder / "a").read_bytes() == b"1"
    assert folder == store.run_folder(str(tmp_path), "7")


def test_json_has_the_same_bytes_for_the_same_value(tmp_path: Path) -> None:
    assert store.to_json({"b": 1, "a": [1.5]}) == store.to_json({"a": [1.5], "b": 1})
    (tmp_path / "x.json").write_bytes(store.to_json({"a": None}))
    assert store.read_json(tmp_path / "x.json") == {"a": None}


def test_a_store_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("no folder")
    with pytest.raises(UserError, match=r"could not use .*snapshots"):
        store.make_newest(str(tmp_path), "356aa0350cfef22c")
