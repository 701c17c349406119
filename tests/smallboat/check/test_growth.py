"""A walk through a table of the online features is found; a look-up is none."""

from collections.abc import Callable
from typing import Any

import pytest
from smallboat.check.growth import SIZES, growing

ONLINE = {
    "as_of": "2025-01-01",
    "catalog": {"a": [1, "x"], "b": [2, "y"], "c": [3, None]},
    "ids": {"driver": {"A": "1", "B": "2", "C": "3"}, "team": {"D": "4"}},
    "typical": {"speed": 1.0, "weight": 2.0, "height": 3.0},
    "newest": {"season": 2025, "round": 3, "place": "x"},
}
ASKED = {"a", "z"}


def found(ask: Callable[[Any], object]) -> list[str]:
    """What is said of a request."""
    return list(growing(ONLINE, {"speed", "weight", "height"}, ask))


@pytest.mark.parametrize(
    "walk",
    [
        lambda known: ASKED - known.keys(),
        lambda known: ASKED & set(known),
        lambda known: [key for key in known if key in ASKED],
        lambda known: "z" in known.values(),
        lambda known: dict(known),
        lambda known: {**known},
        lambda known: known | {"z": 1},
        lambda known: {"z": 1} | known,
        lambda known: known.copy(),
        lambda known: sorted(known)[:1],
        lambda known: max(price for price, _ in known.values()),
        lambda known: next(key for key, value in known.items() if value == 0),
    ],
    ids=range(12),
)
def test_a_walk_is_found(walk: Callable[[Any], object]) -> None:
    def ask(online: Any) -> None:
        try:
            walk(online["catalog"])
        except StopIteration:
            return

    (sentence,) = found(ask)
    assert sentence == (
        f"walks over {SIZES[1]:,} entries of online_features['catalog'] for one request when it "
        f"has {SIZES[1]:,}: look entries up by key"
    )


def test_a_table_within_is_found_by_its_path() -> None:
    (sentence,) = found(lambda online: "9" in online["ids"]["driver"].values())
    assert "online_features['ids']['driver'] for" in sentence


@pytest.mark.parametrize(
    "look_up",
    [
        lambda online: [online["catalog"].get(key) for key in ASKED],
        lambda online: [key for key in ASKED if key not in online["catalog"]],
        lambda online: [key for key in ASKED if key in online["catalog"].keys()],  # noqa: SIM118
        lambda online: online["catalog"].keys() & ASKED,
        lambda online: online["catalog"]["a"] if online["catalog"] else None,
        lambda online: len(online["catalog"]),
        lambda online: next(iter(online["catalog"])),
        lambda online: sorted(online["typical"].items()),
    ],
    ids=range(8),
)
def test_a_look_up_is_no_walk(look_up: Callable[[Any], object]) -> None:
    assert found(look_up) == []
