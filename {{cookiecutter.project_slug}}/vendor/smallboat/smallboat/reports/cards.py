"""The HTML reports: each is one file that loads nothing from other hosts and runs no script.

A report consists of fragments, which `page` joins. Their text and styles are in card.html; every
value is escaped there.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..evaluation import selection
from ..words import primary_first
from . import plots, report

if TYPE_CHECKING:
    import numpy.typing as npt
    from markupsafe import Markup

MOST_GROUPS = 15


class Fragment(NamedTuple):
    """A part of a report: its anchor, its heading and its HTML."""

    key: str
    title: str
    html: "Markup"


def page(title: str, *fragments: Fragment) -> str:
    """A whole HTML document of the fragments in their order, with a table of contents."""
    return str(_render("page", title, fragments))


def data(
    manifest: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    previous_rows: Mapping[str, int] | None,
    drift: Mapping[str, Any] | None,
) -> Fragment:
    """What a snapshot holds, which expectations it fails, and how far it has drifted.

    Args:
        manifest: the snapshot's snapshot.json.
        results: of all checks, as in `validation.Report`.
        previous_rows: rows per table of the previous snapshot, None if this source has none.
        drift: what `preparation.drifted` returned.
    """
    return Fragment("data", "Data", _render("data", manifest, results, previous_rows, drift))


def candidates(evaluation: Mapping[str, Any], primary: str) -> Fragment:
    """The results of all candidates with their trials, and why some can't be served.

    Args:
        evaluation: the keys candidates, failures, tied, winner (None if there is none) and periods
            of evaluation.json.
        primary: the metric that decides, lower is better.
    """
    ranked = sorted(evaluation["candidates"], key=lambda result: result["score"])
    curves = {
        result["candidate"]: result["learning_curve"]
        for result in ranked
        if result["learning_curve"]
    }
    html = _render(
        "candidates",
        evaluation,
        ranked,
        primary_first(ranked[0]["baseline"], primary) if ranked else [],
        plots.candidates(ranked, evaluation["winner"], primary) if ranked else "",
        plots.curves(curves, primary) if curves else "",
        spans(evaluation),
        selection.reason(ranked, evaluation["tied"]),
    )
    return Fragment("candidates", "Candidates", html)


def winner(
    evaluation: Mapping[str, Any],
    primary: str,
    actual: "npt.ArrayLike",
    predicted: "npt.ArrayLike",
) -> Fragment:
    """Whether the winner passed its gates, its metrics beside the baseline's, and its weak slices.

    Predicted against actual is a heat map; for probabilities it is the reliability curve, which the
    `calibration` then holds.

    Args:
        evaluation: the content of evaluation.json.
        primary: the metric that decides, lower is better.
        actual: shape [n], of the test rows.
        predicted: shape [n], in the same unit.
    """
    curve = evaluation["calibration"] if "observed" in evaluation["calibration"] else None
    names = primary_first(evaluation["metrics"]["test"], primary)
    html = _render(
        "winner",
        evaluation,
        primary,
        names,
        plots.differences({name: evaluation["difference"][name] for name in names}),
        plots.reliability(curve) if curve else plots.agreement(actual, predicted),
        bool(curve),
        evaluation["importance"][:MOST_GROUPS],
        slices_by_kind(evaluation["slices"]),
        spans(evaluation),
    )
    return Fragment("winner", "Winner", html)


def run(steps: Sequence[Any]) -> Fragment:
    """The flow as a diagram; `steps` are those of `training.card.steps`."""
    return Fragment("run", "Run", _render("run", steps))


def spans(evaluation: Mapping[str, Any]) -> dict[str, str]:
    """Each part of the split with its periods, such as "test 2024"."""
    parts = sorted(evaluation["periods"], key=lambda part: evaluation["periods"][part])
    return {part: report.span(evaluation, part) for part in parts}


def slices_by_kind(slices: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The slices by kind, in the given order; in each, the worst against the baseline is first."""
    kinds = []
    for by, group in groupby(slices, key=lambda row: row["by"]):
        rows = sorted(group, key=lambda row: row["baseline"] - row["error"])
        worse = sum(row["difference"]["low"] > 0 for row in rows)
        kinds.append({"by": by, "rows": rows, "of": len(rows), "worse": worse})
    return kinds


@cache
def _macros(template: str) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"number": _number, "signed": _signed, "breakable": _breakable}
    return environment.get_template(template).module


def render(template: str, macro: str, *values: Any) -> "Markup":
    """What a macro of a template makes of values."""
    html: Markup = getattr(_macros(template), macro)(*values)
    return html


def _render(macro: str, *values: Any) -> "Markup":
    return render("card.html", macro, *values)


def _breakable(name: str) -> "Markup":
    """A name that a narrow column may break after each underscore."""
    from markupsafe import Markup, escape

    return escape(name).replace("_", Markup("_<wbr/>"))


def _number(value: float | None) -> str:
    """Three decimals; none from a thousand on, an exponent below a thousandth."""
    if value is None:
        return "none"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"


def _signed(value: float) -> str:
    return _number(value) if value <= 0 else f"+{_number(value)}"
