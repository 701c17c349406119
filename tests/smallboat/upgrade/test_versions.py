"""Which packages an update changes, and up to which day it takes them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from smallboat.errors import UserError
from smallboat.upgrade import dependencies, versions

PACKAGE = """
[[package]]
name = "{}"
version = "{}"
source = {{ {} = "here" }}
"""
TODAY = datetime(2026, 11, 30, 13, 45, tzinfo=UTC)


class Clock(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: Any = None) -> "Clock":
        """The time in the tests."""
        return cls(*TODAY.timetuple()[:6], tzinfo=tz)


def locked(folder: Path, name: str, *packages: tuple[str, str], source: str = "registry") -> Path:
    file = folder / name
    file.write_text("".join(PACKAGE.format(*each, source) for each in packages))
    return file


def test_what_differs_is_listed_with_major_versions_first(tmp_path: Path) -> None:
    same = ("same", "1.0")
    old = locked(tmp_path, "a", ("a", "1.9"), ("b", "9.0"), ("c", "0.15.1"), ("gone", "1"), same)
    new = locked(tmp_path, "b", ("a", "1.10"), ("b", "10.0"), ("c", "0.16.0"), ("new", "1"), same)
    found = versions.changes(old, new)
    assert list(map(str, found)) == [
        "b 9.0 -> 10.0",
        "c 0.15.1 -> 0.16.0",
        "a 1.9 -> 1.10",
        "gone 1 -> none",
        "new none -> 1",
    ]
    assert versions.table(found).splitlines()[2:5] == [
        "| b | 9.0 | 10.0 | **major** |",
        "| c | 0.15.1 | 0.16.0 | **major** |",
        "| a | 1.9 | 1.10 |  |",
    ]


@pytest.mark.parametrize(
    ("before", "after", "major"),
    [
        ("0.0.6", "0.0.7", False),
        ("0.9", "0.10", True),
        ("0.9", "1.0", True),
        ("2026.1.2", "2026.11.2", False),
        ("2.4.6, 2.5.4", "2.4.6, 2.5.5", False),
        ("2.4.6, 2.5.4", "2.5.4, 3.0.0", True),
    ],
)
def test_a_major_version_may_break_what_uses_it(before: str, after: str, major: bool) -> None:
    assert versions.Change("a", before, after).major == major


def test_packages_of_a_platform_have_several_versions_and_the_project_none(tmp_path: Path) -> None:
    old = locked(tmp_path, "a", ("numpy", "2.5.4"), ("numpy", "2.4.6"))
    new = locked(tmp_path, "b", ("numpy", "2.4.6"))
    assert versions.changes(old, new) == [("numpy", "2.4.6, 2.5.4", "2.4.6")]
    own = [locked(tmp_path, name, ("own", name), source="editable") for name in ("1", "2")]
    assert versions.changes(*own) == []


@pytest.mark.parametrize(
    ("day", "expected"),
    [(None, 23), ("2026-11-29", 29), ("2026-11-30", 30)],
)
def test_packages_are_a_week_old_unless_a_day_is_named(
    day: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "datetime", Clock)
    assert dependencies._midnight(day) == datetime(2026, 11, expected, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ("2026-12-01", "2026-12-01 is in the future: choose a day up to 2026-11-30"),
        ("01.11.2026", "01.11.2026 is no day: write it as in DATE=2026-11-23"),
    ],
)
def test_a_day_that_can_not_be_is_refused(
    day: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "datetime", Clock)
    with pytest.raises(UserError, match=message):
        dependencies._midnight(day)


def test_only_the_date_for_all_packages_is_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        '[tool.uv]\nexclude-newer = "{}" # why\nexclude-newer-package = {{ own = "1999-01-01" }}\n'
    )
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text(text.format("2026-11-15T00:00:00Z"))
    assert dependencies._date() == datetime(2026, 11, 15, tzinfo=UTC)
    assert dependencies._dated(TODAY) == text.format("2026-11-30T00:00:00Z")


@pytest.mark.parametrize("line", ["", 'exclude-newer = "last week"'])
def test_a_project_without_a_date_is_told_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(dependencies, "datetime", Clock)
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text(f"[tool.uv]\n{line}\n")
    with pytest.raises(UserError, match='write `exclude-newer = "2026-11-23T00:00:00Z"` under'):
        dependencies._date()
