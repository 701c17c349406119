"""A release as SageMaker takes it: an archive in the bucket, named by what is in it."""

import gzip
import io
import shutil
import tarfile
import zlib
from pathlib import Path

from ... import integrity
from ...errors import CloudError, IntegrityError
from ...integrity import RELEASE
from ...store import release_bundle, store
from .bucket import Bucket, ChangedError

CACHE = Path(".cache/releases")
PREFIX = "releases/"
NAME = "model.tar.gz"


def key(folder: Path) -> str:
    """Where the archive of a release's folder belongs."""
    release = store.read_json(folder / "release.json")["release"]
    return f"{PREFIX}{release}/{_content(folder)}/{NAME}"


def upload(bucket: Bucket, folder: Path) -> str:
    """Put a release into the bucket, and its evaluation beside it, once; returns its URL."""
    target = key(folder)
    beside = target.removesuffix(NAME) + "evaluation.json"
    for name, content in (
        (beside, (folder / "evaluation.json").read_bytes()),
        (target, pack(folder)),
    ):
        try:
            bucket.write(name, content)
        except ChangedError:
            continue  # the same files, packed by another zlib
    return f"s3://{bucket.name}/{target}"


def pack(folder: Path) -> bytes:
    """The folder's files as an archive, the same bytes for the same files."""
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
    """A folder with the files of an archive, named as the release is; downloaded once."""
    path = url.removeprefix(f"s3://{bucket.name}/")
    *_, release, content, name = path.split("/")
    folder = CACHE / content / release
    if folder.is_dir() and _content(folder) == content:
        return folder
    found = bucket.read(path)
    if found is None or name != NAME:
        raise CloudError(f"{url} is served, but its files are not there")
    changed = IntegrityError(f"{url} {integrity.CHANGED}: {integrity.REMEDIES[RELEASE]}")
    with store.staged(folder.parent) as stage:
        try:
            release_bundle.unpack(found.content, stage / "release")
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError):
            raise changed from None
        if _content(stage / "release") != content:
            raise changed
        shutil.rmtree(folder, ignore_errors=True)
        store.settle(stage / "release", folder)
    return folder


def _content(folder: Path) -> str:
    return integrity.content_hash(integrity.hashes(folder))
