{# What a payload is compared by, while variable csc_volatile_ids says that some ids do not count. #}

{# Whether the block is compared by another text than what goes out: its own ids, or those of records in it, do not count. #}
{% macro has_content(block) %}
    {%- set volatile = volatile_blocks() -%}
    {{- return(volatile | length > 0 and (block in volatile or block == 'social_care_episodes')) -}}
{% endmacro %}


{# Nested JSON, by name, as it is compared. #}
{% macro nested_content(nested) %}
    {%- set content = {} -%}
    {%- for name, expression in nested.items() -%}
        {%- do content.update({name: expression ~ '_content' if has_content(name) else expression}) -%}
    {%- endfor -%}
    {{- return(content) -}}
{% endmacro %}
