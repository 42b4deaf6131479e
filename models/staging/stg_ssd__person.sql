with source as (
    select * from {{ ssd_table('ssd_person') }}
)

, code_set as (
    select * from {{ ref('code_set') }}
)

, cleaned as (
    select
        {{ trimmed('pers_person_id') }} as person_id
        , {{ trimmed('pers_legacy_id') }} as legacy_id
        , upper({{ trimmed('pers_upn') }}) as upn_entered
        , {{ trimmed('pers_upn_unknown') }} as upn_unknown_entered
        , {{ trimmed('pers_forename') }} as forename
        , {{ trimmed('pers_surname') }} as surname
        , {{ iso_date('pers_dob') }} as date_of_birth
        , {{ iso_date('pers_expected_dob') }} as expected_date_of_birth
        , upper({{ trimmed('pers_sex') }}) as sex_entered
        , {{ trimmed('pers_ethnicity') }} as ethnicity_entered
    from source
)

, coded as (
    select
        cleaned.person_id
        , case when {{ is_id('cleaned.legacy_id') }} then cleaned.legacy_id end as legacy_id
        , cleaned.legacy_id as legacy_id_entered
        , case when {{ has_only('cleaned.upn_entered', 'A-Za-z0-9', 13, 13) }} then cleaned.upn_entered end as upn
        , coalesce(unknown_reason.code, reason_in_upn.code) as upn_unknown_reason
        , reason_in_upn.code as reason_in_upn
        , unknown_reason.code as upn_unknown_code
        , cleaned.upn_entered
        , cleaned.upn_unknown_entered
        , cleaned.forename
        , cleaned.surname
        , cleaned.date_of_birth
        , cleaned.expected_date_of_birth
        , case cleaned.sex_entered when 'M' then 'M' when 'F' then 'F' else 'U' end as sex
        , ethnicity.code as ethnicity
        , cleaned.sex_entered
        , cleaned.ethnicity_entered
    from cleaned
    left join code_set as unknown_reason
        on unknown_reason.code_set = 'upn_unknown_reason'
        and unknown_reason.code = {{ leading_code('cleaned.upn_unknown_entered', 4) }}
    left join code_set as reason_in_upn
        on reason_in_upn.code_set = 'upn_unknown_reason'
        and reason_in_upn.code = {{ leading_code('cleaned.upn_entered', 4) }}
        and not {{ has_only('cleaned.upn_entered', 'A-Za-z0-9', 13, 13) }}
    left join code_set as ethnicity
        on ethnicity.code_set = 'ethnicity'
        and ethnicity.code = {{ leading_code('cleaned.ethnicity_entered', 4) }}
)

, ranked as (
    select
        coded.*
        , {{ duplicate_rank(['person_id'], [
            binary_order('legacy_id')
            , 'upn'
            , 'upn_unknown_reason'
            , binary_order('forename')
            , binary_order('surname')
            , 'date_of_birth'
            , 'expected_date_of_birth'
            , 'sex'
            , 'ethnicity'
        ]) }} as duplicate_rank
    from coded
)

select
    person_id
    , legacy_id
    , upn
    , upn_unknown_reason
    , forename
    , surname
    , date_of_birth
    , expected_date_of_birth
    , sex
    , ethnicity
    , legacy_id_entered
    , upn_entered
    , reason_in_upn
    , upn_unknown_entered
    , upn_unknown_code
    , sex_entered
    , ethnicity_entered
from ranked
where duplicate_rank = 1
    and person_id is not null
