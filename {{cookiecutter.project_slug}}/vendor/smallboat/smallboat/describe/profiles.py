"""What a column of a user's table looks like."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..spellings import NO, YES
from ..table.schema import Column, Type
from ..warehouse.source import Source, identifier
from ..warehouse.typed import given, stripped, value
from ..words import counted

FORMATS = ("", *(
    f"{day}{hour}"
    for day in (
        "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y",
        "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y%m%d",
    )
    for hour in ("", " %H:%M", " %H:%M:%S")
))  # fmt: skip
"""How dates are written; ISO 8601 is first."""

ID = re.compile(r"(?i:(^|[_\W])(id|key|uuid|index|column \d+)$)|[a-z]I[dD]$")
"""What columns are called that name something."""

MOST = 0.95
"""The share of values that make a column's type; the others count as missing."""

SAMPLE = 20_000
"""Rows of which dates are judged."""

PROFILE = """
SELECT
    coalesce(sum(n) FILTER (WHERE given), 0)::BIGINT, count(nullif(text, '')),
    coalesce(sum(n) FILTER (WHERE number IS NOT NULL), 0)::BIGINT, min(number), max(number),
    coalesce(bool_and(number = floor(number)), false),
    coalesce(sum(n) FILTER (WHERE lower(text) IN {flags}), 0)::BIGINT,
    coalesce(sum(n) FILTER (WHERE regexp_full_match(text, '0[0-9]+')), 0)::BIGINT,
    coalesce(sum(n * length(text)) / sum(n), 0),
    coalesce(sum(n * (1 + length(text) - length(replace(text, ' ', '')))) / sum(n), 0),
    min(nullif(text, '')), min(text) FILTER (WHERE number IS NULL AND given), bit_xor(content)
FROM (
    SELECT n, content, {text} AS text, {number} AS number, {given} AS given FROM (
        SELECT {name}, count(*) AS n, bit_xor(hash(hash(row, {name}))) AS content
        FROM (SELECT row_number() OVER () AS row, {name} FROM {table}) GROUP BY {name}
    )
)
"""
"""It groups first, so that what takes long is done once for each different value.

Of a row and its value the hash is hashed again: without, those of values that come in pairs cancel.
"""


@dataclass(frozen=True)
class Profile:
    """What the values of a column are like.

    Attributes:
        name: the column.
        rows: of the table.
        given: how many are not missing.
        levels: how many different ones there are.
        numbers: how many are numbers, between
        low and
        high, all of which may be
        whole.
        flags: how many are yes or no.
        padded: how many are digits after a zero, as codes are and numbers are not.
        length: of their text, on average.
        words: in them, on average.
        example: the first in the alphabet, and
        odd: the first that is no number.
        content: a hash of all, equal for equal columns.
        dates: how many of the first rows are dates, by format.
        sampled: how many values were tried for that.
        ambiguous: whether day and month may be the other way round.
    """

    name: str
    rows: int
    given: int
    levels: int
    numbers: int
    low: float
    high: float
    whole: bool
    flags: int
    padded: int
    length: float
    words: float
    example: str
    odd: str
    content: int
    dates: Mapping[str, int] = field(default_factory=dict)
    sampled: int = 0
    ambiguous: bool = False

    @property
    def format(self) -> str:
        """How most of its dates are written."""
        return max(self.dates, key=lambda form: self.dates[form], default="")

    @property
    def type(self) -> Type:
        """The type that most of its values have."""
        dated = sum(self.dates.values())
        if self.given and self.flags == self.given:
            return "flag"
        if self.sampled and dated >= MOST * self.sampled:
            return "date"
        if self.numbers >= MOST * self.given and self.padded == 0:
            return "number"
        long = self.words > 4 or self.length > 60
        return "text" if long and self.levels > 50 else "category"

    @property
    def column(self) -> Column:
        """How it is described."""
        seen = widened(self.low, self.high) if self.type == "number" else None
        form = self.format if self.type == "date" else ""
        return Column(self.name, self.type, range=seen, format=form)

    def dropped(self) -> str:
        """Why it is no input; empty if it is one."""
        if self.given == 0:
            return "has no values"
        if self.levels == 1:
            return f"constant: {self.example!r} in each row that has a value"
        if self.given < (1 - MOST) * self.rows:
            return f"over 95 % empty: {counted(self.given, 'value')} in {self.rows:,} rows"
        if self.example[0] + self.example[-1] in ("[]", "{}"):
            return f"lists or structs, such as {self.example!r}: make columns of them with SQL"
        if self.type == "text":
            return "free text, which no model here reads: compute numbers of it in features.py"
        if self.type in ("number", "category") and self.identifies():
            return f"like an id: {self.levels:,} different values, such as {self.example!r}"
        return ""

    def identifies(self) -> bool:
        """Whether it seems to name the rows."""
        if self.levels < 20 or self.levels < MOST * self.given:
            return False
        if self.type != "number":
            return True
        counting = self.levels == self.given and self.high - self.low < 1.01 * self.levels
        return self.whole and bool(ID.search(self.name) or counting)

    def remarks(self) -> list[str]:
        """What a person should look at, in sentences."""
        told = []
        if self.type == "date" and self.format:
            told.append(f"dates as text, such as {self.example!r}")
        if self.type == "date" and len(self.dates) > 1:
            counts = (f"{count:,} as {form or 'ISO 8601'}" for form, count in self.dates.items())
            told.append(
                f"dates in {len(self.dates)} spellings: {', '.join(counts)}; those of other "
                "spellings than format will count as missing: write all in one"
            )
        if self.type == "date" and self.ambiguous:
            told.append("the month may come before the day: check format")
        texts = self.given - self.numbers
        if self.type == "number" and texts:
            told.append(
                f"mixed types: {counted(texts, 'value')}, such as {self.odd!r}, "
                f"{'is' if texts == 1 else 'are'} no number and will count as missing"
            )
        if self.type == "category" and self.numbers > (1 - MOST) * self.given and not self.padded:
            told.append(
                f"mixed types: {self.numbers:,} numbers and {texts:,} texts, such as {self.odd!r}"
            )
        if self.type == "category" and self.levels > 1000:
            told.append(f"{self.levels:,} different values")
        named = ID.search(self.name) and not self.name.startswith("column ")
        if named and self.levels < self.given and self.type != "date":
            told.append("named like an id: if its rows belong together, it is problem.group")
        return told


def widened(low: float, high: float) -> tuple[float, float]:
    """A range with a tenth more at both ends, in round numbers; not below 0 if it is not."""
    span = max(high - low, 1e-6 * abs(high), 1e-12)
    step = 10.0 ** (math.floor(math.log10(span)) - 1)
    least = math.floor((low - span / 10) / step) * step
    return (max(0.0, least) if low >= 0 else least), math.ceil((high + span / 10) / step) * step


def profile(source: Source, name: str, decimal: str, rows: int) -> Profile:
    """What a column of a table is like."""
    held = source.types[name]
    query = PROFILE.format(
        name=identifier(name), text=stripped(name), given=given(name), flags=YES + NO,
        number=value(Column(name, "number"), held, decimal), table=source.sql,
    )  # fmt: skip
    found = Profile(name, rows, *source.connection.execute(query).fetchall()[0])
    if held != "VARCHAR" or (found.numbers >= MOST * found.given and found.length != 8):
        sure = held.startswith(("DATE", "TIMESTAMP"))
        return replace(found, dates={"": 1} if sure else {}, sampled=int(sure))
    dates, sampled, ambiguous = _dates(source, name)
    return replace(found, dates=dates, sampled=sampled, ambiguous=ambiguous)


def _dates(source: Source, name: str) -> tuple[dict[str, int], int, bool]:
    """How many of the first values are dates, by the fewest formats that explain them.

    Then how many values that are, and whether day and month may be the other way round.
    """
    first = f"(SELECT {identifier(name)} FROM {source.sql} WHERE {given(name)} LIMIT {SAMPLE})"
    read = (value(Column(name, "date", format=form), "VARCHAR", ".") for form in FORMATS)
    tried = ", ".join(f"{date} IS NOT NULL" for date in read)
    columns = source.connection.execute(f"SELECT {tried} FROM {first}").fetchnumpy()
    fits = np.column_stack(list(columns.values())).astype(bool)
    fits[:, FORMATS.index("%Y%m%d")] &= fits[:, FORMATS.index("%Y%m%d")].all()
    left, found = np.ones(len(fits), dtype=bool), {}
    while (best := int((counts := fits[left].sum(axis=0)).argmax())) >= 0 and counts[best]:
        found[FORMATS[best]] = int(counts[best])
        left &= ~fits[:, best]
    totals = dict(zip(FORMATS, fits.sum(axis=0), strict=True))
    swapped = [form.replace("%d/%m", "%m/%d") for form in list(found)[:1] if "%d/%m" in form]
    return found, len(fits), any(totals[form] == totals[next(iter(found))] for form in swapped)
