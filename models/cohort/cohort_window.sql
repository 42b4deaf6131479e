with run_day as (
    select {{ run_date() }} as run_date
)

, two_years_back as (
    select
        run_date
        , {{ add_months('run_date', -24) }} as two_years_ago
    from run_day
)

select
    run_date
    , {{ calendar_date('year(two_years_ago) - case when month(two_years_ago) < 4 then 1 else 0 end', 4, 1) }} as window_start
    , {{ add_days('run_date', 1) }} as window_end
from two_years_back
