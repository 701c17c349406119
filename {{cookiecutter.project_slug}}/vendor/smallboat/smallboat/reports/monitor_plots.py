"""The plots of the monitor's report."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..words import counted
from . import svg
from .plots import COLORS, DASHED
from .svg import ACCENT, BASELINE, INK, MUTED

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

Json = dict[str, Any]
LINES = 6
"""Inputs that the plot of drift shows: those that moved most."""
LIMIT = 0.1
"""The PSI from which on an input may count as drifted."""


def errors(windows: Sequence[Json], metric: str, promises: Mapping[str, Json | None]) -> "Markup":
    """Live error by window with its interval, beside the promise, the baseline and the estimate.

    Args:
        windows: as `Judge.window` returns them, the oldest first.
        metric: the one that decides.
        promises: what `runs.summary` returned, by model.
    """

    def draw(axes: "Axes") -> None:
        shown = set()
        for window in windows:
            x = [datetime.fromisoformat(window[end]) for end in ("first", "last")]
            middle = x[0] + (x[1] - x[0]) / 2
            if promise := promises[window["model"]]:
                axes.plot(x, [promise["value"]] * 2, color=INK, lw=1.2)
            if live := window["live"]:
                axes.plot([middle], [live["metrics"][metric]], "D", color=ACCENT, ms=5)
                if "intervals" in live:
                    axes.plot([middle] * 2, live["intervals"][metric], color=ACCENT, lw=2)
                if "baseline" in live:
                    axes.plot(x, [live["baseline"][metric]] * 2, color=BASELINE, lw=1.5, ls=DASHED)
            if expected := (window["expected"] or {}).get(metric):
                axes.plot([middle], [expected["value"]], "o", color=MUTED, ms=4)
            if window["model"] not in shown and shown:
                axes.axvline(x[0], color=MUTED, lw=1, ls=":")
                axes.text(x[0], 1, " released", color=MUTED, transform=axes.get_xaxis_transform())
            shown.add(window["model"])
        axes.grid(axis="y")
        axes.set_ylabel(metric)
        axes.tick_params(axis="x", labelrotation=30)

    known = sum(window["live"] is not None for window in windows)
    message = f"{metric} of {counted(len(windows), 'window')}; live quality is known for {known}"
    return svg.inline("errors", message, 3.2, draw)


def effects(lines: Mapping[str, Sequence[tuple[str, float]]]) -> "Markup | str":
    """The PSI of the inputs that moved most, by window; empty if none has moved.

    Args:
        lines: by input, pairs of time and PSI.
    """
    largest = sorted(lines, key=lambda name: -max(value for _, value in lines[name]))[:LINES]
    if not largest:
        return ""

    def draw(axes: "Axes") -> None:
        for number, name in enumerate(largest):
            times, values = zip(*lines[name], strict=True)
            x = [datetime.fromisoformat(each) for each in times]
            axes.plot(x, values, "o-", color=COLORS[number], ms=4, lw=1.5, label=name)
        axes.axhline(LIMIT, color=MUTED, lw=1, ls=DASHED)
        axes.grid(axis="y")
        axes.set_ylabel("PSI")
        axes.tick_params(axis="x", labelrotation=30)
        axes.legend(frameon=False, fontsize=9)

    return svg.inline("effects", f"PSI by window of {', '.join(largest)}", 2.9, draw)
