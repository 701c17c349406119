"""A figure of matplotlib as inline SVG, with the page's font and colours.

Text stays text, and colours become CSS variables of the page: a plot is readable on a dark and on a
light background.
"""

import io
import logging
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

WIDTH = 4.4  # inches of 72 points: text of 11 points is still readable on a phone of 320 px

# Placeholders that matplotlib accepts as colours, and the CSS variables that replace them.
INK, MUTED, ACCENT, BASELINE, LINE = "#010101", "#020202", "#030303", "#040404", "#050505"
VARIABLES = {INK: "ink", MUTED: "muted", ACCENT: "accent", BASELINE: "baseline", LINE: "line"}
STYLE: Any = {
    "axes.edgecolor": LINE,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.axisbelow": True,
    "axes.labelcolor": MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "date.converter": "concise",  # short enough to stand side by side
    "font.size": 11,
    "grid.color": LINE,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,  # a name may hold a dollar sign
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.color": LINE,
    "ytick.labelcolor": INK,
}


def inline(
    name: str,
    message: str,
    height: float,
    draw: Callable[..., None],
    rows: int = 1,
    ratios: Sequence[float] | None = None,
) -> "Markup":
    """A figure that `draw` fills, as one SVG element.

    Args:
        name: unique in the page: the element's ids depend on it.
        message: what the plot shows, for screen readers.
        height: of the figure, in inches.
        draw: takes one Axes for each row.
        rows: how many plots there are, one below the other.
        ratios: their heights relative to each other; equal if not given.
    """
    logging.getLogger("matplotlib").setLevel(
        logging.ERROR
    )  # it reports that it builds its font cache
    from markupsafe import Markup
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(*figure.subplots(rows, squeeze=False, height_ratios=ratios).ravel())
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return Markup(_slim(text.getvalue(), message))


def _slim(svg: str, message: str) -> str:
    """The SVG without its prologue, metadata, styles and ids, which a page can't use."""
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box is not None
    body = svg[svg.index(">", box.end()) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<g id=\"[^\"]*\"", "<g", body)
    body = re.sub(r"<[^>]+>", lambda tag: _shorter(tag[0]), body)
    body = re.sub(r"\n\s*", "\n", body)
    return f'<svg {box[0]} role="img" aria-label="{escape(message)}">{body}'


def _shorter(tag: str) -> str:
    tag = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", tag)
    tag = re.sub(r"font-family: [^;\"]*; ", "", tag)
    for color, name in VARIABLES.items():
        tag = tag.replace(color, f"var(--{name})")
    return tag
