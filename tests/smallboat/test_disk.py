import errno
import os
from pathlib import Path

import pytest
from smallboat import disk
from smallboat.errors import FullDiskError, UserError

FULL = "No space left on device"


def test_the_file_that_was_being_written_is_named_and_what_is_free(tmp_path: Path) -> None:
    (tmp_path / "whole.csv").write_text("whole")
    os.utime(tmp_path / "whole.csv", (1, 1))
    message = (
        rf"^could not use half\.csv in the snapshot, with [\d,]+ bytes free: {FULL}; nothing was"
    )
    with (
        pytest.raises(FullDiskError, match=message),
        disk.full_disk_errors(tmp_path, "the snapshot"),
    ):
        (tmp_path / "half.csv").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_device_that_is_full_is_told_by_the_folder_if_no_file_is_known(tmp_path: Path) -> None:
    message = rf"^could not use {tmp_path}, with .* free: {FULL};"
    with (
        pytest.raises(FullDiskError, match=message),
        disk.full_disk_errors(tmp_path),
        open("/dev/full", "w") as full,
    ):
        full.write("x")


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "the runs"),
        (OSError(errno.EFBIG, os.strerror(errno.EFBIG)), "the runs"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "/read/only"), "/read/only"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/of/others"), "/of/others"),
        (OSError(errno.ENOSPC, FULL, "/elsewhere/file"), "/elsewhere/file"),
        (OSError(errno.ENOSPC, FULL, "/from", None, "/to"), "/to"),
        (RuntimeError(f'IO Error: Could not write file "/a/b.duckdb.wal": {FULL}'), "b.duckdb.wal"),
    ],
)
def test_a_limit_is_a_full_disk_too_and_who_names_a_file_is_believed(
    tmp_path: Path, error: Exception, named: str
) -> None:
    message = disk.message(error, tmp_path, "the runs")
    assert message is not None and message.startswith("could not use ") and named in message


def test_what_came_of_a_full_disk_is_told_and_everything_else_left_alone(tmp_path: Path) -> None:
    outer = ValueError("no model")
    outer.__cause__ = OSError(errno.ENOSPC, FULL)
    assert FULL in str(disk.message(outer, tmp_path))
    assert disk.message(ConnectionResetError(errno.ECONNRESET, "reset by peer"), tmp_path) is None
    with (
        pytest.raises(UserError, match=r"^told already") as raised,
        disk.full_disk_errors(tmp_path),
    ):
        raise UserError(f"told already: {FULL}")
    assert not isinstance(raised.value, FullDiskError)
