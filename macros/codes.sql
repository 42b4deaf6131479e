{# What a coded field says first: upper case, `length` characters at most, and only what stands before the blank, dash
   or colon that parts the code from its text ("A4 - placed", "A4-placed", "a4: placed" are all A4). `text` is already
   trimmed. #}
{% macro leading_code(text, length) -%}
    {{ first_word(first_chars("upper(" ~ text ~ ")", length)) }}
{%- endmacro %}


{# Y, T, 1, TRUE are true and N, F, 0, FALSE false; anything else is null (attributes 21 and 31). #}
{% macro yes_or_no(text) -%}
    cast(case
        when upper({{ text }}) in ('Y', 'T', '1', 'TRUE') then 1
        when upper({{ text }}) in ('N', 'F', '0', 'FALSE') then 0
    end as {{ flag_type() }})
{%- endmacro %}


{# A condition: the id pattern of the specification. #}
{% macro is_id(text, longest=36) -%}
    {{ has_only(text, '-A-Za-z0-9_', 1, longest) }}
{%- endmacro %}


{# A postcode in capitals with single blanks; null when it is not 5 to 8 letters, digits and blanks. #}
{% macro postcode(text) -%}
    {%- set tidy = single_blanks("upper(" ~ trimmed(text) ~ ")") -%}
    case when {{ has_only(tidy, 'A-Za-z0-9 ', 5, 8) }} then {{ tidy }} end
{%- endmacro %}
