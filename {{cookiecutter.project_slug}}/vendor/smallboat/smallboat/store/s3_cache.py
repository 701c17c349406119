"""The files of a store: a folder, or a prefix of an S3 bucket with a local copy.

A complete file of a store never changes, so the local copy of it is valid. The exception is the
pointer to the newest snapshot, which is read from S3 each time.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..aws import aws
from ..aws.buckets import CONDITION_FAILED

CACHE = Path(".cache")


def local_folder(root: str) -> Path:
    """The store's folder on this machine; for S3 it holds what was downloaded so far."""
    if not _on_s3(root):
        return Path(root)
    bucket, prefix = _address(root)
    return CACHE / bucket / prefix


def fetch(root: str, path: str, suffix: str = "") -> list[Path]:
    """The files below a path of the store whose names end so; downloads those that are missing."""
    folder = local_folder(root)
    if not _on_s3(root):
        return sorted((folder / path).glob(f"**/*{suffix}"))
    keys = [key for key in _keys(root, f"{path}/") if key.endswith(suffix)]
    for key in keys:
        if not (folder / key).is_file():
            _download(root, key)
    return [folder / key for key in keys]


def upload(root: str, folder: Path, path: str, last: str) -> None:
    """Copy a folder's files to S3, unless they are complete there.

    Args:
        root: the store; nothing is done for one that is a folder.
        folder: the files.
        path: where they go in the store.
        last: the file that is written last and completes the others. What an interrupted upload
            left without it is replaced. If empty, each file is complete by itself.
    """
    if not _on_s3(root) or (last and any(_keys(root, f"{path}/{last}"))):
        return
    files = [file for file in folder.iterdir() if file.is_file()]
    for file in sorted(files, key=lambda file: (file.name == last, file.name)):
        condition = {} if last and file.name != last else {"IfNoneMatch": "*"}
        with aws.aws_errors("PreconditionFailed"), file.open("rb") as body:
            _client().put_object(**_object(root, f"{path}/{file.name}"), Body=body, **condition)


def read_pointer(root: str, name: str) -> str | None:
    """The text of a small file that may change; None if there is none."""
    if not _on_s3(root):
        path = local_folder(root) / name
        return path.read_text() if path.is_file() else None
    with aws.aws_errors("NoSuchKey"):
        return str(_client().get_object(**_object(root, name))["Body"].read().decode())
    return None


def upload_pointer(root: str, file: Path, name: str) -> None:
    """Replace a small file on S3."""
    if _on_s3(root):
        with aws.aws_errors():
            _client().put_object(**_object(root, name), Body=file.read_bytes())


def read_tagged(root: str, name: str) -> tuple[str | None, str]:
    """The text of a small file that may change (None if there is none), and its tag for `replace`.

    On S3 the tag changes with the content; in a folder it is empty.
    """
    if not _on_s3(root):
        return read_pointer(root, name), ""
    with aws.aws_errors("NoSuchKey"):
        found = _client().get_object(**_object(root, name))
        return str(found["Body"].read().decode()), str(found["ETag"])
    return None, ""


def replace(root: str, name: str, text: str, tag: str) -> bool:
    """Replace a small file at once; on S3 only if it is still as `read_tagged` found it.

    Returns:
        Whether it was replaced. In a folder it always is: lock the folder before reading.
    """
    if not _on_s3(root):
        path = local_folder(root) / name
        new = path.with_name(f"{path.name}.new")
        new.write_text(text)
        os.replace(new, path)
        return True
    condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
    with aws.aws_errors(*CONDITION_FAILED):
        _client().put_object(**_object(root, name), Body=text.encode(), **condition)
        return True
    return False


def _on_s3(root: str) -> bool:
    return root.startswith("s3://")


def _address(root: str) -> tuple[str, str]:
    address = urlsplit(root)
    return address.netloc, address.path.strip("/")


def _object(root: str, key: str) -> dict[str, str]:
    bucket, prefix = _address(root)
    return {"Bucket": bucket, "Key": f"{prefix}/{key}"}


@cache
def _client() -> Any:
    import boto3

    return boto3.client("s3", config=aws.options())


def _keys(root: str, path: str) -> Iterator[str]:
    bucket, prefix = _address(root)
    with aws.aws_errors():
        pages = _client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=f"{prefix}/{path}"):
            for each in page.get("Contents", []):
                yield each["Key"].removeprefix(f"{prefix}/")


def _download(root: str, key: str) -> None:
    path = local_folder(root) / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with aws.aws_errors():  # boto3 gives the file its name once it is complete
        _client().download_file(**_object(root, key), Filename=str(path))
