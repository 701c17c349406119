"""The report of a replay: how often to retrain, and what each policy did."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import cards, svg
from .plots import COLORS, DASHED
from .svg import ACCENT, BASELINE, MUTED

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

Json = dict[str, Any]
PAUSE = 4
"""A line is interrupted where two days are so many times further apart than usual."""


def html(title: str, found: Json, own: str) -> str:
    """The whole document.

    Args:
        title: its heading.
        found: the content of replay.json.
        own: the project's policy, which is drawn thick.
    """
    policies, primary = found["policies"], found["primary"]
    plot = _plot(
        found["curve"], {name: _marks(each) for name, each in policies.items()}, own, primary
    )
    parts = (
        ("replay", "How often to retrain", (found, plot)),
        ("policies", "What each policy did", (policies, primary)),
    )
    fragments = (
        cards.Fragment(key, head, cards.render("replay.html", key, *values))
        for key, head, values in parts
    )
    return cards.page(title, *fragments)


def _marks(policy: Json) -> Json:
    """The days on which a policy `released`, `kept` its champion, or found `drift`."""
    days: Json = {"released": [], "kept": []}
    for each in policy["retrainings"]:
        days[each["outcome"]].append(each["day"])
    drift = [each["last"] for each in policy["windows"] if each["drift"] or each["worse"]]
    return {**days, "drift": drift}


def _plot(curve: Json, marks: Mapping[str, Json], own: str, metric: str) -> "Markup":
    """The error of each policy over time, and below, when each of them retrained.

    Args:
        curve: `days`, and `errors` on each of them: of `baseline` and of each policy.
        marks: by policy, the days on which it `released`, `kept` its champion, or found `drift`.
        own: the policy that is drawn thick.
        metric: its name, lower is better.
    """
    days = np.array(curve["days"], dtype="datetime64[D]")
    errors, names = curve["errors"], list(marks)
    colors = dict(zip((name for name in names if name != own), COLORS[2:], strict=False))
    apart = np.diff(days) > PAUSE * np.median(np.diff(days)) if len(days) > 1 else []
    pauses = np.flatnonzero(apart) + 1
    at = np.insert(days, pauses, np.datetime64("NaT"))  # where nothing happens, there is no line

    def draw(lines: "Axes", events: "Axes") -> None:
        styles: dict[str, Json] = {"baseline": {"color": BASELINE, "lw": 1.5, "ls": DASHED}}
        styles |= {name: {"color": color, "lw": 0.9} for name, color in colors.items()}
        for name, style in {**styles, own: {"color": ACCENT, "lw": 2.2}}.items():
            lines.plot(at, np.insert(np.array(errors[name]), pauses, np.nan), label=name, **style)
        lines.grid(axis="y")
        lines.set_ylabel(metric)
        lines.legend(frameon=False, fontsize=9.5, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
        for y, name in enumerate(names):
            color = colors.get(name, ACCENT)
            for kind, sign, ink in (("released", "|", color), ("kept", "x", MUTED)):
                when = np.array(marks[name][kind], dtype="datetime64[D]")
                events.plot(when, np.full(len(when), y), sign, color=ink, ms=7)
            when = np.array(marks[name]["drift"], dtype="datetime64[D]")
            events.plot(when, np.full(len(when), y + 0.38), "^", color=BASELINE, ms=3.5)
        events.set_yticks(range(len(names)), names)
        events.set_ylim(len(names) - 0.3, -0.5)
        events.tick_params(axis="y", length=0)
        events.sharex(lines)
        lines.label_outer()

    last = ", ".join(f"{name} {line[-1]:.4g}" for name, line in errors.items())
    message = f"{metric} from {days[0]} to {days[-1]}, lower is better; at the end: {last}"
    return svg.inline("replay", message, 4.9, draw, rows=2, ratios=[3, 1.2])
