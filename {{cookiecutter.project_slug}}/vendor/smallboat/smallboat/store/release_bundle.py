"""What is released: a model and the online features of a snapshot, of one run or of two."""

import io
import json
import shutil
import tarfile
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from .. import integrity
from ..errors import IntegrityError, ReleaseError
from . import bundle, store

MODEL = ("model.onnx", "evaluation_model.onnx", "signature.json", "evaluation.json")
REFERENCE = "reference.json"
"""What the model's held-out rows looked like."""
OPTIONAL = (REFERENCE, "model_card.html")
"""Files that belong to the model, and that the bundle of an older library lacks."""
ONLINE = "online_features.json"
Release = dict[str, Any]
"""What `release.json` holds: the id of the pair, and the hash and the run of both its parts.

`features_as_of` is only there if the problem has time.
"""


@dataclass(frozen=True)
class Bundle:
    """The files of a run or of a release, read and checked once.

    Attributes:
        folder: where the files are.
        signature: the content of signature.json.
        evaluation: the content of evaluation.json.
        online: the content of online_features.json.
        release: the content of release.json; for a run, that of a release of it alone.
    """

    folder: Path
    signature: dict[str, Any]
    evaluation: dict[str, Any]
    online: dict[str, Any]
    release: Release

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The inputs of the signature without their descriptions."""
        return [
            {key: value for key, value in each.items() if key != "description"}
            for each in self.signature.get("inputs", [])
        ]

    def __str__(self) -> str:
        """The release in words."""
        as_of = self.release.get("features_as_of")
        return (
            f"model {self.release['model_hash']} of run {self.release['run']} with features "
            f"{f'as of {as_of} ' if as_of else ''}of run {self.release['features_run']}"
        )


def load(folder: Path) -> Bundle:
    """Read a release, verified; ReleaseError says what is wrong with it."""
    try:
        release = integrity.verify(folder, integrity.RELEASE)
    except IntegrityError as error:
        raise ReleaseError(str(error)) from None
    return read(folder, release)


def read(folder: Path, release: Release | None = None) -> Bundle:
    """Read the bundle of a run, or of a release whose release.json is known.

    Raises:
        ReleaseError: a file can't be read, or the evaluation is of another model.
    """
    found = read_features(folder)
    try:
        bundle.session((folder / "evaluation_model.onnx").read_bytes())
        model_hash = bundle.model_hash((folder / "model.onnx").read_bytes(), found.signature)
        expected = found.evaluation["model_hash"]
    except Exception as error:  # files can be broken in any way
        raise _unreadable(folder, error) from None
    if model_hash != expected:
        raise ReleaseError(f"{folder} holds model {model_hash}, its evaluation is of {expected}")
    return replace(found, release=release or found.release | _model(found, model_hash))


def read_features(folder: Path) -> Bundle:
    """Read the bundle of a run without its models, which may be missing or have failed a gate.

    `release` then has only what concerns the online features. ReleaseError if a file can't be read.
    """
    try:
        signature, evaluation = (store.read_json(folder / name) for name in MODEL[2:])
        content = (folder / ONLINE).read_bytes()
        online = json.loads(content)
        release = {
            "features_run": evaluation["run"],
            "online_features_hash": sha256(content).hexdigest()[:16],
            "snapshot": evaluation["snapshot"],
        }
        if evaluation.get("split_by", "time") == "time":
            release["features_as_of"] = str(online["as_of"])
    except Exception as error:  # files can be broken in any way
        raise _unreadable(folder, error) from None
    return Bundle(folder, signature, evaluation, online, release)


def _model(run: Bundle, model_hash: str) -> Release:
    return {
        "release": f"{model_hash}-{run.release['online_features_hash']}",
        "run": run.evaluation["run"],
        "model_hash": model_hash,
    }


def _unreadable(folder: Path, error: Exception) -> ReleaseError:
    return ReleaseError(f"{folder} can't be read: {type(error).__name__}: {error}")


def files(folder: Path) -> list[str]:
    """The files of a folder that belong to its model."""
    return [*MODEL, *(name for name in OPTIONAL if (folder / name).exists())]


def write(folder: Path, model: Bundle, features: Bundle) -> Bundle:
    """Write a release of the model of one bundle and the online features of the same or another."""
    for name in files(model.folder):
        shutil.copyfile(model.folder / name, folder / name)
    shutil.copyfile(features.folder / ONLINE, folder / ONLINE)
    release = features.release | {name: model.release[name] for name in ("run", "model_hash")}
    release["release"] = f"{release['model_hash']}-{release['online_features_hash']}"
    integrity.seal(folder, integrity.RELEASE, release)
    return Bundle(folder, model.signature, model.evaluation, features.online, release)


def unpack(content: bytes, folder: Path) -> None:
    """Write the files of a release's archive into a new folder.

    Not by extractall: its filters are not in every Python 3.11.

    Raises:
        tarfile.TarError: it is no archive, or holds more than files without folders.
    """
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        folder.mkdir(parents=True)
        for entry in archive:
            file = archive.extractfile(entry)
            if file is None or not entry.isfile() or Path(entry.name).name != entry.name:
                raise tarfile.ExtractError(f"{entry.name} is no file of a release")
            (folder / entry.name).write_bytes(file.read())
