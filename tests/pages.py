"""The pages of the documentation: their code blocks, and what a command must have printed."""

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
FACTS = re.compile(r"[0-9a-f]{16}|\d{16}|[0-9a-f]{7}|\d{4}-\d\d-\d\d|\d\d:\d\d")
"""Ids, hashes and times, which differ from run to run."""
TOLERANCE = 0.05


@dataclass(frozen=True)
class Block:
    """A fenced code block of a page.

    Attributes:
        language: what stands behind the fence.
        text: its lines.
    """

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, in their order."""
    return [Block(language, text) for _, language, text in BLOCK.findall(page.read_text())]


def missing(expected: str, printed: str) -> list[str]:
    """The lines of an output on a page that were not printed, in this order; `...` stands for any.

    Ids and times may differ, and numbers by 5 %: another processor rounds differently.
    """
    rest = iter(printed.splitlines())
    return [
        line
        for line in expected.splitlines()
        if line.strip() not in ("", "...") and not any(_like(line, other) for other in rest)
    ]


def _like(line: str, other: str) -> bool:
    words, others = line.split(), other.split()
    return len(words) == len(others) and all(map(_same, words, others))


def _same(word: str, other: str) -> bool:
    if word == other or (FACTS.fullmatch(word) and FACTS.fullmatch(other)):
        return True
    try:
        number, found = (float(text.strip("[],+")) for text in (word, other))
    except ValueError:
        return False
    return abs(number - found) <= max(TOLERANCE * abs(number), 0.02)
