{{ config(materialized='table') }}

-- The days whose features are computed: those whose events are, and those on which a session met a
-- product that the shop knows differently since the last build.
-- depends_on: {{ ref('cart_events') }}, {{ ref('contents') }}
{% set before = load_relation(this.incorporate(path={'identifier': 'products'})) %}

with days as (
    select day from {{ source('snapshot', 'days') }}
    where fresh
    {%- if before is not none %}
    union all
    select events.day
    from {{ ref('cart_events') }} as events
    inner join (
        (select * from {{ before }} except select * from {{ ref('contents') }})
        union all
        (select * from {{ ref('contents') }} except select * from {{ before }})
    ) as changed on events.sku = changed.sku
    {%- endif %}
)

select distinct day
from days
