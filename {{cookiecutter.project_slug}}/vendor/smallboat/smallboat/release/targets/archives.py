"""A release as SageMaker takes it: an archive in the bucket; its key has a hash of the files."""

import gzip
import io
import shutil
import tarfile
import zlib
from contextlib import suppress
from pathlib import Path

from ... import integrity
from ...aws import aws
from ...aws.buckets import Bucket, ChangedError
from ...errors import CloudError, IntegrityError
from ...store import release_bundle, store

CACHE = Path(".cache/releases")
PREFIX = "releases/"
NAME = "model.tar.gz"


def upload(bucket: Bucket, folder: Path) -> str:
    """Put a release into the bucket once; returns the archive's URL."""
    release = store.read_json(folder / "release.json")["release"]
    key = f"{PREFIX}{release}/{_content_hash(folder)}/{NAME}"
    with suppress(ChangedError):  # the same files, packed by another zlib
        bucket.write(key, pack(folder))
    return bucket.url(key)


def pack(folder: Path) -> bytes:
    """An archive of the folder's files, the same bytes for the same files."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for path in sorted(folder.iterdir()):
            content = path.read_bytes()
            entry = tarfile.TarInfo(path.name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def fetch(bucket: Bucket, url: str) -> Path:
    """A folder with an archive's files, with the name of the release; downloaded once."""
    key = url.removeprefix(bucket.url(""))
    *_, release, content_hash, name = key.split("/")
    folder = CACHE / content_hash / release
    if folder.is_dir() and _content_hash(folder) == content_hash:
        return folder
    archive = bucket.read(key)
    if archive is None or name != NAME:
        raise CloudError(f"{url} is served, but it is not in the bucket")
    changed = IntegrityError(f"{url} {integrity.CHANGED}: {integrity.REMEDIES[integrity.RELEASE]}")
    with store.staged(folder.parent) as stage:
        try:
            release_bundle.unpack(archive.content, stage / "release")
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError):
            raise changed from None
        if _content_hash(stage / "release") != content_hash:
            raise changed
        shutil.rmtree(folder, ignore_errors=True)
        store.settle(stage / "release", folder)
    return folder


def prune(bucket: Bucket, kept: set[str]) -> None:
    """Remove all versions of the archives with other URLs."""
    with aws.aws_errors():
        archives = bucket.versions(PREFIX)
        bucket.discard([each for each in archives if bucket.url(each["Key"]) not in kept])


def _content_hash(folder: Path) -> str:
    return integrity.content_hash(integrity.hashes(folder))
