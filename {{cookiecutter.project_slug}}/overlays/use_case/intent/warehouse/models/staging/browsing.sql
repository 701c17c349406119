-- What visitors did on pages, as the shop wrote it down.
select
    day,
    session_id_hash as session_id,
    product_action,
    nullif(product_sku_hash, '') as sku,
    nullif(page_type, '') as page,
    server_timestamp_epoch_ms as time_ms
from {{ source('snapshot', 'browsing') }}
