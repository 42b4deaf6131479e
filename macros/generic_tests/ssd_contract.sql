{# The SSD table has every column that the models read; one failing row a column that is missing, or may not be read. #}
{% test ssd_columns_exist(model) %}
    {{- config(severity='error') -}}
    {{- ssd_contract_sql(model, 'actual.column_name is null', "'is missing, or may not be read'") -}}
{% endtest %}


{# Those columns have types that the models can read: text, date or number. Of a missing one the other test tells. #}
{% test ssd_types_fit(model) %}
    {{- config(severity='warn') -}}
    {{- ssd_contract_sql(model, 'actual.family <> wanted.family', "concat('is ', actual.family, ', not ', wanted.family)") -}}
{% endtest %}


{# A query: the columns of an SSD table that break its contract: table, column, what is wrong, the attributes that need
   it. None of a table that variable csc_absent_tables names. It is said on the screen too: a count alone names nothing. #}
{% macro ssd_contract_sql(table, condition, problem) %}
    {%- if not execute -%}
        {{- return('') -}}
    {%- endif -%}
    {%- set source_table = ssd_sources() | selectattr('identifier', 'equalto', table.identifier) | first -%}
    {%- set sql -%}
        select
            '{{ table.identifier }}' as ssd_table
            , wanted.column_name
            , {{ problem }} as problem
            , wanted.attributes
        from (
            values
            {%- for column in source_table.columns.values() %}
            {{ ', ' if not loop.first }}('{{ column.name }}', '{{ column.data_type }}', '{{ attributes_of_column(source_table, column) | join(', ') }}')
            {%- endfor %}
        ) as wanted (column_name, family, attributes)
        left join (
            {{ catalogue_columns(table.schema, table.identifier) | indent(12) }}
        ) as actual
            on actual.column_name = wanted.column_name
        where {{ condition }}
            and {{ '1 = 0' if source_table.name in absent_tables() else '1 = 1' }}
    {%- endset -%}
    {%- if flags.INTROSPECT and flags.WHICH in ('test', 'build') -%}
        {%- for row in run_query(sql).rows -%}
            {%- do log(row[0] ~ '.' ~ row[1] ~ ' ' ~ row[2] ~ '; needed for attribute ' ~ row[3], info=true) -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(sql) -}}
{% endmacro %}
