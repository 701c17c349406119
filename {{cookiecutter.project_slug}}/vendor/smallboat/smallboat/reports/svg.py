"""A figure of matplotlib as SVG that stands in a page and takes its looks from there.

Its words stay words, in the page's font, and its colours become the page's CSS variables, so that
it is readable on a dark and on a light background.
"""

import io
import logging
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

WIDTH = 5.4  # inches of 72 units: ten-unit words are still readable where a phone shows it

# Stand-ins that matplotlib takes for colours, and what the page calls them.
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
    "font.size": 10,
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
    name: str, message: str, height: float, draw: Callable[..., None], rows: int = 1
) -> "Markup":
    """Let `draw` fill a figure, and return it as one SVG element.

    Args:
        name: unlike that of any other plot of the page, for the element's ids.
        message: what the plot shows, for who can't see it.
        height: of the figure, in inches.
        draw: takes one Axes for each row.
        rows: how many plots lie one below the other.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it announces its font cache
    from markupsafe import Markup
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(*figure.subplots(rows, squeeze=False).ravel())
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return Markup(_slim(text.getvalue(), message))


def _slim(svg: str, message: str) -> str:
    """Without what a page has no use for or would clash over: prologue, metadata, styles, ids."""
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
    for stand_in, name in VARIABLES.items():
        tag = tag.replace(stand_in, f"var(--{name})")
    return tag
