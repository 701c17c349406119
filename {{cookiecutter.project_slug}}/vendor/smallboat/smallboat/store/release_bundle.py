"""What is released: a model and the online features of a snapshot, of one run or of two."""

import io
import json
import shutil
import tarfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from .. import integrity
from ..errors import IntegrityError, ReleaseError
from . import bundle, store

MODEL = ("model.onnx", "evaluation_model.onnx", "signature.json", "evaluation.json")
Release = dict[str, Any]
"""What `release.json` holds: the pair's id, and the hash and the run of both its parts."""


@dataclass(frozen=True)
class Features:
    """Online features, the run that made them and the snapshot that they know."""

    online: bytes
    run: str
    snapshot: str

    @classmethod
    def of(cls, folder: Path, run: str, snapshot: str) -> "Features":
        """Those that lie in a folder."""
        return cls((folder / "online_features.json").read_bytes(), run, snapshot)

    @property
    def as_of(self) -> str:
        """Date of the newest event that they know."""
        return str(json.loads(self.online)["as_of"])


@dataclass(frozen=True)
class Bundle:
    """A run's files, whole and fitting each other."""

    folder: Path
    signature: dict[str, Any]
    evaluation: dict[str, Any]

    @property
    def model_hash(self) -> str:
        """The hash of model and signature."""
        return str(self.evaluation["model_hash"])

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """What it takes, without the words for people."""
        return [
            {key: value for key, value in each.items() if key != "description"}
            for each in self.signature["inputs"]
        ]


def verify(folder: Path) -> None:
    """ReleaseError names the file of a release that is not the one that was written."""
    try:
        integrity.verify(folder, integrity.RELEASE)
    except IntegrityError as error:
        raise ReleaseError(str(error)) from None


def served(folder: Path) -> Bundle:
    """The bundle of a release, verified; ReleaseError says what is wrong with it."""
    verify(folder)
    return read(folder)


def read(folder: Path) -> Bundle:
    """A verified bundle; ReleaseError says what doesn't fit."""
    try:
        signature, evaluation = (store.read_json(folder / name) for name in MODEL[2:])
        _ = store.read_json(folder / "online_features.json")["as_of"]
        bundle.session((folder / "evaluation_model.onnx").read_bytes())
        found = bundle.model_hash((folder / "model.onnx").read_bytes(), signature)
        wanted = evaluation["model_hash"]
    except Exception as error:  # files can be broken in any way
        told = f"{type(error).__name__}: {error}"
        raise ReleaseError(f"{folder} can't be read: {told}") from None
    if found != wanted:
        raise ReleaseError(f"{folder} holds model {found}, its evaluation is of {wanted}")
    return Bundle(folder, signature, evaluation)


def write(folder: Path, model: Bundle, features: Features) -> None:
    """Put a release together in an empty folder."""
    for name in MODEL:
        shutil.copyfile(model.folder / name, folder / name)
    (folder / "online_features.json").write_bytes(features.online)
    online_features_hash = sha256(features.online).hexdigest()[:16]
    release = {
        "release": f"{model.model_hash}-{online_features_hash}",
        "run": model.evaluation["run"],
        "model_hash": model.model_hash,
        "features_run": features.run,
        "online_features_hash": online_features_hash,
        "features_as_of": features.as_of,
        "snapshot": features.snapshot,
    }
    integrity.seal(folder, integrity.RELEASE, release)


def describe(release: Release) -> str:
    """A release in words."""
    return (
        f"model {release['model_hash']} of run {release['run']} with features as of "
        f"{release['features_as_of']} of run {release['features_run']}"
    )


def unpack(content: bytes, folder: Path) -> None:
    """Write the files of a release's archive into a new folder.

    Raises tarfile.TarError for what is no archive, or holds more than files without folders.
    Not by extractall: its filters are not in every Python 3.11.
    """
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        folder.mkdir(parents=True)
        for entry in archive:
            held = archive.extractfile(entry)
            if held is None or not entry.isfile() or Path(entry.name).name != entry.name:
                raise tarfile.ExtractError(f"{entry.name} is no file of a release")
            (folder / entry.name).write_bytes(held.read())
