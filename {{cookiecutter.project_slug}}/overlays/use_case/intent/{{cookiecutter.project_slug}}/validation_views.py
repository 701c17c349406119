"""The frames that expectations look at, each a few hundred rows whatever the snapshot's size."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from smallboat.warehouse.connection import connected
from smallboat.warehouse.tables import literal

from .data import Tables

DAYS = """
with browsing as (
    select
        session_id_hash as session,
        server_timestamp_epoch_ms as time,
        product_action as action,
        regexp_extract(filename, '(\\d{4}-\\d\\d-\\d\\d)\\.parquet$', 1) as day
    from read_parquet($browsing, filename = true)
),
sessions as (
    select
        day,
        session,
        count(*) as events,
        count(*) filter (
            action not in ('', 'detail', 'add', 'remove', 'purchase')
        ) as unknown,
        count(*) filter (
            time < epoch_ms(day::timestamp) or time >= epoch_ms(day::timestamp) + 172800000
        ) as misplaced,
        min(time) filter (action = 'add') as added,
        min(time) filter (action = 'purchase') as bought
    from browsing
    group by day, session
),
carts as (
    select
        day,
        sum(events)::bigint as browsing,
        sum(unknown)::bigint as unknown,
        sum(misplaced)::bigint as misplaced,
        count(*) filter (added <= coalesce(bought, added)) as carts,
        count(*) filter (added <= bought) as purchases
    from sessions
    group by day
)
select
    day,
    sessions,
    events,
    longest,
    events / sessions as events_a_session,
    product_events / events as product_share,
    coalesce(browsing, 0) as browsing,
    coalesce(unknown / browsing, 0) as unknown_share,
    coalesce(misplaced, 0) as misplaced,
    coalesce(carts, 0) as carts,
    coalesce(purchases, 0) as purchases,
    coalesce(carts, 0) / sessions as cart_share,
    date_diff('day', lag(day::date) over (order by day), day::date) as since_previous
from read_parquet($days) full join carts using (day)
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

    `days`: one row a day on which sessions began, named by it: sessions, events, those of the
    longest session, shares, days since the day before. Of the sessions in the snapshot, which fill
    a cart: browsing (events), unknown_share (of them, without a known action), misplaced (of them,
    before that day or two days after it), carts (sessions with an add before any purchase), and
    purchases (of these).
    `totals`: one row: rows of each table, carts, purchases, the share of carts that are bought, and
    that of products in use that the catalogue has (null where there is no catalogue).
    """
    folder = literal(tables.folder)
    kinds = {"browsing": "browsing-*", "search": "search-*", "catalog": "catalog", "days": "days"}
    files = {name: f"{folder}/{kind}.parquet" for name, kind in kinds.items()}
    with connected() as connection:
        days = connection.execute(DAYS, _only(files, "browsing", "days")).df().set_index("day")
        used, known, catalog, search = connection.execute(
            CATALOGUED, _only(files, "browsing", "search", "catalog")
        ).fetchall()[0]
    carts, purchases = int(days["carts"].sum()), int(days["purchases"].sum())
    totals = {
        "browsing": int(days["browsing"].sum()),
        "search": search,
        "catalog": catalog,
        "carts": carts,
        "purchases": purchases,
        "purchase_share": purchases / carts if carts else None,
        "catalogued_share": known / used if catalog and used else None,
    }
    return {"days": days, "totals": pd.DataFrame([totals])}


def _only(files: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: files[name] for name in names}


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
