with cla_episode as (
    select * from {{ ref('stg_ssd__cla_episodes') }}
)

, cla_placement as (
    select * from {{ ref('stg_ssd__cla_placement') }}
)

, permanence as (
    select * from {{ ref('stg_ssd__permanence') }}
)

, care_leaver as (
    select * from {{ ref('stg_ssd__care_leavers') }}
)

, sdq_score as (
    select * from {{ ref('stg_ssd__sdq_scores') }}
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

, breach_of_cla_episode as (
    {% call breaches('ssd_cla_episodes', 'cla_episode.cla_episode_id', 'cla_episode.person_id',
        code_checks('cla_start_reason_code', 'cla_episode.start_reason_entered', 'cla_episode.start_reason')
        + code_checks('cla_end_reason_code', 'cla_episode.ceased_reason_entered', 'cla_episode.ceased_reason')
    ) %}
    from cla_episode
    {% endcall %}
)

-- as the placements' block finds a placement's episodes
, placement_with_referral as (
    select distinct cla_placement.cla_placement_id
    from cla_placement
    inner join cla_episode
        on cla_episode.cla_id = cla_placement.cla_id
        and coalesce(cla_episode.cla_placement_id, cla_placement.cla_placement_id) = cla_placement.cla_placement_id
    inner join referral
        on referral.referral_id = cla_episode.referral_id
)

, breach_of_cla_placement as (
    {% call breaches('ssd_cla_placement', 'cla_placement.cla_placement_id', 'cla_placement.person_id',
        [
            check('placement_id_pattern', 'not ' ~ is_id('cla_placement.cla_placement_id'))
            , check('placement_without_referral', 'placement_with_referral.cla_placement_id is null')
            , check('placement_postcode_shape', 'cla_placement.postcode_entered is not null and cla_placement.postcode is null')
        ]
        + code_checks('placement_type_code', 'cla_placement.type_entered', 'cla_placement.placement_type')
        + code_checks('placement_change_reason_code', 'cla_placement.change_reason_entered', 'cla_placement.change_reason')
        + period_checks(
            ['cla_placement.start_date', 'clap_cla_placement_start_date', '38']
            , ['cla_placement.end_date', 'clap_cla_placement_end_date', '42']
        )
    ) %}
    from cla_placement
    left join placement_with_referral
        on placement_with_referral.cla_placement_id = cla_placement.cla_placement_id
    left join child
        on child.person_id = cla_placement.person_id
    cross join cohort_window
    {% endcall %}
)

, breach_of_permanence as (
    {% call breaches('ssd_permanence', 'permanence.permanence_id', 'permanence.person_id', date_checks([
        ['permanence.decision_date', 'perm_adm_decision_date', '47']
        , ['permanence.matched_date', 'perm_matched_date', '48']
        , ['permanence.placed_date', 'perm_placed_for_adoption_date', '49']
    ])) %}
    from permanence
    left join child
        on child.person_id = permanence.person_id
    cross join cohort_window
    {% endcall %}
)

, breach_of_care_leaver as (
    {% call breaches('ssd_care_leavers', 'care_leaver.care_leaver_id', 'care_leaver.person_id',
        code_checks('care_leaver_activity_code', 'care_leaver.activity_entered', 'care_leaver.activity')
        + code_checks('care_leaver_accommodation_code', 'care_leaver.accommodation_entered', 'care_leaver.accommodation', may_be_longer=true)
        + date_checks([['care_leaver.latest_contact_date', 'clea_care_leaver_latest_contact', '50']])
    ) %}
    from care_leaver
    left join child
        on child.person_id = care_leaver.person_id
    cross join cohort_window
    {% endcall %}
)

, breach_of_sdq_score as (
    {% call breaches('ssd_sdq_scores', 'sdq_score.sdq_id', 'sdq_score.person_id',
        [check('sdq_score_range', 'sdq_score.score_not_read is not null or sdq_score.score not between 0 and 40')]
        + date_checks([['sdq_score.completed_date', 'csdq_sdq_completed_date', '45']])
    ) %}
    from sdq_score
    left join child
        on child.person_id = sdq_score.person_id
    cross join cohort_window
    {% endcall %}
)

{%- for breach in [
    'breach_of_cla_episode'
    , 'breach_of_cla_placement'
    , 'breach_of_permanence'
    , 'breach_of_care_leaver'
    , 'breach_of_sdq_score'
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
