-- Searches, with the number of results that were clicked.
select
    session_id_hash as session_id,
    server_timestamp_epoch_ms as time_ms,
    coalesce(clicks, 0) as clicks
from {{ source('snapshot', 'search') }}
