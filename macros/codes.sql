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


{# A UPN's letters, by their value from 0: I, O and S are none. #}
{% macro upn_letters() %}
    {{- return('ABCDEFGHJKLMNPQRTUVWXYZ') -}}
{% endmacro %}


{# A condition: 13 letters and digits in capitals are a UPN by its check letter. After the letter come 12 digits; the last of
   a temporary UPN is a letter. The check letter's value is the sum of the 12 values, the first of them times 2, the next
   times 3 and so on, modulo 23. #}
{% macro has_upn_check_letter(upn) -%}
    {%- set last = "substring(" ~ upn ~ ", 13, 1)" -%}
    ({{ has_only("substring(" ~ upn ~ ", 2, 11)", '0-9', 11, 11) }}
            and {{ has_only(last, '0-9' ~ upn_letters(), 1, 1) }}
            and substring({{ upn }}, 1, 1) = substring('{{ upn_letters() }}', (
                {%- for place in range(2, 13) %}
                {{ '+ ' if not loop.first }}try_cast(substring({{ upn }}, {{ place }}, 1) as int) * {{ place }}
                {%- endfor %}
                + coalesce(try_cast({{ last }} as int), {{ place_in(upn_letters(), last) }} - 1) * 13
            ) % 23 + 1, 1))
{%- endmacro %}


{# What may be shown of a text in a coded field: its first word, where that is as short as a code. A name, a date, a UPN or a
   whole postcode that stands there by mistake is not shown. #}
{% macro shown_code(text) -%}
    {%- set word = first_word('upper(' ~ text ~ ')') | trim -%}
    case when {{ has_only(word, 'A-Z0-9', 1, 6) }} then cast({{ word }} as {{ text_type(10) }}) end
{%- endmacro %}
