"""Reads base.toml and the file of an environment, and merges them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError, nearest

FOLDER = Path("config")
BASE = "base.toml"
"""What all environments share; a project need not have it."""
PROBLEM = "problem.toml"
"""Describes a table; it is no environment either."""
ON_AWS = ("staging", "prod")
"""The environments that the template's cloud brings."""
Tables = dict[str, Any]


@dataclass(frozen=True)
class Files:
    """The unchecked tables of base.toml and of an environment's file, which is `name`."""

    base: Tables
    own: Tables
    name: str = ""

    @property
    def tables(self) -> Tables:
        """Both, merged key by key; the environment's file wins."""
        return _merge(self.base, self.own)

    def holding(self, key: tuple[Any, ...]) -> str:
        """The file that has a key, or the table from which it is missing."""
        in_base = _depth(self.base, key) > _depth(self.own, key)
        return str(FOLDER / BASE) if in_base else self.name


def read(path: Path) -> Files:
    """The file of an environment, with the base.toml beside it; UserError if one is not TOML."""
    return parse(path.read_text(), str(path), path.parent)


def parse(text: str, name: str = "", folder: Path = FOLDER) -> Files:
    """The same for the text of an environment's file."""
    base = folder / BASE
    shared = _tables(base.read_text(), str(base)) if base.is_file() else {}
    return Files(shared, _tables(text, name), name)


def path(environment: str) -> Path:
    """The file of an environment; UserError names the nearest, or all."""
    names = [file for file in FOLDER.glob("*.toml") if file.name not in (BASE, PROBLEM)]
    files = {file.stem: file for file in names}
    if environment in files:
        return files[environment]
    advice = nearest(environment, [*files])
    if environment in ON_AWS and not files.keys() & ON_AWS:
        advice = "the project has no cloud: the library's docs/upgrading.md says how to add it"
    raise UserError(f"there is no environment {environment!r}: {advice}")


def _tables(text: str, name: str) -> Tables:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name or 'the configuration'} is not valid TOML: {error}") from None


def _merge(base: Tables, own: Tables) -> Tables:
    both = {
        key: _merge(base[key], value)
        for key, value in own.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return base | own | both


def _depth(tables: Any, key: tuple[Any, ...]) -> int:
    """How many parts of a key's path the tables have."""
    if key and isinstance(tables, dict) and key[0] in tables:
        return 1 + _depth(tables[key[0]], key[1:])
    return 0
