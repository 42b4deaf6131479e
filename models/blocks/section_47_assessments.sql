{{ config(indexes=clustered_by(['social_care_episode_id'])) }}

with social_care_episode as (
    select distinct social_care_episode_id
    from {{ ref('social_care_episodes') }}
)

, cohort_window as (
    select * from {{ ref('cohort_window') }}
)

, s47_enquiry as (
    select * from {{ ref('stg_ssd__s47_enquiry') }}
)

, initial_cp_conference as (
    select * from {{ ref('stg_ssd__initial_cp_conference') }}
)

, latest_icpc as (
    select
        initial_cp_conference.s47_enquiry_id
        , max(initial_cp_conference.icpc_date) as icpc_date
    from initial_cp_conference
    group by initial_cp_conference.s47_enquiry_id
)

select
    social_care_episode.social_care_episode_id
    , s47_enquiry.s47_enquiry_id as section_47_assessment_id
    , s47_enquiry.start_date
    , s47_enquiry.icpc_required as icpc_required_flag
    , latest_icpc.icpc_date
    , s47_enquiry.end_date
from social_care_episode
inner join s47_enquiry
    on s47_enquiry.referral_id = social_care_episode.social_care_episode_id
left join latest_icpc
    on latest_icpc.s47_enquiry_id = s47_enquiry.s47_enquiry_id
cross join cohort_window
where ({{ overlaps_window('s47_enquiry.start_date', 's47_enquiry.end_date') }}
        or {{ inside_window('latest_icpc.icpc_date') }})
    and {{ is_id('s47_enquiry.s47_enquiry_id') }}
