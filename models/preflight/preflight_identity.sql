with person as (
    select * from {{ ref('stg_ssd__person') }}
)

, linked_identifier as (
    select * from {{ ref('stg_ssd__linked_identifiers') }}
)

, address as (
    select * from {{ ref('stg_ssd__address') }}
)

, disability as (
    select * from {{ ref('stg_ssd__disability') }}
)

, immigration_status as (
    select * from {{ ref('stg_ssd__immigration_status') }}
)

, child as (
    select * from {{ ref('preflight_child') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, breach_of_person as (
    {% call breaches('ssd_person', 'person.person_id', 'person.person_id', [
        check('person_id_pattern', 'not ' ~ is_id('person.person_id'))
        , check('legacy_id_pattern', 'person.legacy_id_entered is not null and person.legacy_id is null')
        , check('upn_format', 'person.upn_entered is not null and person.upn is null and person.reason_in_upn is null')
        , check('upn_check_letter', 'not ' ~ has_upn_check_letter('person.upn'))
        , check('upn_without_reason', 'person.upn_entered is null and person.upn_unknown_entered is null')
        , check('birth_missing', 'person.date_of_birth is null and person.expected_date_of_birth is null')
        , check('birth_date_impossible', "
            person.date_of_birth < cast('1900-01-01' as date)
            or person.date_of_birth > cohort_window.run_date
            or person.expected_date_of_birth < cast('1900-01-01' as date)
            or person.expected_date_of_birth > " ~ add_months('cohort_window.run_date', 10)
        )
        , check('sex_code', "person.sex_entered not in ('M', 'F', 'U')", 'person.sex_entered')
    ]
    + code_checks('upn_unknown_reason_code', 'person.upn_unknown_entered', 'person.upn_unknown_code')
    + code_checks('ethnicity_code', 'person.ethnicity_entered', 'person.ethnicity')
    ) %}
    from person
    cross join cohort_window
    {% endcall %}
)

, breach_of_linked_identifier as (
    {% call breaches('ssd_linked_identifiers', 'linked_identifier.linked_identifier_id', 'linked_identifier.person_id', [
        check('former_upn_format', 'linked_identifier.former_upn is null')
        , check('former_upn_check_letter', 'not ' ~ has_upn_check_letter('linked_identifier.former_upn'))
    ]) %}
    from (
        select
            linked_identifier.linked_identifier_id
            , linked_identifier.person_id
            , case
                when {{ has_only('linked_identifier.identifier_value', 'A-Za-z0-9', 13, 13) }}
                    then upper(linked_identifier.identifier_value)
            end as former_upn
        from linked_identifier
        where upper(linked_identifier.identifier_type) = 'FORMER UNIQUE PUPIL NUMBER'
            and linked_identifier.identifier_value is not null
    ) as linked_identifier
    {% endcall %}
)

, breach_of_address as (
    {% call breaches('ssd_address', 'address.address_id', 'address.person_id', [
        check('address_postcode_shape', 'address.postcode_entered is not null and address.postcode is null')
    ]) %}
    from address
    {% endcall %}
)

, breach_of_disability as (
    {% call breaches('ssd_disability', 'disability.disability_id', 'disability.person_id',
        code_checks('disability_code', 'disability.code_entered', 'disability.disability_code')
    ) %}
    from disability
    {% endcall %}
)

, disabilities as (
    select
        disability.person_id
        , count(distinct disability.disability_code) as codes
    from disability
    group by disability.person_id
)

, breach_of_disabilities as (
    {% call breaches('ssd_disability', 'disabilities.person_id', 'disabilities.person_id', [
        check('disabilities_over_12', 'disabilities.codes > 12')
    ]) %}
    from disabilities
    {% endcall %}
)

, breach_of_immigration_status as (
    {% call breaches('ssd_immigration_status', 'immigration_status.immigration_status_id', 'immigration_status.person_id',
        date_checks([['immigration_status.end_date', 'immi_immigration_status_end_date', '15']], may_be_ahead=true)
        + [check('end_before_start', 'immigration_status.end_date < immigration_status.start_date', '', 'immi_immigration_status_end_date', '15')]
    ) %}
    from immigration_status
    left join child
        on child.person_id = immigration_status.person_id
    {% endcall %}
)

{%- for breach in [
    'breach_of_person'
    , 'breach_of_linked_identifier'
    , 'breach_of_address'
    , 'breach_of_disability'
    , 'breach_of_disabilities'
    , 'breach_of_immigration_status'
] %}
{{ '\nunion all' if not loop.first }}
select
    rule_name
    , attribute
    , ssd_table
    , ssd_column
    , record_id
    , person_id
    , value
from {{ breach }}
{%- endfor %}
