"""The project's files that go to AWS Batch with a flow's code."""

from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("config", "data/sample", "serving/model", "vendor/smallboat/smallboat", "warehouse")
"""Beside the package, at the same paths in a job. Metaflow packs the imported modules anyway; the
package and the library are listed because the image's hash is computed from these files."""


def files(package: str) -> Iterator[Path]:
    """The paths of the files, relative to the project's folder, which is the current one."""
    for folder in (package, *FOLDERS):
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
