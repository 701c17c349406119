"""The files of the project that go with a flow's code to AWS Batch: what a release needs, too."""

from collections.abc import Iterator
from pathlib import Path

FOLDERS = (__package__.partition(".")[0], "config", "data/sample", "serving/model", "warehouse")
"""By their paths in the project, which are those in a job. The package comes with Metaflow, too, as
one to import; it stands here for the image's hash, which is over files."""


def files() -> Iterator[Path]:
    """Their files, by paths from the project's folder, which is the current one."""
    for folder in FOLDERS:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
