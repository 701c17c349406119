{# All that differs between DuckDB, which reads the snapshot's files, and Snowflake, into whose raw
   tables they are loaded: there a row has its `part`, the day and a hash of the day's files. #}

{% macro day() %}{{ return(adapter.dispatch('day')()) }}{% endmacro %}

{% macro duckdb__day() %}substr(filename, length(filename) - 17, 10){% endmacro %}

{% macro snowflake__day() %}left(part, 10){% endmacro %}


{% macro only(parts) %}{{ return(adapter.dispatch('only')(parts)) }}{% endmacro %}

{% macro duckdb__only(parts) %}{% if not parts %}where false{% endif %}{% endmacro %}

{% macro snowflake__only(parts) %}where part in ({{ texts(parts) }}){% endmacro %}
