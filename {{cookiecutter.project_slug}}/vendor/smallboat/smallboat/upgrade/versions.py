"""Which packages differ between two lock files of uv."""

import re
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple


class Change(NamedTuple):
    """A package whose versions differ; "" where a lock file does not have it."""

    package: str
    before: str
    after: str

    @property
    def major(self) -> bool:
        """Whether it may break what uses the package: another first number, or second after a 0."""
        first, second = _leading(self.before), _leading(self.after)
        return bool(first and second) and first != second

    def __str__(self) -> str:
        return f"{self.package} {self.before or 'none'} -> {self.after or 'none'}"


def changes(before: Path, after: Path) -> list[Change]:
    """The packages that differ, those with another major version first, then by name."""
    old, new = _versions(before), _versions(after)
    names = {name for name in old | new if old.get(name) != new.get(name)}
    found = [Change(name, old.get(name, ""), new.get(name, "")) for name in names]
    return sorted(found, key=lambda change: (not change.major, change.package))


def table(changed: list[Change]) -> str:
    """The changes as a table in Markdown."""
    lines = [
        f"| {change.package} | {change.before or '-'} | {change.after or '-'} | "
        f"{'**major**' if change.major else ''} |"
        for change in changed
    ]
    return "\n".join(["| package | before | after | |", "|---|---|---|---|", *lines])


def _versions(lock: Path) -> dict[str, str]:
    """The versions of packages that come from an index; of some there are several in one lock."""
    found = defaultdict(set)
    for package in tomllib.loads(lock.read_text())["package"]:
        if "registry" in package["source"]:
            found[package["name"]].add(package["version"])
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _leading(versions: str) -> list[str]:
    """The first number of each version; of 0.x the first two."""
    return re.findall(r"(?:^|, )(0\.\d+|\d+)", versions)
