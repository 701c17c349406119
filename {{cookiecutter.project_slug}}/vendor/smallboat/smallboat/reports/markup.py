"""The macros of card.html, with every value that they are given escaped."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup


@cache
def _macros() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"number": number, "signed": signed, "count": count}
    return environment.get_template("card.html").module


def render(macro: str, *values: Any) -> "Markup":
    """What a macro makes of some values."""
    html: Markup = getattr(_macros(), macro)(*values)
    return html


def number(value: float | None) -> str:
    """Three places behind the point; none from a thousand on, exponents below a thousandth."""
    if value is None:
        return "none"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"


def signed(value: float) -> str:
    """The same with a sign before what is above zero."""
    return number(value) if value <= 0 else f"+{number(value)}"


def count(value: int | None) -> str:
    """A whole number with separators."""
    return "none" if value is None else f"{value:,}"
