"""The releases with their lives, of release logs new and old."""

import json
from pathlib import Path
from typing import Any

import pytest
from smallboat.errors import UserError
from smallboat.release import history
from smallboat.store import store

MAE = {"metric": "mae", "value": 3.0, "interval": [2.5, 3.5], "baseline": 4.0}
SCORES = {"metrics": 3.0, "intervals": [2.5, 3.5], "baseline": 4.0}
EVALUATION = {
    "primary": "mae",
    "model_hash": "aaaa",
    **{part: {"test": {"mae": value}} for part, value in SCORES.items()},
}


def event(day: int, release: str, reason: str = "", back: bool = False, **more: Any) -> Any:
    model_hash, features = release.split("-")
    return {
        "at": f"2026-11-{day:02}T10:00:00+00:00",
        "event": "rolled back" if back else "released",
        "release": release,
        "run": model_hash[0],
        "features_run": features[0],
        "model_hash": model_hash,
        "reason": reason,
        "evaluation": MAE,
        **more,
    }


def old(day: int, release: str, name: str = "released") -> Any:
    """What versions before this one wrote."""
    return {"at": f"2026-11-{day:02}T10:00:00+00:00", "event": name, "release": release}


LOG = [
    event(1, "aaaa-1111", "the first release"),
    event(8, "aaaa-2222", "newer online features of run 2; run 2 is inferior: mae +0.3"),
    event(15, "cccc-3333", "run c is not inferior: mae -0.2"),
    event(16, "aaaa-2222", "a rollback", back=True),
]


def test_each_life_ends_where_the_next_begins_and_says_why() -> None:
    first, second, third, fourth = history.lives(LOG, {}, {})
    assert first == {
        "release": "aaaa-1111",
        "run": "a",
        "model_hash": "aaaa",
        "features_run": "1",
        "at": LOG[0]["at"],
        "until": LOG[1]["at"],
        "came": "the first release",
        "went": f"its model went on with other online features: {LOG[1]['reason']}",
        "evaluation": MAE,
        "live": None,
    }
    assert second["went"] == "replaced by run c: run c is not inferior: mae -0.2"
    assert (third["went"], third["until"]) == ("rolled back", LOG[3]["at"])
    assert (fourth["came"], fourth["went"], fourth["until"]) == ("a rollback", None, None)


def test_live_metrics_belong_to_the_model() -> None:
    live = {"aaaa": {"rows": 9}}
    shown = [life["live"] for life in history.lives(LOG, {}, live)]
    assert shown == [{"rows": 9}, {"rows": 9}, None, {"rows": 9}]


def test_anyone_may_read_the_list_so_it_has_no_slices() -> None:
    told = {"rows": 9, "metrics": {"mae": 3.0}}
    live = {"aaaa": told | {"slices": [{"by": "city", "value": "Bergen", "rows": 1}]}}
    assert history.lives(LOG[:1], {}, live)[0]["live"] == told


def test_anyone_may_read_the_list_so_it_names_no_folders() -> None:
    reason = "not comparable: /home/ann/store/release.json is missing (see '~/log/a.txt')"
    first, _ = history.lives([event(1, "aaaa-1111", reason), event(2, "bbbb-1111", reason)], {}, {})
    told = "not comparable: release.json is missing (see 'a.txt')"
    assert (first["came"], first["went"]) == (told, f"replaced by run b: {told}")


def test_what_is_not_in_the_store_yet_renews_what_is(tmp_path: Path) -> None:
    root = str(tmp_path)
    store.replace(root, history.LIVE, b'{"aaaa": {"rows": 5}, "cccc": {"rows": 5}}')
    found = history.releases(root, LOG[2:], {"aaaa": {"rows": 9}})
    assert [life["live"] for life in found] == [{"rows": 5}, {"rows": 9}]


def test_a_release_served_anew_on_another_image_goes_on_with_its_life() -> None:
    again = event(2, "aaaa-1111", "the current image and settings", config="other")
    (life,) = history.lives([event(1, "aaaa-1111", "the first release"), again], {}, {})
    assert (life["at"], life["came"], life["until"]) == (LOG[0]["at"], "the first release", None)


def test_events_of_an_older_library_get_what_the_store_knows() -> None:
    log = [old(1, "aaaa-1111"), old(3, "bbbb-2222"), event(9, "cccc-3333", "run c is better")]
    newest_first = {"7": EVALUATION, "5": EVALUATION}
    first, second, third = history.lives(log, newest_first, {})
    assert (first["run"], first["evaluation"]) == ("5", MAE)
    assert (first["came"], first["model_hash"], first["features_run"]) == (
        "not recorded", "aaaa", None,
    )  # fmt: skip
    assert first["went"] == "replaced by release bbbb-2222: not recorded"
    assert (second["run"], second["evaluation"]) == (None, None)
    assert second["went"] == "replaced by run c: run c is better"
    assert third["came"] == "run c is better"


def test_an_old_rollback_is_still_one() -> None:
    log = [old(1, "aaaa-1111"), old(3, "bbbb-2222"), old(4, "aaaa-1111", "rolled back")]
    assert [life["went"] for life in history.lives(log, {}, {})][1:] == ["rolled back", None]


def test_before_the_first_release_the_list_is_empty(tmp_path: Path) -> None:
    assert history.write(str(tmp_path), []) == []
    assert json.loads((tmp_path / store.RELEASES).read_text()) == []


def test_the_list_is_written_with_what_the_monitor_left(tmp_path: Path) -> None:
    root = str(tmp_path)
    store.replace(root, history.LIVE, b'{"cccc": {"rows": 5}}')
    written = history.write(root, LOG)
    assert json.loads((tmp_path / store.RELEASES).read_text()) == written
    assert [life["live"] for life in written] == [None, None, {"rows": 5}, None]
    names = {path.name for path in (tmp_path / "monitoring").iterdir()}
    assert names == {"live.json", "releases.json"}


@pytest.mark.parametrize(
    ("content", "told"), [(b"cut", "is no JSON: .*; remove it"), (b"[]", "is no JSON object; rem")]
)
def test_a_file_that_is_no_json_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    store.replace(str(tmp_path), history.LIVE, content)
    with pytest.raises(UserError, match=rf"monitoring/live\.json {told}"):
        history.write(str(tmp_path), LOG)
    assert not (tmp_path / store.RELEASES).exists()


def test_a_challenger_is_listed_once_with_its_newest_outcome(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert history.kept_out(root) == []
    history.keep_out(root, "2", "failed", "it is late")
    history.keep_out(root, "3", "kept", "run 3 is inferior")
    history.keep_out(root, "2", "kept", "run 2 is inferior")
    assert [(it["run"], it["outcome"], it["reason"]) for it in history.kept_out(root)] == [
        ("3", "kept", "run 3 is inferior"),
        ("2", "kept", "run 2 is inferior"),
    ]
