-- Else what is to be predicted would be known.
with purchases as (
    select
        session_id,
        min(time_ms) as bought_at
    from {{ ref('browsing') }}
    where product_action = 'purchase'
    group by session_id
)

select events.session
from {{ ref('cart_events') }} as events
inner join {{ ref('cart_sessions') }} as sessions on events.session = sessions.session
inner join purchases on sessions.session_id = purchases.session_id
where events.time_ms > purchases.bought_at
