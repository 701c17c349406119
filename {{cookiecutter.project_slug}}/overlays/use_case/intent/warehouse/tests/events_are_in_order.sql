select events.session
from {{ ref('cart_events') }} as events
inner join {{ ref('cart_events') }} as following
    on events.session = following.session and events.position + 1 = following.position
where
    events.time_ms > following.time_ms
    or (events.time_ms = following.time_ms and events.action > following.action)
