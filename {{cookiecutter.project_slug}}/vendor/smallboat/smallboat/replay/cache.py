"""What a replay computed stays in `.cache/replay`: all policies share it, and later replays do.

A file's name is a hash of all that decides its content: the rows themselves, the code of project
and library, the settings and the versions of the packages. Each is written at once or not at all.
"""

import hashlib
import json
import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..problem import Problem

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path(".cache", "replay")
Json = dict[str, Any]


class Cache:
    """Files by the hash of what they were made of."""

    def __init__(self, problem: Problem, frame: "pd.DataFrame", *decides: Any) -> None:
        """Of a problem and its whole feature table; `decides` is what else all files depend on."""
        from pandas.util import hash_pandas_object

        packages = sorted(f"{each.name} {each.version}" for each in metadata.distributions())
        folders = problem.folder, Path(__file__).parents[1]
        code = [file.read_text() for each in folders for file in sorted(each.rglob("*.py"))]
        names = {str(name): str(kind) for name, kind in frame.dtypes.items()}
        self._common = json.dumps([packages, code, names, decides], sort_keys=True, default=str)
        self._rows = hash_pandas_object(frame, index=False).set_axis(frame.index)

    def path(self, kind: str, rows: "pd.Index[Any]", *decides: Any) -> Path:
        """The file of a kind that is made of rows of the table, given by their index, and more."""
        digest = hashlib.sha256(self._common.encode())
        digest.update(json.dumps(decides, sort_keys=True, default=str).encode())
        digest.update(self._rows.loc[rows].to_numpy().tobytes())
        return FOLDER / f"{kind}-{digest.hexdigest()[:24]}.json"

    def value(self, path: Path, make: Callable[[], Json]) -> Json:
        """The plain values in a file, made if it is not there."""
        if not path.exists():
            content = json.dumps(make())
            path.parent.mkdir(parents=True, exist_ok=True)
            written = path.with_name(f".{path.name}.{os.getpid()}")
            try:
                written.write_text(content)
                written.replace(path)
            finally:
                written.unlink(missing_ok=True)
        found: Json = json.loads(path.read_text())
        return found
