"""The files of the project that go with a flow's code to AWS Batch: what a release needs, too."""

from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("config", "data/sample", "serving/model", "vendor/smallboat/smallboat", "warehouse")
"""By their paths in the project, which are those in a job, beside the package. Package and library
come with Metaflow, too, to be imported; here they are for the image's hash, which is over files.
Without `vendor` it is over those of the library that Metaflow brings."""


def files(package: str) -> Iterator[Path]:
    """Their files, by paths from the project's folder, which is the current one."""
    for folder in (package, *FOLDERS):
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
