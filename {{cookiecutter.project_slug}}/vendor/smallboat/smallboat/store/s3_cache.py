"""A folder here, or a prefix of an S3 bucket that is mirrored in a folder here.

What lies in a store never changes once it is complete, so a file that is here already is the
right one. Only the pointer to the newest snapshot does, and it is always asked for.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..aws import aws

CACHE = Path(".cache")


def home(root: str) -> Path:
    """The folder on this machine; for S3 it holds what was asked for so far."""
    if not _remote(root):
        return Path(root)
    bucket, prefix = _address(root)
    return CACHE / bucket / prefix


def bring(root: str, beneath: str, suffix: str = "") -> list[Path]:
    """The files beneath a path of the store whose names end so, brought here if they lie on S3."""
    if not _remote(root):
        return sorted((home(root) / beneath).glob(f"**/*{suffix}"))
    found = []
    for key in _keys(root, f"{beneath}/"):
        if key.endswith(suffix):
            found.append(home(root) / key)
            if not found[-1].is_file():
                _download(root, key)
    return found


def keep(root: str, folder: Path, beneath: str, last: str) -> None:
    """Copy a folder's files to S3, once; with `last` it is complete.

    What an upload that broke off has left is replaced: the files of one folder fit each other.
    Without a `last` each file is complete by itself.
    """
    if not _remote(root) or (last and any(_keys(root, f"{beneath}/{last}"))):
        return
    bucket, prefix = _address(root)
    files = [path for path in folder.iterdir() if path.is_file()]
    for path in sorted(files, key=lambda path: (path.name == last, path.name)):
        condition = {} if last and path.name != last else {"IfNoneMatch": "*"}
        with aws.aws_errors(unless="PreconditionFailed"), path.open("rb") as file:
            _client().put_object(
                Bucket=bucket, Key=f"{prefix}/{beneath}/{path.name}", Body=file, **condition
            )


def read(root: str, name: str) -> str | None:
    """A small file that may change, or None."""
    if not _remote(root):
        path = home(root) / name
        return path.read_text() if path.is_file() else None
    bucket, prefix = _address(root)
    with aws.aws_errors(unless="NoSuchKey"):
        answer = _client().get_object(Bucket=bucket, Key=f"{prefix}/{name}")
        return str(answer["Body"].read().decode())
    return None


def replace(root: str, file: Path, name: str) -> None:
    """Replace a small file on S3 by one that is here, at once for all who read it."""
    if _remote(root):
        bucket, prefix = _address(root)
        with aws.aws_errors():
            _client().put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=file.read_bytes())


def _remote(root: str) -> bool:
    return root.startswith("s3://")


def _address(root: str) -> tuple[str, str]:
    address = urlsplit(root)
    return address.netloc, address.path.strip("/")


@cache
def _client() -> Any:
    import boto3

    return boto3.client("s3", config=aws.options())


def _keys(root: str, beneath: str) -> Iterator[str]:
    bucket, prefix = _address(root)
    with aws.aws_errors():
        pages = _client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=f"{prefix}/{beneath}"):
            for each in page.get("Contents", []):
                yield each["Key"].removeprefix(f"{prefix}/")


def _download(root: str, key: str) -> None:
    bucket, prefix = _address(root)
    path = home(root) / key
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with aws.aws_errors():
        _client().download_file(bucket, f"{prefix}/{key}", str(part))
    os.replace(part, path)
