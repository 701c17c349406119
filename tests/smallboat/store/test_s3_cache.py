"""A store on S3 is the store in a folder, seen by every machine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from smallboat.errors import CloudError, IntegrityError
from smallboat.store import runs, s3_cache, store
from toy import data
from toy.problem import PROBLEM

BUCKET = "project-staging-123456789012"
ROOT = f"s3://{BUCKET}/store"


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """S3 with the bucket; this machine knows nothing of it yet."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        s3_cache._client.cache_clear()
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client
        s3_cache._client.cache_clear()


@pytest.fixture
def snapshot(s3: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A snapshot that was made on another machine."""

    def collect(config: Any, folder: Path) -> dict[str, Any]:
        (folder / "orders.csv").write_text("id\n1\n")
        return {"source": "files: here", "licence": "CC0", "data_until": "2024-12-08", "rows": {}}

    monkeypatch.setattr(data, "collect", collect)
    made = store.make_snapshot(PROBLEM, ROOT, {})
    store.make_newest(ROOT, made)
    return made


def elsewhere(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Go on, on a machine that has nothing yet."""
    folder.mkdir()
    monkeypatch.chdir(folder)


def keep(run: str, root: str = ROOT, **facts: str) -> Path:
    """A run in the store."""
    told = {"run": run, "created": run, **facts}
    return store.write_run(root, run, told, {"model.onnx": b"graph"})


def test_another_machine_finds_snapshot_and_runs(
    snapshot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("1")
    keep("2")
    elsewhere(monkeypatch, tmp_path / "other")
    assert store.newest_snapshot(ROOT) == snapshot
    assert (store.snapshot_folder(ROOT, snapshot) / "orders.csv").read_text() == "id\n1\n"
    assert list(runs.evaluations(ROOT)) == ["2", "1"]
    assert (store.run_folder(ROOT, "1") / "model.onnx").read_bytes() == b"graph"


def test_the_same_tables_are_one_snapshot_wherever_they_are_collected(
    s3: Any, snapshot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.manifest(ROOT, snapshot)
    elsewhere(monkeypatch, tmp_path / "other")
    monkeypatch.setattr(store, "now", lambda: "later")
    assert store.make_snapshot(PROBLEM, ROOT, {}) == snapshot
    assert store.manifest(ROOT, snapshot) == first


def test_what_is_removed_there_is_known_here_no_more(s3: Any) -> None:
    keep("1")
    s3.delete_object(Bucket=BUCKET, Key="store/runs/1/evaluation.json")
    assert runs.evaluations(ROOT) == {}


def test_a_run_is_written_once(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep("1", model_hash="first")
    elsewhere(monkeypatch, tmp_path / "other")
    keep("1", model_hash="second")
    held = s3.get_object(Bucket=BUCKET, Key="store/runs/1/evaluation.json")["Body"].read()
    assert json.loads(held)["model_hash"] == "first"


def test_an_upload_that_breaks_off_leaves_no_run(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = s3_cache._client()
    put, left = client.put_object, iter([True])

    def cut(**words: Any) -> Any:
        next(left, None) or client.head_bucket(Bucket="somebody-elses")
        return put(**words)

    monkeypatch.setattr(client, "put_object", cut)
    with pytest.raises(CloudError, match="HeadBucket"):
        keep("1")
    assert runs.evaluations(ROOT) == {}
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    keep("1")
    assert list(runs.evaluations(ROOT)) == ["1"]


def test_an_upload_that_broke_off_is_made_good_by_other_files(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=BUCKET, Key="store/runs/1/model.onnx", Body=b"graph of a first try")
    keep("1")
    elsewhere(monkeypatch, tmp_path / "other")
    assert (store.run_folder(ROOT, "1") / "model.onnx").read_bytes() == b"graph"


def test_what_was_changed_there_or_here_is_named(
    s3: Any, snapshot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = {
        keep("1") / "model.onnx": lambda: store.run_folder(ROOT, "1"),
        store.snapshot_folder(ROOT, snapshot) / "orders.csv": lambda: store.snapshot_folder(
            ROOT, snapshot
        ),
    }
    for path, read in reads.items():
        path.write_bytes(b"id\n2\n")
        with pytest.raises(IntegrityError, match=f"{path} was changed .* on S3"):
            read()
        path.unlink()
        read()
        key = str(path.relative_to(Path(".cache", BUCKET)))
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"id\n2\n")
    elsewhere(monkeypatch, tmp_path / "other")
    for path, read in reads.items():
        with pytest.raises(IntegrityError, match=f"{path} was changed .* on S3"):
            read()


def test_a_run_moves_on_with_its_snapshot(
    snapshot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("1", snapshot=snapshot)
    here = str(tmp_path / "here")
    elsewhere(monkeypatch, tmp_path / "other")
    store.copy_run(ROOT, here, "1")
    assert list(runs.evaluations(here)) == ["1"]
    assert (store.snapshot_folder(here, snapshot) / "orders.csv").is_file()
    store.copy_run(here, f"s3://{BUCKET}/second", "1")
    assert list(runs.evaluations(f"s3://{BUCKET}/second")) == ["1"]


def test_a_bucket_that_is_not_there_is_told(s3: Any) -> None:
    with pytest.raises(CloudError, match="not bootstrapped yet"):
        runs.evaluations("s3://nobodys-bucket/store")
