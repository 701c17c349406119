{% macro actions() %}{{ return(['search', 'view', 'detail', 'add', 'remove', 'purchase']) }}{% endmacro %}

{% macro pages() %}{{ return(['checkout', 'cart', 'search', 'category', 'other']) }}{% endmacro %}

{% macro action(name) -%}
    {# An action's number: its place in the order that events of one time have. #}
    {{- actions().index(name) -}}
{%- endmacro %}

{% macro times(condition) -%}
    {# How many rows of a group fulfil a condition. #}
    cast(count(case when {{ condition }} then 1 end) as integer)
{%- endmacro %}
