import gzip
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from smallboat import datafiles
from smallboat.errors import UserError

TABLE = b"id,name\n1,Ada\n2,Grace\n"
MIB = 2**20


def link(path: Path) -> None:
    (path.parent / "elsewhere").write_bytes(TABLE)
    path.symlink_to("elsewhere")


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def circle(path: Path) -> None:
    path.symlink_to(path.name)


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))  # longer than some hundred characters it may not be


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (link, "is a symbolic link, and what that points to may change"),
        (dangling, "is a symbolic link, and what that points to may change"),
        (circle, "is a symbolic link, and what that points to may change"),
        (device, "is a symbolic link, and what that points to may change"),
        (os.mkfifo, "is a pipe"),
        (bound, "is a socket"),
        (Path.mkdir, "is a folder"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "jsonl"])
def test_what_is_no_file_is_refused_unopened(
    tmp_path: Path, make: Callable[[Path], object], message: str, ending: str
) -> None:
    make(tmp_path / f"table.{ending}")
    with pytest.raises(UserError, match=rf"table\.{ending} {message}; put the file itself in its"):
        datafiles.find(tmp_path, "other*", f"table.{ending}")


def test_a_file_whose_name_begins_with_a_dot_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(TABLE)
    (tmp_path / "._table.csv").write_bytes(b"\0\5\x16\7")
    assert datafiles.find(tmp_path, "*.csv") == [tmp_path / "table.csv"]


def test_the_folder_may_be_a_link_and_what_nobody_asks_for_anything(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "table.csv").write_bytes(TABLE)
    os.mkfifo(tmp_path / "real" / "notes.csv")
    (tmp_path / "folder").symlink_to("real")
    found = datafiles.find(tmp_path / "folder", "table.csv", "table-*.csv")
    assert found == [tmp_path / "folder" / "table.csv"]
    assert datafiles.header(found[0]) == ["id", "name"]
    assert datafiles.content(found[0], len(TABLE)) == TABLE


@pytest.mark.parametrize("line", [1, 2, 100_000])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_null_byte_is_refused_by_its_line(tmp_path: Path, line: int, zipped: bool) -> None:
    lines = [f"{number},{os.urandom(16).hex()}".encode() for number in range(1, 120_000)]
    lines[line - 1] = b"1,a\0b"
    path = tmp_path / ("table.csv.gz" if zipped else "table.csv")
    path.write_bytes((gzip.compress if zipped else bytes)(b"\n".join(lines)))
    with pytest.raises(UserError, match=rf"{path.name}, line {line} has a null byte; save it as"):
        datafiles.find(tmp_path, "table*")


def test_a_small_gzip_of_much_is_refused_and_little_of_it_unpacked(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "table.csv.gz"
    member = gzip.compress(b"2,Grace\n" * (16 * MIB))
    path.write_bytes(gzip.compress(TABLE) + member * 16)  # 2 GiB
    assert path.stat().st_size < 10 * MIB
    tracemalloc.start()
    with pytest.raises(UserError, match=r"table\.csv\.gz unpacks to more than 100 times its size"):
        datafiles.find(tmp_path, "table*")
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    tracemalloc.stop()


def test_a_file_that_is_larger_than_its_kind_is_not_read_on(tmp_path: Path) -> None:
    with (tmp_path / "table.csv").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(UserError, match=r"table\.csv has more than 1 MiB, far more than a table"):
        datafiles.content(tmp_path / "table.csv", MIB)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id" + b",x" * MIB, r"table\.csv, line 1 has more than 65,536 bytes; it must be"),
        (b"id,id\n", r"two columns of the name id; rename one"),
        (b"\xff\xfe\n", r"is not CSV in UTF-8"),
    ],
)
def test_a_first_line_that_is_no_header_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        datafiles.header(tmp_path / "table.csv")


@pytest.mark.parametrize("start", datafiles.NOT_TEXT)
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n  "])
def test_what_is_no_text_is_named(tmp_path: Path, start: bytes, before: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(before + start + TABLE)
    with pytest.raises(UserError, match=rf"table\.csv is .*{datafiles.NOT_TEXT[start][:20]}"):
        datafiles.find(tmp_path, "table*")
    packed = path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    with pytest.raises(UserError, match=rf"table\.csv\.gz is .*{datafiles.NOT_TEXT[start][:20]}"):
        datafiles.find(tmp_path, "table*")


@pytest.mark.parametrize("directory", [None, ""])
def test_files_without_a_folder_are_refused(directory: str | None) -> None:
    with pytest.raises(UserError, match="needs a folder"):
        datafiles.given(directory)
