"""The plots of the monitor's report: one place on the axis for each window."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..evaluation.reference import MODERATE
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
LABELS = 8
"""Windows whose date stands at the axis."""


def errors(windows: Sequence[Json], metric: str, promises: Mapping[str, Json | None]) -> "Markup":
    """Live error by window with its interval, beside the promise, the baseline and the estimate.

    Args:
        windows: as `Judge.window` returns them, the oldest first.
        metric: the one that decides.
        promises: what `runs.summary` returned, by model.
    """

    def draw(axes: "Axes") -> None:
        for at, window in enumerate(windows):
            wide = [at - 0.4, at + 0.4]
            live, expected = window["live"], (window["expected"] or {}).get(metric)
            if promise := promises[window["model"]]:
                axes.plot(wide, [promise["value"]] * 2, color=INK, lw=1.2)
            if live and "baseline" in live:
                axes.plot(wide, [live["baseline"][metric]] * 2, color=BASELINE, lw=1.5, ls=DASHED)
            if live and "intervals" in live:
                axes.plot([at] * 2, live["intervals"][metric], color=ACCENT, lw=2)
            if live:
                axes.plot([at], [live["metrics"][metric]], "D", color=ACCENT, ms=5)
            if expected:
                axes.plot([at + 0.15], [expected["value"]], "o", color=MUTED, ms=4)
        axes.set_ylabel(metric)
        _by_window(axes, windows)

    known = sum(window["live"] is not None for window in windows)
    message = f"{metric} of {counted(len(windows), 'window')}; live quality is known for {known}"
    return svg.inline("errors", message, 3.2, draw)


def effects(windows: Sequence[Json]) -> "Markup | str":
    """The PSI, by window, of what has drifted in some window; empty if nothing has.

    Args:
        windows: as above.
    """
    points: dict[str, list[tuple[int, float]]] = {}
    for at, window in enumerate(windows):
        for each in window["drift"]:
            points.setdefault(each["name"], []).append((at, each["effect"]))
    moved = {each["name"] for window in windows for each in window["drift"] if each["drifted"]}
    largest = sorted(moved, key=lambda name: -max(value for _, value in points[name]))[:LINES]
    if not largest:
        return ""

    def draw(axes: "Axes") -> None:
        for number, name in enumerate(largest):
            x, values = zip(*points[name], strict=True)
            axes.plot(x, values, "o-", color=COLORS[number], ms=4, lw=1.5, label=name)
        axes.axhline(MODERATE, color=MUTED, lw=1, ls=DASHED)
        axes.set_ylabel("PSI")
        axes.legend(frameon=False, fontsize=9.5)
        _by_window(axes, windows)

    return svg.inline("effects", f"PSI by window of {', '.join(largest)}", 2.9, draw)


def _by_window(axes: "Axes", windows: Sequence[Json]) -> None:
    """Label the windows by their last day, and mark where another model begins to answer."""
    for at in range(1, len(windows)):
        if windows[at]["model"] != windows[at - 1]["model"]:
            axes.axvline(at - 0.5, color=MUTED, lw=1, ls=":")
            axes.text(at - 0.45, 0.94, "released", color=MUTED, fontsize=9.5,
                      transform=axes.get_xaxis_transform())  # fmt: skip
    step = -(-len(windows) // LABELS)
    shown = range(0, len(windows), step)
    axes.set_xticks(shown, [windows[at]["last"][5:10] for at in shown])
    axes.set_xlim(-0.6, len(windows) - 0.4)
    axes.grid(axis="y")
