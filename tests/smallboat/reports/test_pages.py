"""What is measured of a page, and the report of a replay, in a real browser."""

from typing import Any

from smallboat.reports import replay
from smallboat.testing import pages

BAD = """<!DOCTYPE html><meta name="viewport" content="width=device-width">
<body style="background: #fff">
<main><section><p style="color: #999">pale</p><p style="color: #000; opacity: .4">faded</p>
<p><button style="height: 30px; color: #000; background: #fff">small</button></p>
<svg viewBox="0 0 1000 20" width="100"><text y="15" font-size="20">tiny</text></svg>
<svg viewBox="0 0 100 20" width="100"><text x="80" y="15" font-size="20">long</text></svg>
<div style="overflow-x: auto"><table style="width: 2000px"><tr><td>hidden</table></div>
<table style="width: 110%; margin-right: -10%"><tr><td>out</table></section>
<pre style="width: 1500px">wide</pre></main>"""
FAULTS = {
    "the page is", "has a contrast of 2.85", "has a contrast of", "px high: a finger needs 44",
    "is 2.0 px high", "scrolls sideways without a hint", "leaves its section",
    "is cut at the edge of the", "is cut at the edge of its drawing",
}  # fmt: skip


def test_each_fault_of_a_page_is_told(browser: Any, show: Any) -> None:
    show(BAD)
    found = pages.all_faults(browser, seconds=0)
    assert list(found) == [f"{w} px, {scheme}" for w in pages.SIZES for scheme in pages.SCHEMES]
    ignored = [name for name, told in found.items() if "the page ignores" in " ".join(told)]
    assert ignored == [f"{width} px, dark" for width in pages.SIZES]
    for told in found.values():
        assert {part for part in FAULTS if not any(part in each for each in told)} == set()
        assert {word for word in ("faded", "pale") if not any(word in each for each in told)} == (
            set()
        )


def test_a_replays_report_is_readable(browser: Any, show: Any) -> None:
    measured = {"value": 3.0, "low": 2.5, "high": 3.5}
    quality_ = {"metrics": {"mae": 3.0}, "intervals": {"mae": [2.5, 3.5]}, "baseline": {"mae": 4.0}}
    window = {
        "first": "2024-03-17", "last": "2024-07-28", "live": quality_, "worse": True, "asked": "",
        "promise": {"value": 3.3}, "drift": [{"name": "a_long_name_of_an_input"}] * 6,
    }  # fmt: skip
    day = {"day": "2024-08-01", "outcome": "kept", "message": "inferior to the champion " * 5}
    policy = {
        "error": measured, "against_never": measured, "against_baseline": measured, "released": 0,
        "kept": 1, "drift_windows": 1, "windows": [window], "retrainings": [day],
    }  # fmt: skip
    names = ("never", "yearly", "weekly", "on drift")
    errors = {name: [3.0, 4.0, 3.0] for name in ("baseline", *names)}
    days = ["2024-03-17", "2024-05-17", "2024-08-17"]
    found = {
        "answer": {"helps": True, "title": "Retrain on drift", "why": "it pays " * 20},
        "policies": dict.fromkeys(names, policy), "primary": "mae", "moments": 26, "rows": 518,
        "curve": {"over": 3, "days": days, "errors": errors},
        "winner": {"candidate": "ridge", "settings": {"alpha": 1}, "before": "2024-03-17"},
        "from": "2024", "to": "2025", "groups": 26, "baseline": 4.0, "snapshot": "356aa0350cfef22c",
        "created": "2026-11-30T13:45:02+00:00",
    }  # fmt: skip
    show(replay.html("Replay of 2024 to 2025", found, "on drift"))
    assert pages.all_faults(browser) == {}
