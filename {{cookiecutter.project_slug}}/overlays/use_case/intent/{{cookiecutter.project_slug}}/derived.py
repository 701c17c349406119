"""The frames that expectations look at, each a few hundred rows whatever the snapshot's size."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from .data import Tables

DAYS = """
with browsing as (
    select
        session_id_hash as session,
        server_timestamp_epoch_ms as time,
        coalesce(product_action, '') as action,
        cast(regexp_extract(filename, '(\\d{4}-\\d\\d-\\d\\d)\\.parquet$', 1) as date) as day
    from read_parquet($browsing, filename = true)
),
sessions as (
    select
        day,
        session,
        count(*) as events,
        count(*) filter (action <> '') as product_events,
        count(*) filter (action not in ('', 'detail', 'add', 'remove', 'purchase')) as unknown,
        count(*) filter (
            time < epoch_ms(day::timestamp) or time >= epoch_ms(day::timestamp) + 172800000
        ) as misplaced,
        min(time) filter (action = 'add') as added,
        min(time) filter (action = 'purchase') as bought
    from browsing
    group by day, session
)
select
    strftime(day, '%Y-%m-%d') as day,
    count(*) as sessions,
    sum(events)::bigint as events,
    max(events) as longest,
    sum(misplaced)::bigint as misplaced,
    sum(events) / count(*) as events_a_session,
    sum(product_events) / sum(events) as product_share,
    sum(unknown) / sum(events) as unknown_share,
    count(*) filter (added is not null and added <= coalesce(bought, added)) as carts,
    count(*) filter (added <= bought) as purchases,
    date_diff('day', lag(day) over (order by day), day) as since_previous
from sessions
group by day
order by day
"""
CATALOGUED = """
with used as (
    select distinct product_sku_hash as sku
    from read_parquet($browsing)
    where product_sku_hash is not null
)
select
    (select count(*) from used) as used,
    (select count(*) from used where sku in (select product_sku_hash from read_parquet($catalog))
    ) as known,
    (select count(*) from read_parquet($catalog)) as catalog,
    (select count(*) from read_parquet($search)) as search
"""


def views(tables: Tables) -> dict[str, pd.DataFrame]:
    """What the snapshot's files show, added up.

    `days`: one row a day on which sessions began, named by it: sessions, events, the longest
    session, misplaced (events before that day or two days after it), carts (sessions with an add
    before any purchase), purchases (of these), shares, and days since the day before.
    `totals`: one row: rows of each table, carts, purchases, the share of carts that are bought, and
    that of products in use that the catalogue has (null where there is no catalogue).
    """
    import duckdb

    folder = tables.folder
    files = {name: str(folder / f"{name}-*.parquet") for name in ("browsing", "search")}
    with duckdb.connect(config={"memory_limit": "2GB", "threads": 2}) as connection:
        days = connection.execute(DAYS, {"browsing": files["browsing"]}).df().set_index("day")
        found = connection.execute(
            CATALOGUED, files | {"catalog": str(folder / "catalog.parquet")}
        ).fetchone()
    used, known, catalog, search = found or (0, 0, 0, 0)
    days["cart_share"] = days["carts"] / days["sessions"]
    carts, purchases = int(days["carts"].sum()), int(days["purchases"].sum())
    totals = {
        "browsing": int(days["events"].sum()),
        "search": search,
        "catalog": catalog,
        "carts": carts,
        "purchases": purchases,
        "purchase_share": purchases / carts if carts else None,
        "catalogued_share": known / used if catalog and used else None,
    }
    return {"days": days, "totals": pd.DataFrame([totals])}


def feature_views(
    frame: pd.DataFrame, ranges: Mapping[str, tuple[float, float]]
) -> dict[str, pd.DataFrame]:
    """The feature table as `features`, `feature_days` by day and `feature_columns` by feature.

    `bought` is the share of a day's rows with a purchase; `null` and `implausible` count a
    feature's missing values and those outside of its range, `constant` is 1 if it has one value.
    """
    values = frame[list(ranges)]
    bounds = pd.DataFrame(dict(ranges))
    low, high = bounds.loc[0], bounds.loc[1]
    columns: dict[str, Any] = {
        "null": values.isna().sum(),
        "implausible": ((values < low) | (values > high)).sum(),
        "constant": (values.max() == values.min()).astype(int),
    }
    days = frame.groupby("group")["target"].mean().to_frame("bought")
    return {
        "features": frame,
        "feature_days": days,
        "feature_columns": pd.DataFrame(columns),
    }
