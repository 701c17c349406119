"""The plots of the reports, as inline SVG."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..words import counted
from . import svg
from .svg import ACCENT, BASELINE, MUTED

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

DASHED = (0, (4, 3))
MOST_CELLS = 40
BINS = 25

COLORS = ["#0a84c6", "#d55e00", "#009e73", "#b8639a", "#b58900", "#7a7f87"]  # on dark and light


def candidates(results: Sequence[Mapping[str, Any]], winner: str | None, metric: str) -> "Markup":
    """A row for each candidate: its trials, its best one with an interval, and the baseline.

    Args:
        results: the candidates of evaluation.json, in the order of the rows.
        winner: the name of the winner.
        metric: the metric that decides, lower is better.
    """
    baseline = results[0]["baseline"][metric]

    def draw(axes: "Axes") -> None:
        bounds = [bound for result in results for bound in result["intervals"][metric]]
        bounds += [baseline, *(result["score"] for result in results)]
        span = (max(bounds) - min(bounds)) or abs(baseline) or 1.0
        right = max(bounds) + 0.25 * span
        left = min(trial["score"] for result in results for trial in result["trials"])
        for y, result in enumerate(results):
            color = ACCENT if result["candidate"] == winner else MUTED
            scores = np.array([trial["score"] for trial in result["trials"]])
            inside = scores[scores <= right]
            axes.plot(inside, np.full(len(inside), y + 0.3), "o", color=color, ms=4, alpha=0.55)
            if len(inside) < len(scores):  # one bad trial must not squeeze the others
                axes.plot([right], [y + 0.3], ">", color=color, ms=5, clip_on=False)
            axes.plot(result["intervals"][metric], [y, y], color=color, lw=2)
            axes.plot([result["score"]], [y], "D", color=color, ms=6)
        axes.axvline(baseline, color=BASELINE, lw=1.5, ls=DASHED)
        side = "right" if baseline > min(bounds) + span / 2 else "left"
        axes.annotate(
            f"baseline {baseline:.4g}",
            (baseline, -0.75),
            xytext=(-4 if side == "right" else 4, 0),
            textcoords="offset points",
            color=BASELINE,
            ha=side,
        )
        axes.set_xlim(min([*bounds, left]) - 0.05 * span, right)
        axes.set_ylim(len(results) - 0.5, -1.1)
        names = [r["candidate"] + (" (out)" if r["disqualified"] else "") for r in results]
        axes.set_yticks(range(len(results)), names)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"{metric} on validation, lower is better", loc="right")  # below the names

    best = min(results, key=lambda result: result["score"])
    message = (
        f"{metric} of every trial of {counted(len(results), 'candidate')}; the best is "
        f"{best['candidate']} with {best['score']:.4g}, the baseline has {baseline:.4g}"
    )
    return svg.inline("candidates", message, 0.8 + 0.36 * len(results), draw)


def curves(lines: Mapping[str, Sequence[Sequence[float]]], metric: str) -> "Markup":
    """A line for each candidate: the metric on validation after each round.

    Args:
        lines: for each candidate, pairs of round and score.
        metric: its name, lower is better.
    """

    def draw(axes: "Axes") -> None:
        for i, (name, points) in enumerate(lines.items()):
            rounds, scores = zip(*points, strict=True)
            color, style = COLORS[i % len(COLORS)], ("-", "--", "-.", ":")[i // len(COLORS) % 4]
            axes.plot(rounds, scores, style, color=color, lw=1.8, label=name)
            lowest = int(np.argmin(scores))
            axes.plot(rounds[lowest], scores[lowest], "o", color=color, ms=5)
        axes.grid(axis="y")
        axes.set_xlabel("rounds; the dot is the lowest point")
        axes.set_ylabel(metric)
        axes.legend(frameon=False, fontsize=9.5)

    message = f"{metric} on validation after each round, for {', '.join(lines)}"
    return svg.inline("curves", message, 2.9, draw)


def differences(rows: Mapping[str, Mapping[str, float]]) -> "Markup":
    """A row for each metric, on its own scale around zero: the difference and its interval.

    Args:
        rows: for each metric, `value`, `low` and `high`.
    """

    def draw(*row_axes: "Axes") -> None:
        for axes, (name, row) in zip(row_axes, rows.items(), strict=True):
            reach = 1.15 * max(map(abs, (row["value"], row["low"], row["high"]))) or 1.0
            axes.axvline(0, color=BASELINE, lw=1.5, ls=DASHED)
            axes.plot([row["low"], row["high"]], [0, 0], color=ACCENT, lw=2)
            axes.plot([row["value"]], [0], "D", color=ACCENT, ms=6)
            axes.set_xlim(-reach, reach)
            axes.locator_params(axis="x", nbins=5, prune="both")
            axes.set_yticks([0], [name])
            axes.tick_params(axis="y", length=0)

    texts = (
        f"{name} {row['value']:+.4g} ({row['low']:+.4g} to {row['high']:+.4g})"
        for name, row in rows.items()
    )
    message = f"winner minus baseline, with 95 % intervals: {'; '.join(texts)}"
    return svg.inline("differences", message, 0.15 + 0.55 * len(rows), draw, rows=len(rows))


def agreement(actual: npt.ArrayLike, predicted: npt.ArrayLike) -> "Markup":
    """Predicted against actual as a heat map: the darker a cell, the more rows it has.

    Whole numbers of a small range have a cell each, other numbers `BINS` cells a side.

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

        (column, row), (width, height) = np.nonzero(counts), (e[1] - e[0] for e in edges)
        centres = np.column_stack([edges[0][column] + width / 2, edges[1][row] + height / 2])
        corners = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) / 2 * [width, height]
        cells = PolyCollection(  # one shape that is repeated: a tenth of the text of a mesh
            [corners],
            offsets=centres,
            facecolors=ACCENT,
            alpha=np.minimum(0.08 + 0.92 * counts[column, row] / counts.max(), 1),
            linewidths=0,
        )
        cells.set_transform(AffineDeltaTransform(axes.transData))  # type: ignore[arg-type]
        cells.set_offset_transform(axes.transData)
        axes.add_collection(cells, autolim=False)
        diagonal = [max(e[0] for e in edges), min(e[-1] for e in edges)]
        axes.plot(diagonal, diagonal, color=BASELINE, lw=1.2, ls=DASHED)
        axes.set(xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]])
        axes.grid(False)
        axes.locator_params(axis="x", integer=bool(width == 1))
        axes.locator_params(axis="y", integer=bool(height == 1))
        axes.set(xlabel="actual", ylabel="predicted")

    message = (
        f"predicted against actual for {len(x)} rows, up to {int(counts.max())} rows in a cell; "
        "on the dashed line both are equal"
    )
    return svg.inline("agreement", message, 4.4, draw)


def reliability(curve: Mapping[str, Sequence[float]]) -> "Markup":
    """The share of positive outcomes by predicted probability, with intervals and the diagonal.

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
        axes.set(xlim=(0, end), ylim=(0, end))
        axes.grid(axis="y")
        axes.set(xlabel="predicted probability", ylabel="observed share")

    points = (f"{o:.3f} at {p:.3f}" for p, o in zip(predicted, observed, strict=True))
    message = f"observed share by predicted probability, of {sum(curve['rows'])} rows: "
    return svg.inline("reliability", message + ", ".join(points), 3.6, draw)


def _edges(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    low, high = values.min(), values.max()
    if high - low < MOST_CELLS and np.array_equal(values, np.round(values)):
        return np.arange(low - 0.5, high + 1)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)
