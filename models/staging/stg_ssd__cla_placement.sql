with source as (
    select * from {{ ssd_table('ssd_cla_placement') }}
)

, code_set as (
    select * from {{ ref('code_set') }}
)

, cleaned as (
    select
        {{ trimmed('clap_cla_placement_id') }} as cla_placement_id
        , {{ trimmed('clap_cla_id') }} as cla_id
        , {{ trimmed('clap_person_id') }} as person_id
        , {{ iso_date('clap_cla_placement_start_date') }} as start_date
        , {{ trimmed('clap_cla_placement_type') }} as type_entered
        , {{ postcode('clap_cla_placement_postcode') }} as postcode
        , {{ trimmed('clap_cla_placement_postcode') }} as postcode_entered
        , {{ iso_date('clap_cla_placement_end_date') }} as end_date
        , {{ trimmed('clap_cla_placement_change_reason') }} as change_reason_entered
    from source
)

, coded as (
    select
        cleaned.cla_placement_id
        , cleaned.cla_id
        , cleaned.person_id
        , cleaned.start_date
        , placement_type.code as placement_type
        , cleaned.postcode
        , cleaned.end_date
        , change_reason.code as change_reason
        , cleaned.postcode_entered
        , cleaned.type_entered
        , cleaned.change_reason_entered
    from cleaned
    left join code_set as placement_type
        on placement_type.code_set = 'placement_type'
        and placement_type.code = {{ leading_code('cleaned.type_entered', 3) }}
    left join code_set as change_reason
        on change_reason.code_set = 'placement_change_reason'
        and change_reason.code = {{ leading_code('cleaned.change_reason_entered', 6) }}
)

, ranked as (
    select
        coded.*
        , {{ duplicate_rank(['cla_placement_id'], [
            'cla_id'
            , 'person_id'
            , 'start_date'
            , 'placement_type'
            , 'postcode'
            , 'end_date'
            , 'change_reason'
        ]) }} as duplicate_rank
    from coded
)

select
    cla_placement_id
    , cla_id
    , person_id
    , start_date
    , placement_type
    , postcode
    , end_date
    , change_reason
    , postcode_entered
    , type_entered
    , change_reason_entered
from ranked
where duplicate_rank = 1
    and cla_placement_id is not null
