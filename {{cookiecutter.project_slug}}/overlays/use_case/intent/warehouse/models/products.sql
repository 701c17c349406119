{{ config(materialized='table') }}

-- Price and top category of each product, as the features have seen them.
-- depends_on: {{ ref('stale_days') }}
select * from {{ ref('contents') }}
