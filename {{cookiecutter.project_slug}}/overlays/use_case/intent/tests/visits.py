"""Sessions with everything that goes wrong in a shop's log, as the files of a snapshot."""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from smallboat import integrity
from smallboat.warehouse.tables import text

from {{ cookiecutter.project_slug }}.warehouse import Warehouse

SKUS = [f"sku-{number:02}" for number in range(30)] + ["Ä", "z"]
CATALOG = {
    sku: [number % 10 + 1 if number % 3 else None, f"top-{number % 4}/low" if number % 5 else None]
    for number, sku in enumerate(SKUS)
    if number % 6
}
"""Price bucket and category; some products are not in it, others without one or both."""
DAYS = ["2019-01-15", "2019-01-16", "2019-02-01"]
PAGES = [None, None, "", "checkout", "cart", "search", "category", "home"]
Browsed = tuple[str, str | None, str | None, int, str | None]
Searched = tuple[str, int, int]


@dataclass
class Day:
    """A day's rows: (session, product_action, sku, time, page) and (session, time, clicks)."""

    browsing: list[Browsed] = field(default_factory=list)
    search: list[Searched] = field(default_factory=list)


def session(chance: random.Random, name: str, start: int) -> Day:
    """One session of up to 400 events."""
    chosen = chance.random()
    length = 1 if chosen < 0.05 else 400 if chosen > 0.99 else chance.randint(2, 40)
    pace = chance.choice([0, 1, 1000, 60_000])
    weights = chance.choice([(9, 6, 2, 1, 0.3, 2), (3, 3, 4, 3, 1, 0.5), (1, 9, 2, 0.2, 0, 0)])
    if length == 400:
        weights = (9, 6, 0.02, 1, 0, 2)
    some = chance.sample(SKUS, chance.randint(1, 8))
    made, time = Day(), start
    for number in range(length):
        time += chance.randint(-pace if chance.random() < 0.1 else 0, pace)
        (kind,) = chance.choices(
            ["view", "detail", "add", "remove", "purchase", "search"],
            # A purchase may come first, or before any add.
            weights=[*weights[:4], weights[4] + (number == 0) * chance.random() / 9, weights[5]],
        )
        sku = None if chance.random() < 0.05 else chance.choice(some)
        if kind == "search":
            made.search += [(name, time, chance.randint(0, 3))] * chance.choice([1, 1, 2])
            if chance.random() < 0.2:
                made.search.append((name, time, 7))
        elif kind == "view":
            action, page = chance.choice([None, None, ""]), chance.choice(PAGES)
            made.browsing.append((name, action, None, time, page))
        elif chance.random() < 0.02:
            made.browsing.append((name, "wishlist", sku, time, None))
        else:
            made.browsing += [(name, kind, sku, time, chance.choice(PAGES))] * chance.choice(
                [1, 1, 1, 2]
            )
            if chance.random() < 0.3:
                made.browsing.append((name, None, None, time, chance.choice(PAGES)))
            if kind == "remove" and chance.random() < 0.5:
                made.browsing.append((name, "remove", chance.choice(some), time, None))
    return made


def day(date: str, sessions: int, seed: int = 0) -> Day:
    """A day's sessions, their rows in no order."""
    chance = random.Random(f"{date} {seed}")
    begin = int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()) * 1000
    made = Day()
    for number in range(sessions):
        one = session(chance, f"{date} {number:04}", begin + chance.randrange(86_400_000))
        made.browsing += one.browsing
        made.search += one.search
    chance.shuffle(made.browsing)
    chance.shuffle(made.search)
    return made


def write(
    folder: Path,
    days: Mapping[str, Day],
    catalog: Mapping[str, list[Any]] = CATALOG,
    previous: str | None = None,
    kind: str | None = None,
) -> Path:
    """A snapshot of these days, after another one, for DuckDB or for another `kind`."""
    folder.mkdir(parents=True)
    for date, made in days.items():
        browsing = pd.DataFrame(
            [(name, "pageview", *rest) for name, *rest in made.browsing],
            columns=["session_id_hash", "event_type", "product_action", "product_sku_hash",
                     "server_timestamp_epoch_ms", "page_type"],
        )  # fmt: skip
        search = pd.DataFrame(
            made.search, columns=["session_id_hash", "server_timestamp_epoch_ms", "clicks"]
        )
        _parquet(browsing, BROWSING, folder / f"browsing-{date}.parquet")
        _parquet(search, SEARCH, folder / f"search-{date}.parquet")
    products = pd.DataFrame(
        [(sku, category, price) for sku, (price, category) in catalog.items()],
        columns=["product_sku_hash", "category_hash", "price_bucket"],
    )
    _parquet(products, PRODUCTS, folder / "catalog.parquet")
    if kind:
        (folder / "warehouse.json").write_text(json.dumps({"kind": kind}))
    integrity.seal(folder, integrity.SNAPSHOT, {"previous": previous})
    return folder


BROWSING = (
    "session_id_hash::varchar, event_type::varchar, product_action::varchar, "
    "product_sku_hash::varchar, server_timestamp_epoch_ms::bigint, page_type::varchar"
)
SEARCH = "session_id_hash::varchar, server_timestamp_epoch_ms::bigint, clicks::integer"
PRODUCTS = "product_sku_hash::varchar, category_hash::varchar, price_bucket::smallint"


def _parquet(table: pd.DataFrame, columns: str, path: Path) -> None:
    named = ", ".join(f"{each} as {each.partition('::')[0]}" for each in columns.split(", "))
    with duckdb.connect() as connection:
        connection.register("rows", table.astype(object).where(table.notna(), None))
        connection.execute(f"copy (select {named} from rows) to {text(str(path))} (format parquet)")


def requests(made: Day) -> dict[str, list[dict[str, Any]]]:
    """What a client would send of each session: all of its events."""
    events: dict[str, list[dict[str, Any]]] = {}
    for name, action, sku, time, page in made.browsing:
        event = {"action": action or "view", "time": time, "page": page}
        events.setdefault(name, []).append(event | ({"sku": sku} if sku else {}))
    for name, time, clicks in made.search:
        event = {"action": "search", "time": time, "clicks": clicks}
        events.setdefault(name, []).append(event)
    return events


def without_what_follows(made: Day) -> Day:
    """The same sessions, other events after their first purchase."""
    bought: dict[str, int] = {}
    for name, action, _, time, _ in made.browsing:
        if action == "purchase":
            bought[name] = min(bought.get(name, time), time)

    def later(name: str, time: int) -> bool:
        return time > bought.get(name, time)

    browsing = [row for row in made.browsing if not later(row[0], row[3])]
    added: Iterable[Browsed] = (
        (name, action, SKUS[0], time + delay, "checkout")
        for name, time in bought.items()
        for delay, action in [(1, "add"), (2, "remove"), (2, "purchase"), (5, None)]
    )
    search = [row for row in made.search if not later(*row[:2])]
    more = [(name, time + 3, 9) for name, time in bought.items()]
    return replace(made, browsing=[*browsing, *added], search=[*search, *more])


def table(warehouse: Warehouse, newest: int | None = None) -> pd.DataFrame:
    """The warehouse's features as one table."""
    return pd.concat(warehouse.features(newest), ignore_index=True)
