{{ config(materialized='incremental', incremental_strategy='append', pre_hook="{{ forget() }}") }}

-- The events of these sessions in order, each once, until the first purchase.
{% set in_order = 'over (partition by session order by time_ms, action, sku nulls first, page nulls first)' %}

with sessions as (
    select * from {{ ref('cart_sessions') }}
    where day in {{ fresh() }}
),

found as (
    select
        sessions.session,
        browsing.time_ms,
        browsing.sku,
        0 as clicks,
        -- Only a view has a type of page: a product's event says what it shows.
        case
            when coalesce(browsing.product_action, '') <> '' then null
            when browsing.page in ({{ "'" ~ pages() | join("', '") ~ "'" }}) then browsing.page
            when browsing.page is not null then 'other'
        end as page,
        case coalesce(browsing.product_action, '')
            when '' then {{ action('view') }}
            {%- for name in ['detail', 'add', 'remove', 'purchase'] %}
            when '{{ name }}' then {{ action(name) }}
            {%- endfor %}
        end as action
    from {{ ref('browsing') }} as browsing
    inner join sessions on browsing.session_id = sessions.session_id
    -- Another action is an unknown one.
    where
        browsing.product_action is null
        or browsing.product_action in ('', 'detail', 'add', 'remove', 'purchase')
    union all
    select
        sessions.session,
        searches.time_ms,
        null as sku,
        searches.clicks,
        null as page,
        {{ action('search') }} as action
    from {{ ref('searches') }} as searches
    inner join sessions on searches.session_id = sessions.session_id
),

once as (
    select
        session,
        time_ms,
        action,
        sku,
        page,
        max(clicks) as clicks
    from found
    group by session, time_ms, action, sku, page
),

-- The page of a product gives a view, too: the product's event tells more.
with_product as (
    select distinct
        session,
        time_ms
    from once
    where action > {{ action('view') }}
),

told as (
    select once.*
    from once
    left join with_product
        on
            once.session = with_product.session
            and once.time_ms = with_product.time_ms
            and once.action = {{ action('view') }}
    where with_product.session is null
),

ordered as (
    select
        *,
        row_number() {{ in_order }} as position,
        lag(action) {{ in_order }} as action_before,
        time_ms - lag(time_ms) {{ in_order }} as gap_ms
    from told
),

firsts as (
    select
        session,
        min(case when action = {{ action('add') }} then position end) as place,
        min(case when action = {{ action('purchase') }} then position end) as bought
    from ordered
    group by session
)

select
    sessions.day,
    ordered.session,
    cast(ordered.position as integer) as position,
    ordered.time_ms,
    cast(ordered.action as smallint) as action,
    cast(ordered.action_before as smallint) as action_before,
    ordered.gap_ms,
    ordered.sku,
    cast(ordered.clicks as integer) as clicks,
    ordered.page,
    cast(firsts.place as integer) as place,
    cast(case when firsts.bought is null then 0 else 1 end as smallint) as purchased
from ordered
inner join firsts on ordered.session = firsts.session
inner join sessions on ordered.session = sessions.session
where
    firsts.place is not null
    and (
        firsts.bought is null
        or (firsts.place < firsts.bought and ordered.position < firsts.bought)
    )
