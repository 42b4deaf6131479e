{# Ranks the rows that share a key, 1 for the one to keep. Duplicates are mostly equal in every column; where they
   are not, the largest values win, so that the choice is the same on every run. #}
{% macro duplicate_rank(key, columns) -%}
    row_number() over (
        partition by {{ key | join(', ') }}
        order by {% for column in columns %}{{ column }} desc{{ ', ' if not loop.last }}{% endfor %}
    )
{%- endmacro %}


{# A condition: a period overlaps the cohort window, both ends included; an open period has no end. #}
{% macro overlaps_window(start_date, end_date) -%}
    ({{ start_date }} <= cohort_window.window_end
        and ({{ end_date }} is null or {{ end_date }} >= cohort_window.window_start))
{%- endmacro %}


{# A condition: a day lies inside the cohort window, both ends included. #}
{% macro inside_window(day) -%}
    {{ day }} between cohort_window.window_start and cohort_window.window_end
{%- endmacro %}
