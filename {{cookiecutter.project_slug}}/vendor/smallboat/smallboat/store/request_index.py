"""The archive's index: the parts that exist, and how far each source was read.

`<root>/monitoring/requests.json` is written last and at once, so it commits what a command added: a
part that it does not list does not exist.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

from ..errors import UserError
from . import s3_cache

FOLDER = "monitoring/requests"
INDEX = f"{FOLDER}.json"
SCHEMA = 1
BUSY = (
    "another command collects captured requests into this store: it does what this one would, so "
    "wait until it has ended, then repeat this one"
)


@dataclass(frozen=True)
class Part:
    """A file of the archive.

    Attributes:
        path: relative to FOLDER: `date=<day of arrival>/<name>.parquet`.
        requests: how many it has.
        first: the earliest time of its requests, in ISO format, UTC; clocks may have moved.
        last: the latest one.
    """

    path: str
    requests: int
    first: str
    last: str


@dataclass
class Index:
    """What the file says; parts in the order in which their requests arrived."""

    parts: list[Part] = field(default_factory=list)
    cursors: dict[str, str] = field(default_factory=dict)
    tag: str = ""

    def since(self, day: date | None) -> list[Part]:
        """The parts that may have requests of that day or a later one."""
        return [part for part in self.parts if day is None or part.last >= day.isoformat()]


def load(root: str) -> Index:
    """The index of a store, an empty one if there is none; UserError if it can't be read."""
    text, tag = s3_cache.read_tagged(root, INDEX)
    if text is None:
        return Index()
    try:
        content = json.loads(text)
        schema = content["schema"]
        if schema == SCHEMA:
            return Index([Part(**each) for each in content["parts"]], content["cursors"], tag)
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{root}/{INDEX} can't be read ({error}): remove it and {root}/{FOLDER}, then what is "
            "still captured is collected again"
        ) from None
    raise UserError(
        f"{root}/{INDEX} has schema {schema!r}, this version of smallboat reads {SCHEMA}: use the "
        "version that wrote it, or `make upgrade`"
    )


def save(root: str, index: Index) -> None:
    """Commit an index; UserError if another command did since this one was loaded."""
    parts = [asdict(part) for part in index.parts]
    content = {"schema": SCHEMA, "parts": parts, "cursors": index.cursors}
    if not s3_cache.replace(root, INDEX, json.dumps(content, indent=1) + "\n", index.tag):
        raise UserError(f"nothing was collected: {BUSY}")


def files(root: str, parts: Iterable[Part]) -> list[str]:
    """The paths of parts on this machine, downloaded if need be; UserError if one is gone."""
    paths = []
    for part in parts:
        found = s3_cache.local_folder(root) / FOLDER / part.path
        if not found.is_file():
            s3_cache.fetch(root, f"{FOLDER}/{Path(part.path).parent}", found.name)
        if not found.is_file():
            raise UserError(
                f"{root}/{FOLDER}/{part.path} is gone: restore it, or remove its entry in "
                f"{root}/{INDEX}, then its {part.requests:,} requests are not monitored"
            )
        paths.append(str(found))
    return paths
