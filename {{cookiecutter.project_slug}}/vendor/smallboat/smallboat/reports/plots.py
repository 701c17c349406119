"""The plots of the reports, each as SVG that stands in a page."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import svg
from .svg import ACCENT, BASELINE, MUTED

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

DASHED = (0, (4, 3))
MOST_CELLS = 40
BINS = 25

SEVERAL = ["#0a84c6", "#d55e00", "#009e73", "#b8639a", "#b58900", "#7a7f87"]  # on dark and light


def candidates(rows: Sequence[Mapping[str, Any]], baseline: float, metric: str) -> "Markup":
    """A row a candidate: a dot a trial, the best with its interval, and a line at the baseline.

    Args:
        rows: from the top: `name`, `won`, `scores` (of all trials), `best`, `low`, `high`.
        baseline: the same metric of the trivial prediction.
        metric: its name, lower is better.
    """

    def draw(axes: "Axes") -> None:
        kept = [baseline, *(row[key] for row in rows for key in ("best", "low", "high"))]
        span = (max(kept) - min(kept)) or abs(baseline) or 1.0
        right = max(kept) + 0.25 * span
        for y, row in enumerate(rows):
            color = ACCENT if row["won"] else MUTED
            scores, below = np.asarray(row["scores"]), y + 0.3
            inside = scores[scores <= right]
            axes.plot(inside, np.full(len(inside), below), "o", color=color, ms=4, alpha=0.55)
            if len(inside) < len(scores):  # one wild trial must not squeeze the others
                axes.plot([right], [below], ">", color=color, ms=5, clip_on=False)
            axes.plot([row["low"], row["high"]], [y, y], color=color, lw=2)
            axes.plot([row["best"]], [y], "D", color=color, ms=6)
        axes.axvline(baseline, color=BASELINE, lw=1.5, ls=DASHED)
        axes.text(
            baseline,
            -0.75,
            f"baseline {baseline:.4g}",
            color=BASELINE,
            ha="right" if baseline > min(kept) + span / 2 else "left",
        )
        axes.set_xlim(min([*kept, *(min(row["scores"]) for row in rows)]) - 0.05 * span, right)
        axes.set_ylim(len(rows) - 0.5, -1.1)
        axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"{metric} on validation, lower is better")

    best = min(rows, key=lambda row: row["best"])
    message = (
        f"{metric} of every trial of {len(rows)} candidates; the best is {best['name']} with "
        f"{best['best']:.4g}, the baseline has {baseline:.4g}"
    )
    return svg.inline("candidates", message, 0.8 + 0.36 * len(rows), draw)


def curves(lines: Mapping[str, Sequence[Sequence[float]]], metric: str) -> "Markup":
    """A line a candidate: the metric on validation after each round.

    Args:
        lines: for each candidate, pairs of round and score.
        metric: its name, lower is better.
    """

    def draw(axes: "Axes") -> None:
        for i, (name, points) in enumerate(lines.items()):
            rounds, scores = zip(*points, strict=True)
            style = ("-", "--", "-.", ":")[i // len(SEVERAL) % 4]
            axes.plot(rounds, scores, style, color=SEVERAL[i % len(SEVERAL)], lw=1.8, label=name)
            lowest = int(np.argmin(scores))
            axes.plot(rounds[lowest], scores[lowest], "o", color=SEVERAL[i % len(SEVERAL)], ms=5)
        axes.grid(axis="y")
        axes.set_xlabel("rounds; the dot is the lowest point")
        axes.set_ylabel(metric)
        axes.legend(frameon=False, fontsize=9.5)

    message = f"{metric} on validation after each round, for {', '.join(lines)}"
    return svg.inline("curves", message, 2.9, draw)


def differences(rows: Mapping[str, Mapping[str, float]]) -> "Markup":
    """A row a metric, each on a scale of its own around zero: the difference and its interval.

    Args:
        rows: for each metric, `value`, `low` and `high`.
    """

    def draw(*several: "Axes") -> None:
        for axes, (name, row) in zip(several, rows.items(), strict=True):
            reach = 1.15 * max(map(abs, (row["value"], row["low"], row["high"]))) or 1.0
            axes.axvline(0, color=BASELINE, lw=1.5, ls=DASHED)
            axes.plot([row["low"], row["high"]], [0, 0], color=ACCENT, lw=2)
            axes.plot([row["value"]], [0], "D", color=ACCENT, ms=6)
            axes.set_xlim(-reach, reach)
            axes.locator_params(axis="x", nbins=5, prune="both")
            axes.set_yticks([0], [name])
            axes.tick_params(axis="y", length=0)

    told = (f"{n} {r['value']:+.4g} ({r['low']:+.4g} to {r['high']:+.4g})" for n, r in rows.items())
    message = f"winner minus baseline, with 95 % intervals: {'; '.join(told)}"
    return svg.inline("differences", message, 0.15 + 0.55 * len(rows), draw, rows=len(rows))


def agreement(actual: npt.ArrayLike, predicted: npt.ArrayLike) -> "Markup":
    """Predicted against actual as a heat map: the darker a cell, the more rows.

    Whole numbers that span few values have a cell each, others `BINS` cells a side.

    Args:
        actual: shape [n].
        predicted: shape [n], in the same unit.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (actual, predicted))
    edges = [_edges(x), _edges(y)]
    counts = np.histogram2d(x, y, bins=edges)[0]

    def draw(axes: "Axes") -> None:
        from matplotlib.collections import PolyCollection
        from matplotlib.transforms import AffineDeltaTransform

        (column, row), (wide, high) = np.nonzero(counts), (e[1] - e[0] for e in edges)
        centres = np.column_stack([edges[0][column] + wide / 2, edges[1][row] + high / 2])
        cell = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) / 2 * [wide, high]
        cells = PolyCollection(  # one shape, put where there are rows: a tenth of the text
            [cell],
            offsets=centres,
            facecolors=ACCENT,
            alpha=np.minimum(0.08 + 0.92 * counts[column, row] / counts.max(), 1),
            linewidths=0,
        )
        cells.set_transform(AffineDeltaTransform(axes.transData))  # type: ignore[arg-type]
        cells.set_offset_transform(axes.transData)
        axes.add_collection(cells, autolim=False)
        low, high_end = max(e[0] for e in edges), min(e[-1] for e in edges)
        axes.plot([low, high_end], [low, high_end], color=BASELINE, lw=1.2, ls=DASHED)
        axes.set_xlim(edges[0][0], edges[0][-1])
        axes.set_ylim(edges[1][0], edges[1][-1])
        axes.grid(False)
        axes.locator_params(axis="x", integer=bool(wide == 1))
        axes.locator_params(axis="y", integer=bool(high == 1))
        axes.set_xlabel("actual")
        axes.set_ylabel("predicted")

    most = f"up to {int(counts.max())} rows in a cell"
    message = (
        f"predicted against actual for {len(x)} rows, {most}; on the dashed line both are equal"
    )
    return svg.inline("agreement", message, 4.4, draw)


def reliability(curve: Mapping[str, Sequence[float]]) -> "Markup":
    """What came of the rows that were given a chance, as dots with intervals around a diagonal.

    Args:
        curve: by bin, ascending: `predicted`, `observed`, `low`, `high` and `rows`.
    """
    predicted, observed, low, high = (
        np.asarray(curve[name]) for name in ("predicted", "observed", "low", "high")
    )

    def draw(axes: "Axes") -> None:
        end = min(1.0, 1.08 * float(max(predicted.max(), high.max())))
        axes.plot([0, end], [0, end], color=BASELINE, lw=1.2, ls=DASHED)
        axes.vlines(predicted, low, high, color=ACCENT, lw=2)
        axes.plot(predicted, observed, "o-", color=ACCENT, ms=6, lw=0.8)
        axes.set_xlim(0, end)
        axes.set_ylim(0, end)
        axes.grid(axis="y")
        axes.set_xlabel("predicted chance")
        axes.set_ylabel("share that came true")

    told = (f"{o:.3f} at {p:.3f}" for p, o in zip(predicted, observed, strict=True))
    message = f"share that came true by predicted chance, of {sum(curve['rows'])} rows: "
    return svg.inline("reliability", message + ", ".join(told), 3.6, draw)


def _edges(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    low, high = values.min(), values.max()
    if high - low < MOST_CELLS and np.array_equal(values, np.round(values)):
        return np.arange(low - 0.5, high + 1)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)
