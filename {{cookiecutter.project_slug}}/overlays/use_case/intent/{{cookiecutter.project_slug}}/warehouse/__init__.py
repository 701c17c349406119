"""The warehouse of a snapshot: what is counted of its sessions, made once and kept beside it.

`<snapshot>/cache/<hash of the dbt project>-<hash of the file>.duckdb` holds it; one that was
changed since is made again. Where an earlier snapshot has one, only the days whose files are new
are computed.
"""

import os
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallboat import disk

from ..events import ACTIONS, COUNTED
from . import local, parts

if TYPE_CHECKING:
    import pandas as pd

VECTORS = 20
"""Of 2,048 rows each, read at a time: few enough for what is made of them to stay near."""


class Warehouse:
    """What is known of a snapshot's sessions. Nothing is read before it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def build(self) -> Path:
        """Build it unless that was done; returns its file.

        Who else builds it at the same time does the same work.

        Raises:
            UserError: a model or a test failed, or Snowflake refused; no half of it is left.
        """
        state = local.built(self.folder)
        if state is None:
            cache = self.folder / "cache"
            cache.mkdir(exist_ok=True)
            with (
                tempfile.TemporaryDirectory(prefix=".building-", dir=cache) as staged,
                disk.full_disk_errors(Path(staged), str(cache)),
            ):
                if (self.folder / "warehouse.json").exists():
                    from . import snowflake

                    made = snowflake.build(self.folder, Path(staged))
                else:
                    made = local.build(self.folder, Path(staged))
                local.settle(made)
                state = local.named(self.folder, made)
                os.replace(made, state)
        return state

    def features(self, newest: int | None = None) -> "Iterator[pd.DataFrame]":
        """One row a session and number of events seen after its first add, by day and session.

        Args:
            newest: so many of the last sessions; all of them without it.

        Yields:
            Some rows at a time: day, session_id, after, purchased (0 or 1), then COUNTED as
            float64, NaN where there is none.
        """
        known = ", ".join(f"coalesce({name}::double, 'nan'::double) as {name}" for name in COUNTED)
        chosen = f"where number > (select count(*) from ids) - {newest}" if newest else ""
        with local.connect(self.build()) as connection:
            connection.execute(
                f"""
                with ids as (
                    select *, row_number() over (order by day, session_id) as number
                    from cart_sessions
                )
                select ids.day, session_id, after::bigint as after,
                    purchased::bigint as purchased, {known}
                from features join ids using (session)
                {chosen}
                order by number, after
                """
            )
            yield connection.fetch_df_chunk(VECTORS)
            while len(rows := connection.fetch_df_chunk(VECTORS)):
                yield rows

    def purchases(self, keys: list[str]) -> "pd.DataFrame":
        """What became of sessions.

        Args:
            keys: the session's id, a slash, and anything.

        Returns:
            A row for each key whose session is known: key, day, session_id, purchased (0 or 1).
        """
        import pandas as pd

        with local.connect(self.build()) as connection:
            connection.register("keys", pd.DataFrame({"key": pd.Series(keys, dtype="object")}))
            found: pd.DataFrame = connection.sql(
                """
                with asked as (
                    select distinct key, regexp_replace(key, '/[^/]*$', '') as session_id from keys
                )
                select key, cart_sessions.day, session_id, purchased::bigint as purchased
                from asked join cart_sessions using (session_id)
                join features using (session) where after = 0
                """
            ).df()
            return found

    def catalog(self) -> dict[str, list[Any]]:
        """Price bucket and top category by sku; either may be None."""
        with local.connect(self.build()) as connection:
            rows = connection.sql("select sku, price, category from products order by sku")
            return {sku: [price, category] for sku, price, category in rows.fetchall()}

    def newest(self) -> str:
        """The last day that has events."""
        return max(parts.contents(self.folder))

    def examples(self) -> list[dict[str, Any]]:
        """Sessions of the newest days, half of them with a purchase if there are so many.

        Returns:
            Of each its name, date, whether it purchased, and the request that its events make.
        """
        with local.connect(self.build()) as connection:
            rows = connection.sql(
                "select day, number_of_day, purchased, action, time_ms, sku, clicks, page "
                "from examples order by day desc, number_of_day, position"
            ).fetchall()
        return [
            {
                "name": f"{day}-{number}",
                "date": day,
                "purchased": bool(purchased),
                "request": {"events": [_event(*row[3:]) for row in events]},
            }
            for (day, number, purchased), events in groupby(rows, key=lambda row: row[:3])
        ]


def _event(
    action: int, time_ms: int, sku: str | None, clicks: int, page: str | None
) -> dict[str, Any]:
    event: dict[str, Any] = {"action": ACTIONS[action], "time": int(time_ms)}
    if sku:
        event["sku"] = sku
    if clicks:
        event["clicks"] = int(clicks)
    if page:
        event["page"] = page
    return event
