{{ config(indexes=clustered_by(['person_id'], unique=true)) }}

with cohort as (
    select * from {{ ref('cohort') }}
)

, person as (
    select * from {{ ref('stg_ssd__person') }}
)

, linked_identifier as (
    select * from {{ ref('stg_ssd__linked_identifiers') }}
)

, disability as (
    select * from {{ ref('stg_ssd__disability') }}
)

, address as (
    select * from {{ ref('stg_ssd__address') }}
)

, immigration_status as (
    select * from {{ ref('stg_ssd__immigration_status') }}
)

, former_upn as (
    select
        linked_identifier.person_id
        , upper(linked_identifier.identifier_value) as former_upn
        , row_number() over (
            partition by linked_identifier.person_id
            order by
                linked_identifier.valid_from_date desc
                , {{ binary_order('linked_identifier.linked_identifier_id') }} desc
                , linked_identifier.identifier_value desc
        ) as latest
    from linked_identifier
    where upper(linked_identifier.identifier_type) = 'FORMER UNIQUE PUPIL NUMBER'
        and {{ has_only('linked_identifier.identifier_value', 'A-Za-z0-9', 13, 13) }}
)

, distinct_disability as (
    select distinct
        disability.person_id
        , disability.disability_code
    from disability
    where disability.disability_code is not null
)

, ranked_disability as (
    select
        distinct_disability.person_id
        , {{ json_string('distinct_disability.disability_code') }} as disability_code
        , row_number() over (
            partition by distinct_disability.person_id
            order by {{ binary_order('distinct_disability.disability_code') }}
        ) as position
    from distinct_disability
)

, disabilities as (
    select
        ranked_disability.person_id
        , {{ json_short_array('ranked_disability.disability_code', 'ranked_disability.position', 12) }} as disabilities
    from ranked_disability
    where ranked_disability.position <= 12
    group by ranked_disability.person_id
)

, latest_address as (
    select
        address.person_id
        , address.postcode
        , row_number() over (
            partition by address.person_id
            order by
                address.start_date desc
                , {{ binary_order('address.address_id') }} desc
                , address.postcode desc
        ) as latest
    from address
)

, uasc as (
    select
        immigration_status.person_id
        , immigration_status.end_date
        , row_number() over (
            partition by immigration_status.person_id
            order by
                case when immigration_status.end_date is null then 1 else 0 end
                , immigration_status.start_date desc
                , immigration_status.end_date desc
        ) as latest
    from immigration_status
    where {{ contains_text('immigration_status.immigration_status', 'UASC') }}
)

select
    person.person_id
    , person.legacy_id
    , person.upn as unique_pupil_number
    , former_upn.former_upn as former_unique_pupil_number
    , person.upn_unknown_reason as unique_pupil_number_unknown_reason
    , {{ first_chars('person.forename', 128) }} as first_name
    , {{ first_chars('person.surname', 128) }} as surname
    , person.date_of_birth
    , person.expected_date_of_birth
    , person.sex
    , person.ethnicity
    , coalesce(disabilities.disabilities, '["NONE"]') as disabilities
    , latest_address.postcode
    , cast(case when uasc.person_id is not null then 1 else 0 end as {{ flag_type() }}) as uasc_flag
    , uasc.end_date as uasc_end_date
from cohort
inner join person
    on person.person_id = cohort.person_id
left join former_upn
    on former_upn.person_id = cohort.person_id
    and former_upn.latest = 1
left join disabilities
    on disabilities.person_id = cohort.person_id
left join latest_address
    on latest_address.person_id = cohort.person_id
    and latest_address.latest = 1
left join uasc
    on uasc.person_id = cohort.person_id
    and uasc.latest = 1
