"""What text in a table stands for: yes and no, nothing, and numbers with marks in them."""

import re

YES = ("1", "1.0", "true", "t", "yes", "y")
NO = ("0", "0.0", "false", "f", "no", "n")
NULLS = ("", "na", "n/a", "nan", "nat", "null", "none", "?", "-", ".")
"""What stands for a missing number, flag or date, in any case; as a category it is a category."""


def thousands(decimal: str) -> tuple[str, str]:
    """What may stand between thousands, and a regular expression of the numbers that have it."""
    mark = "," if decimal == "." else "."
    return mark, rf"[+-]?[0-9]{{1,3}}([{mark}][0-9]{{3}})+([{decimal}][0-9]*)?"


def number(text: str, decimal: str) -> float:
    """The number that a text is, with comma or point as `decimal`; ValueError if it is none."""
    mark, grouped = thousands(decimal)
    if mark in text and not re.fullmatch(grouped, text):
        raise ValueError(f"{text!r} is no number")
    return float(text.replace(mark, "").replace(decimal, "."))
