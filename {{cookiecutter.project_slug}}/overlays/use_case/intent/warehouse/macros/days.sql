{% macro fresh() -%}
    {# The days to be computed. #}
    (select day from {{ source('snapshot', 'days') }} where fresh)
{%- endmacro %}

{% macro forget(stale=none) -%}
    {# Remove the days that are computed anew, and those that went. #}
    {%- if load_relation(this) is not none -%}
        delete from {{ this }}
        where
            day in {{ fresh() }}
            or day not in (select day from {{ source('snapshot', 'days') }})
            {% if stale is not none %}or day in (select day from {{ stale }}){% endif %}
    {%- endif -%}
{%- endmacro %}
