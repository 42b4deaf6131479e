with cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, census_date as (
    {%- for years in (1, 2, 3) %}
    select {{ calendar_date('year(window_start) + ' ~ years, 3, 31) }} as census_date
    from cohort_window
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
)

select census_date.census_date
from census_date
cross join cohort_window
where {{ inside_window('census_date.census_date') }}
