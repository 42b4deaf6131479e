{# No two rows have the same values in all of `columns`. #}
{% test unique_together(model, columns) %}

select
    {{ columns | join('\n    , ') }}
from {{ model }}
group by
    {{ columns | join('\n    , ') }}
having count(*) > 1

{% endtest %}
