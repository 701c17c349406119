{% macro texts(values) -%}
    {# A list for `in (...)`; an empty one holds nothing. #}
    {%- for value in values %}'{{ value }}'{{ ', ' if not loop.last }}{% else %}null{% endfor -%}
{%- endmacro %}

{% macro forget(stale=none) -%}
    {# Remove the days that are computed anew, and those that went. #}
    {%- if load_relation(this) is not none -%}
        delete from {{ this }}
        where
            day not in ({{ texts(var('kept') or ['']) }})
            {% if stale is not none %}or day in (select day from {{ stale }}){% endif %}
    {%- endif -%}
{%- endmacro %}
