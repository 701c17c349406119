-- Else what is to be predicted would be known.
with purchases as (
    select
        sessions.session,
        min(browsing.time_ms) as bought_at
    from {{ ref('browsing') }} as browsing
    inner join {{ ref('cart_sessions') }} as sessions on browsing.session_id = sessions.session_id
    where browsing.product_action = 'purchase'
    group by sessions.session
)

select events.session
from {{ ref('cart_events') }} as events
inner join purchases on events.session = purchases.session
where events.time_ms > purchases.bought_at
