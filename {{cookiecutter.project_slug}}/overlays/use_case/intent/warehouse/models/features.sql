{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget(stale=ref('stale_days')) }}"
) }}

-- What is counted of a session after its first add and 0, 2, 4 ... further events; whole numbers
-- all, so that `events.raw` counts the very same of a request.
{% set seen = actions()[:-1] %}
{% set plural = ['searches', 'views', 'details', 'adds', 'removes'] %}
{% set counts = {
    'clicks': 'cast(sum(clicks) as integer)',
    'skus': times('position = met'),
    'skus_repeated': times('position > met'),
    'skus_added': times('position = added'),
    'added_again': times('position > place and position > added'),
    'added_seen': times('position < place and sku = added_sku'),
    'price_sum': 'cast(sum(case when action = ' ~ action('detail') ~ ' then price else 0 end) as integer)',
    'price_count': times('action = ' ~ action('detail') ~ ' and price is not null'),
    'categories': times('position = category_met'),
    'category_known': times('category is not null'),
    'category_same': times('category = added_category'),
} %}
{% for name in plural %}
    {% do counts.update({name: times('action = ' ~ loop.index0)}) %}
    {% do counts.update({'after_' ~ name: times('position > place and action = ' ~ loop.index0)}) %}
{% endfor %}
{% for page in pages() %}
    {% do counts.update({'page_' ~ page: times("page = '" ~ page ~ "'")}) %}
    {% do counts.update({'after_page_' ~ page: times("position > place and page = '" ~ page ~ "'")}) %}
{% endfor %}
{% for first in seen %}
    {% set before = loop.index0 %}
    {% for then in seen %}
        {% do counts.update({
            first ~ '_to_' ~ then: times('action_before = ' ~ before ~ ' and action = ' ~ loop.index0)
        }) %}
    {% endfor %}
{% endfor %}
{% set so_far = 'over (partition by session order by step rows between unbounded preceding and current row)' %}

with seen as (
    select
        day,
        session,
        position,
        place,
        purchased,
        time_ms,
        action,
        clicks,
        page,
        case when action >= {{ action('detail') }} then sku end as sku,
        action_before,
        gap_ms,
        case when position <= place then 0 else cast(ceil((position - place) / 2) as integer) end
            as step
    from {{ ref('cart_events') }}
    where
        day in (select day from {{ ref('stale_days') }})
        and position <= place + {{ var('most_after') }}
),

skus as (
    select
        session,
        sku,
        min(position) as met,
        min(case when action = {{ action('add') }} then position end) as added
    from seen
    where sku is not null
    group by session, sku
),

known as (
    select
        seen.*,
        skus.met,
        skus.added,
        products.price,
        products.category
    from seen
    left join skus on seen.session = skus.session and seen.sku = skus.sku
    left join {{ ref('products') }} as products on seen.sku = products.sku
),

categories as (
    select
        session,
        category,
        min(position) as category_met
    from known
    where category is not null
    group by session, category
),

first_added as (
    select
        session,
        sku as added_sku,
        price as added_price,
        category as added_category
    from known
    where position = place
),

events as (
    select
        known.*,
        categories.category_met,
        first_added.added_sku,
        first_added.added_price,
        first_added.added_category
    from known
    inner join first_added on known.session = first_added.session
    left join categories
        on known.session = categories.session and known.category = categories.category
),

-- Until the first add, and each two events after it; two that the session has not are none.
steps as (
    select
        session,
        step,
        any_value(day) as day,
        any_value(place) as place,
        any_value(purchased) as purchased,
        any_value(added_price) as price,
        min(time_ms) as began,
        max(time_ms) as ended,
        max(case when position = place then time_ms end) as added_at,
        max(gap_ms) as gap_longest_ms,
        max(case when position = place + 2 * step then gap_ms end) as gap_last_ms,
        max(case when position = place + 2 * step then action end) as last,
        max(case when position = place + 2 * step then action_before end) as previous,
        {%- for name, counted in counts.items() %}
        {{ counted }} as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from events
    group by session, step
    having step = 0 or count(*) = 2
),

sums as (
    select
        day,
        session,
        2 * step as after,
        purchased,
        place + 2 * step as events,
        place,
        price,
        last,
        previous,
        gap_last_ms,
        max(gap_longest_ms) {{ so_far }} as gap_longest_ms,
        min(began) {{ so_far }} as began,
        max(added_at) {{ so_far }} as added_at,
        ended,
        {%- for name in counts %}
        sum({{ name }}) {{ so_far }} as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from steps
)

select
    day,
    session,
    cast(after as smallint) as after,
    purchased,
    events,
    place,
    price,
    last,
    previous,
    gap_last_ms,
    gap_longest_ms,
    ended - began as ms,
    added_at - began as ms_to_add,
    -- Of times before 1970, too: a remainder has the sign of what is divided.
    cast(floor(mod(mod(added_at, 86400000) + 86400000, 86400000) / 3600000) as smallint) as hour,
    cast(
        floor(mod(mod(added_at, 604800000) + 604800000 + 259200000, 604800000) / 86400000)
        as smallint
    ) as day_of_week,
    {%- for name in counts %}
    cast({{ name }} as integer) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from sums
