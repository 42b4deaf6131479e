with cin_episode as (
    select * from {{ ref('stg_ssd__cin_episodes') }}
)

, cin_assessment as (
    select * from {{ ref('stg_ssd__cin_assessments') }}
)

, assessment_factors as (
    select * from {{ ref('stg_ssd__assessment_factors') }}
)

, sent_assessment as (
    select * from {{ ref('child_and_family_assessments') }}
)

, cin_plan as (
    select * from {{ ref('stg_ssd__cin_plans') }}
)

, s47_enquiry as (
    select * from {{ ref('stg_ssd__s47_enquiry') }}
)

, initial_cp_conference as (
    select * from {{ ref('stg_ssd__initial_cp_conference') }}
)

, cp_plan as (
    select * from {{ ref('stg_ssd__cp_plans') }}
)

, involvement as (
    select * from {{ ref('stg_ssd__involvements') }}
)

, professional as (
    select * from {{ ref('stg_ssd__professionals') }}
)

, child as (
    select * from {{ ref('preflight_child') }}
)

, referral as (
    select * from {{ ref('preflight_referral') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, breach_of_cin_episode as (
    {% call breaches('ssd_cin_episodes', 'cin_episode.referral_id', 'cin_episode.person_id',
        [
            check('referral_id_pattern', 'not ' ~ is_id('cin_episode.referral_id'))
            , check('referral_nfa_flag', 'cin_episode.nfa_entered is not null and cin_episode.referral_nfa is null', 'cin_episode.nfa_entered')
        ]
        + code_checks('referral_source_code', 'cin_episode.source_entered', 'cin_episode.referral_source', may_be_longer=true)
        + code_checks('closure_reason_code', 'cin_episode.close_reason_entered', 'cin_episode.close_reason')
        + period_checks(
            ['cin_episode.referral_date', 'cine_referral_date', '17']
            , ['cin_episode.close_date', 'cine_close_date', '19']
            , 'referral_before_birth'
        )
    ) %}
    from cin_episode
    left join child
        on child.person_id = cin_episode.person_id
    cross join cohort_window
    {% endcall %}
)

, breach_of_cin_assessment as (
    {% call breaches('ssd_cin_assessments', 'cin_assessment.assessment_id', 'cin_assessment.person_id',
        [
            check('assessment_id_pattern', 'not ' ~ is_id('cin_assessment.assessment_id'))
            , check('assessment_without_referral', 'referral.referral_id is null')
        ]
        + period_checks(
            ['cin_assessment.start_date', 'cina_assessment_start_date', '23']
            , ['cin_assessment.authorisation_date', 'cina_assessment_auth_date', '24']
            , 'referral_before_birth'
        )
    ) %}
    from cin_assessment
    left join child
        on child.person_id = cin_assessment.person_id
    left join referral
        on referral.referral_id = cin_assessment.referral_id
    cross join cohort_window
    {% endcall %}
)

-- of an assessment that is sent, the items entered and the codes sent: an array is never taken apart here
, entered_factors as (
    select distinct
        assessment_factors.assessment_id
        , assessment_factors.factors_json
        , case
            when {{ is_json_array('assessment_factors.factors_json') }}
                then {{ json_array_strings('assessment_factors.factors_json') }}
        end as items
    from assessment_factors
)

, items_of_assessment as (
    select
        entered_factors.assessment_id
        , sum(entered_factors.items) as items
    from entered_factors
    group by entered_factors.assessment_id
)

, breach_of_factors as (
    {% call breaches('ssd_assessment_factors', 'assessment_factors.assessment_factors_id', 'cin_assessment.person_id', [
        check('factors_not_array', 'assessment_factors.factors_json is not null and not ' ~ is_json_array('assessment_factors.factors_json'))
    ]) %}
    from assessment_factors
    left join cin_assessment
        on cin_assessment.assessment_id = assessment_factors.assessment_id
    {% endcall %}
)

, breach_of_factor_codes as (
    {% call breaches('ssd_assessment_factors', 'items_of_assessment.assessment_id', 'cin_assessment.person_id', [
        check('assessment_factor_code', 'items_of_assessment.items <> ' ~ json_array_strings('sent_assessment.factors'))
    ]) %}
    from items_of_assessment
    inner join sent_assessment
        on sent_assessment.child_and_family_assessment_id = items_of_assessment.assessment_id
    inner join cin_assessment
        on cin_assessment.assessment_id = items_of_assessment.assessment_id
    {% endcall %}
)

, breach_of_cin_plan as (
    {% call breaches('ssd_cin_plans', 'cin_plan.cin_plan_id', 'cin_plan.person_id',
        [
            check('cin_plan_id_pattern', 'not ' ~ is_id('cin_plan.cin_plan_id'))
            , check('cin_plan_without_referral', 'referral.referral_id is null')
        ]
        + period_checks(
            ['cin_plan.start_date', 'cinp_cin_plan_start_date', '27']
            , ['cin_plan.end_date', 'cinp_cin_plan_end_date', '28']
            , 'referral_before_birth'
        )
    ) %}
    from cin_plan
    left join child
        on child.person_id = cin_plan.person_id
    left join referral
        on referral.referral_id = cin_plan.referral_id
    cross join cohort_window
    {% endcall %}
)

, breach_of_s47_enquiry as (
    {% call breaches('ssd_s47_enquiry', 's47_enquiry.s47_enquiry_id', 's47_enquiry.person_id',
        [
            check('s47_id_pattern', 'not ' ~ is_id('s47_enquiry.s47_enquiry_id'))
            , check('s47_without_referral', 'referral.referral_id is null')
            , check('icpc_required_flag', 's47_enquiry.icpc_required_entered is not null and s47_enquiry.icpc_required is null', 's47_enquiry.icpc_required_entered')
        ]
        + period_checks(
            ['s47_enquiry.start_date', 's47e_s47_start_date', '30']
            , ['s47_enquiry.end_date', 's47e_s47_end_date', '33']
            , 'referral_before_birth'
        )
    ) %}
    from s47_enquiry
    left join child
        on child.person_id = s47_enquiry.person_id
    left join referral
        on referral.referral_id = s47_enquiry.referral_id
    cross join cohort_window
    {% endcall %}
)

, breach_of_initial_cp_conference as (
    {% call breaches('ssd_initial_cp_conference', 'initial_cp_conference.icpc_id', 'initial_cp_conference.person_id',
        date_checks([['initial_cp_conference.icpc_date', 'icpc_icpc_date', '32']], 'referral_before_birth')
    ) %}
    from initial_cp_conference
    left join child
        on child.person_id = initial_cp_conference.person_id
    cross join cohort_window
    {% endcall %}
)

, breach_of_cp_plan as (
    {% call breaches('ssd_cp_plans', 'cp_plan.cp_plan_id', 'cp_plan.person_id',
        [
            check('cp_plan_id_pattern', 'not ' ~ is_id('cp_plan.cp_plan_id'))
            , check('cp_plan_without_referral', 'referral.referral_id is null')
        ]
        + period_checks(
            ['cp_plan.start_date', 'cppl_cp_plan_start_date', '35']
            , ['cp_plan.end_date', 'cppl_cp_plan_end_date', '36']
            , 'referral_before_birth'
        )
    ) %}
    from cp_plan
    left join child
        on child.person_id = cp_plan.person_id
    left join referral
        on referral.referral_id = cp_plan.referral_id
    cross join cohort_window
    {% endcall %}
)

-- case workers alone are sent
, breach_of_involvement as (
    {% call breaches('ssd_involvements', 'involvement.involvement_id', 'involvement.person_id',
        [check('involvement_without_referral', 'referral.referral_id is null')]
        + period_checks(
            ['involvement.start_date', 'invo_involvement_start_date', '54']
            , ['involvement.end_date', 'invo_involvement_end_date', '55']
            , 'referral_before_birth'
        )
    ) %}
    from (
        select
            involvement.involvement_id
            , involvement.person_id
            , involvement.referral_id
            , involvement.start_date
            , involvement.end_date
        from involvement
        where involvement.role_id = 'CW'
    ) as involvement
    left join child
        on child.person_id = involvement.person_id
    left join referral
        on referral.referral_id = involvement.referral_id
    cross join cohort_window
    {% endcall %}
)

, breach_of_professional as (
    {% call breaches('ssd_professionals', 'professional.professional_id', 'null', [
        check('worker_id_pattern', 'not ' ~ is_id('professional.registration_no', 12))
    ]) %}
    from professional
    {% endcall %}
)

{%- for breach in [
    'breach_of_cin_episode'
    , 'breach_of_cin_assessment'
    , 'breach_of_factors'
    , 'breach_of_factor_codes'
    , 'breach_of_cin_plan'
    , 'breach_of_s47_enquiry'
    , 'breach_of_initial_cp_conference'
    , 'breach_of_cp_plan'
    , 'breach_of_involvement'
    , 'breach_of_professional'
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
