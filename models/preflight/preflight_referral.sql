{{ config(indexes=clustered_by(['referral_id'], unique=true)) }}

with cin_episode as (
    select * from {{ ref('stg_ssd__cin_episodes') }}
)

select distinct cin_episode.referral_id
from cin_episode
