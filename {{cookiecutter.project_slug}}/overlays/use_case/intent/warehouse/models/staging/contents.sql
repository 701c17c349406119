-- What the shop knows of its products today.
select
    product_sku_hash as sku,
    price_bucket as price,
    nullif(split_part(category_hash, '/', 1), '') as category
from {{ source('snapshot', 'catalog') }}
