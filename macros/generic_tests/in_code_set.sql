{# Every value is null or a code of the named set. #}
{% test in_code_set(model, column_name, code_set) %}

select entered.{{ column_name }}
from {{ model }} as entered
where entered.{{ column_name }} is not null
    and not exists (
        select 1
        from {{ ref('code_set') }} as code_set
        where code_set.code_set = '{{ code_set }}'
            and code_set.code = entered.{{ column_name }}
    )

{% endtest %}
