{{ config(materialized='table') }}

-- The events of a few sessions of the newest days, as many with a purchase as without if there are
-- enough, for people to try the service with.
with sessions as (
    select
        session,
        max(purchased) as purchased
    from {{ ref('cart_events') }}
    group by session
    having count(*) between 8 and 40
),

ranked as (
    select
        sessions.session,
        sessions.purchased,
        cart_sessions.day,
        cart_sessions.session_id,
        row_number() over (
            partition by sessions.purchased
            order by cart_sessions.day desc, cart_sessions.session_id
        ) as place
    from sessions
    inner join {{ ref('cart_sessions') }} as cart_sessions
        on sessions.session = cart_sessions.session
),

mixed as (
    select
        *,
        row_number() over (order by place, purchased desc) as number
    from ranked
),

chosen as (
    select
        *,
        row_number() over (partition by day order by session_id) as number_of_day
    from mixed
    where number <= 12
)

select
    chosen.day,
    chosen.number_of_day,
    events.position,
    events.time_ms,
    events.action,
    events.sku,
    events.clicks,
    events.page,
    events.purchased
from {{ ref('cart_events') }} as events
inner join chosen on events.session = chosen.session
