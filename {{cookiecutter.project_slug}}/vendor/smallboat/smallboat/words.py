"""What the texts for people share."""

import re
from collections.abc import Iterable, Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: 1 row, 1,200 rows."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def primary_first(metrics: Iterable[str], primary: str) -> list[str]:
    """The names of the metrics, the one that decides first."""
    return sorted(metrics, key=lambda name: (name != primary, name))


def listed(names: Sequence[str], most: int = 3) -> str:
    """Names as a list; of more than `most`, how many others there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {counted(len(names) - most, 'other')}"


def without_folders(text: str) -> str:
    """A text with only the last part of each path that leads out of the project."""
    return re.sub(r"""(^|(?<=[\s'"(=]))(~|\.\.)?/([^\s/]+/)*(?=\S)""", "", text)
