{{ config(materialized='incremental', incremental_strategy='append', pre_hook="{{ forget() }}") }}

-- Sessions that add something to the cart. Their numbers join faster than ids of 64 letters.
with found as (
    select distinct
        day,
        session_id
    from {{ ref('browsing') }}
    where product_action = 'add'
)

select
    {% if is_incremental() %}(select coalesce(max(session), 0) from {{ this }}) + {% endif -%}
    row_number() over (order by day, session_id) as session,
    day,
    session_id
from found
