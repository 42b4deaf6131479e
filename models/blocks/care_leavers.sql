{{ config(indexes=clustered_by(['person_id'], unique=true)) }}

with cohort as (
    select * from {{ ref('cohort') }}
)

, care_leaver as (
    select * from {{ ref('stg_ssd__care_leavers') }}
)

, ranked as (
    select
        care_leaver.*
        , row_number() over (
            partition by care_leaver.person_id
            order by
                care_leaver.latest_contact_date desc
                , {{ binary_order('care_leaver.care_leaver_id') }} desc
                , care_leaver.activity desc
                , care_leaver.accommodation desc
        ) as latest
    from care_leaver
)

select
    cohort.person_id
    , ranked.latest_contact_date as contact_date
    , ranked.activity
    , ranked.accommodation
from cohort
inner join ranked
    on ranked.person_id = cohort.person_id
where ranked.latest = 1
    and coalesce(cast(ranked.latest_contact_date as {{ text_type(10) }}), ranked.activity, ranked.accommodation) is not null
