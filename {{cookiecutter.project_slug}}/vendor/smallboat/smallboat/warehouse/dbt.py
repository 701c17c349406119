"""Runs the project's dbt models, without a word unless something is wrong."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import disk
from ..errors import FullDiskError, UserError
from . import sentences

PROJECT = Path("warehouse")
"""The dbt project, in the project's folder, which is the current one."""
PARSED = Path(".cache/dbt")
"""Where what dbt has read of the models is kept: reading takes longer than a small build."""
PARSED_FILE = "partial_parse.msgpack"


def project_hash() -> str:
    """16 hex digits that change with the models; UserError if they are not there."""
    files = sorted(path for path in PROJECT.rglob("*") if path.suffix in (".sql", ".yml"))
    if not files:
        raise UserError(f"there are no dbt models in {PROJECT.resolve()}, of the project's folder")
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PROJECT).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def build(target: str, folder: Path, variables: Mapping[str, str] | None = None) -> None:
    """Build and test all models.

    Args:
        target: of profiles.yml.
        folder: where the target `duckdb` has its file.
        variables: of profiles.yml.

    Raises:
        UserError: names the model or the test that failed.
    """
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner

    project, here = str(PROJECT.resolve()), Path.cwd()
    parsed = here / PARSED / f"{project_hash()}-{target}.msgpack"
    with tempfile.TemporaryDirectory() as kept:
        if parsed.exists():
            shutil.copyfile(parsed, Path(kept) / PARSED_FILE)
        words = [
            "build", "--target", target, "--vars", json.dumps(dict(variables or {})),
            "--project-dir", project, "--profiles-dir", project, "--target-path", kept,
            "--log-path", kept, "--log-level", "none", "--log-level-file", "none", "--quiet",
            "--no-version-check", "--no-write-json", "--no-use-colors",
        ]  # fmt: skip
        # The file's path would be part of what dbt has read, were it not the same for each.
        os.chdir(folder)
        try:
            ended = dbtRunner().invoke(words)
        finally:
            os.chdir(here)
            reset_adapters()
            DuckDBConnectionManager.close_all_connections()
        if not ended.success:
            error = UserError(_why(ended))
            if message := disk.message(error, folder, str(folder.parent)):
                raise FullDiskError(message)
            raise error
        _keep(Path(kept) / PARSED_FILE, parsed)


def _keep(made: Path, parsed: Path) -> None:
    # Where it can't be kept the next build takes longer, nothing else.
    with suppress(OSError):
        parsed.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parsed.parent) as staged:
            os.replace(shutil.copy(made, staged), parsed)


def _why(ended: Any) -> str:
    """A sentence about the first model or test that failed."""
    for result in getattr(ended.result, "results", None) or ():
        if result.status in ("error", "fail"):
            return _sentence(result.node, sentences.reason(result.message))
    reason = sentences.reason(str(ended.exception or ""))
    return f"the warehouse could not be built: {reason}; see {PROJECT}/"


def _sentence(node: Any, message: str) -> str:
    path = PROJECT / node.original_file_path
    if node.resource_type != "test":
        return f"the warehouse's model {node.name} could not be built: {message}; see {path}"
    models = " and ".join(name.split(".")[-1] for name in node.depends_on.nodes)
    return f"the warehouse's test {node.name} of {models} failed: {message}; see {path}"
