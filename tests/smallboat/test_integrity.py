"""Whatever is edited in a snapshot, a run or a release is refused by its name."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bundles
import pytest
from bundles import PLAIN
from smallboat import integrity
from smallboat.errors import IntegrityError, ReleaseError, UserError
from smallboat.store import release_bundle, runs, store
from smallboat.validation import preparation
from toy.problem import PROBLEM


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a store that holds a snapshot and run 1, and a release of both."""
    folder = tmp_path_factory.mktemp("filled")
    kept = bundles.empty(folder / "store")
    model = release_bundle.read(kept.keep("1", PLAIN))
    (folder / "release").mkdir()
    release_bundle.write(folder / "release", model, model)
    return folder, kept.snapshot


@pytest.fixture
def here(filled: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The snapshot's hash; the current folder is a copy of that folder."""
    shutil.copytree(filled[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return filled[1]


def kinds(snapshot: str) -> dict[Path, tuple[Callable[[], Any], type[UserError]]]:
    """What reads each folder, and the error that says what is wrong with it."""
    release = Path("release")
    return {
        Path("store", "snapshots", snapshot): (
            lambda: store.snapshot_folder("store", snapshot),
            IntegrityError,
        ),
        Path("store", "runs", "1"): (lambda: store.run_folder("store", "1"), IntegrityError),
        release: (lambda: release_bundle.load(release), ReleaseError),
    }


def edits(folder: Path) -> Iterator[Path]:
    """Edit each file of a folder in turn; what was edited before is whole again."""
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            yield path
        path.write_bytes(whole[:-1])
        yield path
        path.unlink()
        yield path
        path.write_bytes(whole)
    foreign = folder / f"foreign{path.suffix}"
    foreign.write_bytes(whole)
    yield foreign
    foreign.unlink()


def test_every_file_of_each_folder_is_guarded(here: str) -> None:
    for folder, (read, error) in kinds(here).items():
        names = {path.name for path in folder.iterdir()}
        seen = set()
        for path in edits(folder):
            integrity._sha256.cache_clear()  # as in another process
            with pytest.raises(error) as caught:
                read()
            assert str(caught.value).startswith(f"{path} "), path
            seen.add(path.name)
        assert names < seen and len(names) >= 2
        integrity._sha256.cache_clear()
        read()


@pytest.mark.parametrize(
    ("name", "edited"),
    [
        ("store/snapshots/*/snapshot.json", {"data_until": "2030-01-01"}),
        ("store/snapshots/*/snapshot.json", {"previous": "0123456789abcdef"}),
        ("store/runs/1/evaluation.json", {"passed": False}),
        ("store/runs/1/evaluation.json", {"metrics": {"test": {"error": 0.1}}}),
        ("store/runs/1/evaluation.json", {"files": {}}),
        ("store/runs/1/online_features.json", {"as_of": "2030-01-01"}),
        ("release/evaluation.json", {"evaluation_trained_until": "2001-01-01"}),
        ("release/online_features.json", {"as_of": "2030-01-01"}),
        ("release/release.json", {"features_as_of": "2030-01-01"}),
        ("release/signature.json", {"trained_until": "2001-01-01"}),
    ],
)
def test_other_values_in_a_well_formed_file_are_found(
    here: str, name: str, edited: dict[str, Any]
) -> None:
    (path,) = Path().glob(name)
    content = json.loads(path.read_bytes())
    path.write_bytes(store.to_json(content | edited))
    read, error = kinds(here)[path.parent]
    with pytest.raises(error, match=f"^{path} was changed since it was written: .*`make "):
        read()


def test_neither_validation_nor_features_read_an_edited_table(here: str) -> None:
    table = min(Path("store", "snapshots", here).glob("[!s]*"))
    table.write_bytes(table.read_bytes() + b"\n")
    for read in (preparation.validate, preparation.engineer):
        with pytest.raises(IntegrityError, match=f"{table} was changed"):
            read(PROBLEM, "store", here)


def test_the_manifest_of_another_snapshot_is_none_of_this_one(here: str) -> None:
    folder = Path("store", "snapshots", here)
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    (other / "snapshot.json").unlink()
    (other / "more.csv").write_bytes(b"")
    integrity.seal(other, "snapshot.json", store.manifest("store", here))
    shutil.copy(other / "snapshot.json", folder)
    with pytest.raises(IntegrityError, match=f"{folder}/snapshot.json was changed"):
        store.manifest("store", here)


def test_what_an_older_version_made_is_said(here: str) -> None:
    for folder, (read, error) in kinds(here).items():
        # A release has an evaluation.json, too.
        *_, manifest = (name for name in integrity.REMEDIES if (folder / name).is_file())
        facts, _ = integrity.read_manifest(folder, manifest)
        (folder / manifest).write_bytes(store.to_json(facts))
        with pytest.raises(error, match=f"{manifest} was made by an older version .*: .*`make "):
            read()
    (why,) = runs.read("store")[1].values()
    assert "was made by an older version" in why and not runs.evaluations("store")


def test_hidden_files_and_folders_are_left_alone(here: str) -> None:
    for folder, (read, _) in kinds(here).items():
        (folder / ".DS_Store").write_bytes(b"")
        (folder / "cache").mkdir()
        read()


def test_a_file_is_hashed_once_unless_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a")
    found = integrity.sha256(file)
    before = integrity._sha256.cache_info().misses
    assert integrity.sha256(file) == found
    assert integrity._sha256.cache_info().misses == before
    file.write_bytes(b"ab")
    assert integrity.sha256(file) != found
