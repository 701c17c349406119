"""Does a request cost the same, however much the online features know?

Accesses are counted, not timed, so the answer is the same on each machine.
"""

from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from typing import Any

Json = dict[str, Any]
Path = tuple[str, ...]

FEWEST = 3
"""Entries of a table of products, drivers, ...; smaller objects are records of fields."""
SIZES = (1_000, 100_000)


class Counted(dict[Any, Any]):
    """A dict that counts the entries that somebody walks over; a look-up by key is none.

    Attributes:
        walked: that number.
    """

    walked = 0

    def __iter__(self) -> Iterator[Any]:
        for key in super().__iter__():
            self.walked += 1
            yield key

    def keys(self) -> Any:
        """A view that counts."""
        return _Keys(self)

    def values(self) -> Any:
        """A view that counts."""
        return ValuesView(self)

    def items(self) -> Any:
        """A view that counts."""
        return ItemsView(self)

    def copy(self) -> Json:
        """A copy, which walks over all."""
        return dict(self)

    def __or__(self, other: Any) -> Json:  # type: ignore[override]
        return {**self, **other}

    def __ror__(self, other: Any) -> Json:  # type: ignore[override]
        return {**other, **self}


class _Keys(KeysView[Any]):
    def __rsub__(self, other: Any) -> set[Any]:
        return set(other) - set(self)  # Python, too, walks over what is taken away


def growing(online: Json, names: set[str], ask: Callable[[Json], object]) -> Iterator[str]:
    """Each table of the online features that one request walks through, by its path.

    A table is a dict with at least `FEWEST` entries of one kind. Lists are not examined: what
    their entries belong to is not known, so none can be added.

    Args:
        online: the online features.
        names: of the features; a dict by feature is no table.
        ask: makes a request's features from online features.
    """
    for path in _tables(online, names):
        walked = []
        for size in SIZES:
            table = Counted(_grown(_at(online, path), size))
            ask(_with(online, path, table))
            walked.append(table.walked)
        if walked[1] > walked[0]:
            yield (
                f"walks over {walked[1]:,} entries of online_features[{']['.join(map(repr, path))}]"
                f" for one request when it has {SIZES[1]:,}: look entries up by key"
            )


def _tables(value: Any, names: set[str], path: Path = ()) -> Iterator[Path]:
    if not isinstance(value, dict):
        return
    if len(value) >= FEWEST and len({_kind(each) for each in value.values()}) == 1:
        if not names.issuperset(value):
            yield path
        return
    for key, each in value.items():
        yield from _tables(each, names, (*path, key))


def _kind(value: Any) -> Any:
    return type(value), tuple(value) if isinstance(value, dict) else None


def _grown(table: Json, size: int) -> Json:
    """The table after copies of its entries: who looks for one of its own walks past them."""
    entries = list(table.items())
    copies: Json = {}
    for at in range(size - len(table)):
        key, value = entries[at % len(entries)]
        copy = f", copy {at}"
        copies[key + copy] = value + copy if isinstance(value, str) else value
    return copies | table


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _with(value: Json, path: Path, table: Json) -> Json:
    """A copy in which a table stands at the path."""
    if not path:
        return table
    key, *rest = path
    return {**value, key: _with(value[key], tuple(rest), table)}
