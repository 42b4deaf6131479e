{# What preflight looks for: every rule, said once. Of each its name, its default severity (error: the receiver would refuse
   the child, or something of the child would be wrong; warn: a value or a record is left out, or is doubtful), the attribute,
   table and column that it is about (none where it is about several: each breach names its own), what is wrong, and
   what comes of it when the child is sent all the same. The conditions are in models/preflight. #}
{% macro preflight_rules() %}
    {%- set value_left_out = 'The value is left out.' -%}
    {%- set record_left_out = 'The record is left out.' -%}
    {%- set id_pattern = 'The id is longer than 36 characters, or has others than letters, digits, - and _.' -%}
    {%- set no_code = 'The code is not in the code set.' -%}
    {%- set no_referral = 'The referral that it belongs to is missing.' -%}
    {%- set twice = 'More than one row has this id.' -%}
    {%- set one_is_kept = 'One row counts: of rows that differ, the one with the largest values.' -%}
    {%- set rules = [
        ['person_id_pattern', 'error', '2', 'ssd_person', 'pers_person_id', id_pattern, 'The receiver refuses the child.'],
        ['legacy_id_pattern', 'warn', '2b', 'ssd_person', 'pers_legacy_id', id_pattern, value_left_out],
        ['referral_id_pattern', 'warn', '16', 'ssd_cin_episodes', 'cine_referral_id', id_pattern, 'The episode is left out, with all that is under it.'],
        ['assessment_id_pattern', 'warn', '22', 'ssd_cin_assessments', 'cina_assessment_id', id_pattern, record_left_out],
        ['cin_plan_id_pattern', 'warn', '26', 'ssd_cin_plans', 'cinp_cin_plan_id', id_pattern, record_left_out],
        ['s47_id_pattern', 'warn', '29', 'ssd_s47_enquiry', 's47e_s47_enquiry_id', id_pattern, record_left_out],
        ['cp_plan_id_pattern', 'warn', '34', 'ssd_cp_plans', 'cppl_cp_plan_id', id_pattern, record_left_out],
        ['placement_id_pattern', 'warn', '37', 'ssd_cla_placement', 'clap_cla_placement_id', id_pattern, record_left_out],
        ['worker_id_pattern', 'warn', '53', 'ssd_professionals', 'prof_social_worker_registration_no', 'The registration number is longer than 12 characters, or has others than letters, digits, - and _.', 'The worker is left out of every episode.'],
        ['record_without_id', 'warn', '', '', '', 'The record has no id.', record_left_out],

        ['duplicate_person_id', 'warn', '2', 'ssd_person', 'pers_person_id', twice, one_is_kept],
        ['duplicate_referral_id', 'warn', '16', 'ssd_cin_episodes', 'cine_referral_id', 'More than one row of the child has this id.', one_is_kept],
        ['duplicate_assessment_id', 'warn', '22', 'ssd_cin_assessments', 'cina_assessment_id', twice, one_is_kept],
        ['duplicate_cin_plan_id', 'warn', '26', 'ssd_cin_plans', 'cinp_cin_plan_id', twice, one_is_kept],
        ['duplicate_s47_id', 'warn', '29', 'ssd_s47_enquiry', 's47e_s47_enquiry_id', twice, one_is_kept],
        ['duplicate_cp_plan_id', 'warn', '34', 'ssd_cp_plans', 'cppl_cp_plan_id', twice, one_is_kept],
        ['duplicate_placement_id', 'warn', '37', 'ssd_cla_placement', 'clap_cla_placement_id', twice, one_is_kept],
        ['duplicate_professional_id', 'warn', '53', 'ssd_professionals', 'prof_professional_id', twice, one_is_kept],

        ['assessment_without_referral', 'warn', '22', 'ssd_cin_assessments', 'cina_referral_id', no_referral, record_left_out],
        ['cin_plan_without_referral', 'warn', '26', 'ssd_cin_plans', 'cinp_referral_id', no_referral, record_left_out],
        ['s47_without_referral', 'warn', '29', 'ssd_s47_enquiry', 's47e_referral_id', no_referral, record_left_out],
        ['cp_plan_without_referral', 'warn', '34', 'ssd_cp_plans', 'cppl_referral_id', no_referral, record_left_out],
        ['placement_without_referral', 'warn', '37', 'ssd_cla_placement', 'clap_cla_id', 'No care episode leads from the placement to a referral.', record_left_out],
        ['involvement_without_referral', 'warn', '53', 'ssd_involvements', 'invo_referral_id', no_referral, record_left_out],

        ['upn_format', 'warn', '3', 'ssd_person', 'pers_upn', 'The UPN is not 13 letters and digits, nor one of UN1 to UN10.', value_left_out],
        ['upn_check_letter', 'error', '3', 'ssd_person', 'pers_upn', 'The UPN is mistyped: its first letter is not the check letter of the rest.', 'The UPN is sent. It belongs to nobody, or to another child.'],
        ['upn_shared', 'error', '3', 'ssd_person', 'pers_upn', 'Another child of the cohort has the same UPN.', 'Both are sent, and taken for one child.'],
        ['former_upn_format', 'warn', '4', 'ssd_linked_identifiers', 'link_identifier_value', 'The former UPN is not 13 letters and digits.', value_left_out],
        ['former_upn_check_letter', 'warn', '4', 'ssd_linked_identifiers', 'link_identifier_value', 'The former UPN is mistyped: its first letter is not the check letter of the rest.', 'The former UPN is sent.'],
        ['upn_unknown_reason_code', 'warn', '5', 'ssd_person', 'pers_upn_unknown', no_code, value_left_out],
        ['upn_without_reason', 'warn', '5', 'ssd_person', 'pers_upn_unknown', 'There is neither a UPN nor a reason why it is unknown.', 'The child is sent without either.'],
        ['birth_missing', 'warn', '8', 'ssd_person', 'pers_dob', 'There is neither a day of birth nor an expected one.', 'The child is not in the cohort, and is not sent.'],
        ['birth_date_impossible', 'warn', '8', 'ssd_person', 'pers_dob', 'The day of birth is before 1900 or in the future, or the expected one is before 1900 or over 10 months ahead.', 'The child is most likely not in the cohort, and not sent.'],
        ['disabilities_over_12', 'warn', '12', 'ssd_disability', 'disa_disability_code', 'The child has more than 12 different disability codes.', 'The first 12 are sent, in the order of the alphabet.'],
        ['address_postcode_shape', 'warn', '13', 'ssd_address', 'addr_address_postcode', 'The postcode is not 5 to 8 letters, digits and blanks.', 'It is left out where the address is the latest.'],
        ['placement_postcode_shape', 'warn', '40', 'ssd_cla_placement', 'clap_cla_placement_postcode', 'The postcode is not 5 to 8 letters, digits and blanks.', value_left_out],

        ['sex_code', 'warn', '10', 'ssd_person', 'pers_sex', 'The sex is not M, F or U.', 'U is sent.'],
        ['ethnicity_code', 'warn', '11', 'ssd_person', 'pers_ethnicity', no_code, value_left_out],
        ['disability_code', 'warn', '12', 'ssd_disability', 'disa_disability_code', no_code, value_left_out],
        ['referral_source_code', 'warn', '18', 'ssd_cin_episodes', 'cine_referral_source_code', no_code, value_left_out],
        ['closure_reason_code', 'warn', '20', 'ssd_cin_episodes', 'cine_close_reason', no_code, value_left_out],
        ['referral_nfa_flag', 'warn', '21', 'ssd_cin_episodes', 'cine_referral_nfa', 'The flag is none of Y, T, 1, TRUE, N, F, 0, FALSE.', value_left_out],
        ['factors_not_array', 'warn', '25', 'ssd_assessment_factors', 'cinf_assessment_factors_json', 'The factors are not a JSON array.', 'The assessment is sent without factors.'],
        ['assessment_factor_code', 'warn', '25', 'ssd_assessment_factors', 'cinf_assessment_factors_json', 'An item of the array is no known factor, or is in it twice.', 'The known factors are sent, each once.'],
        ['icpc_required_flag', 'warn', '31', 'ssd_s47_enquiry', 's47e_s47_outcome_json', 'CP_CONFERENCE_FLAG is none of Y, T, 1, true, N, F, 0, false.', value_left_out],
        ['cla_start_reason_code', 'warn', '39', 'ssd_cla_episodes', 'clae_cla_episode_start_reason', no_code, value_left_out],
        ['placement_type_code', 'warn', '41', 'ssd_cla_placement', 'clap_cla_placement_type', no_code, value_left_out],
        ['cla_end_reason_code', 'warn', '43', 'ssd_cla_episodes', 'clae_cla_episode_ceased_reason', no_code, value_left_out],
        ['placement_change_reason_code', 'warn', '44', 'ssd_cla_placement', 'clap_cla_placement_change_reason', no_code, value_left_out],
        ['care_leaver_activity_code', 'warn', '51', 'ssd_care_leavers', 'clea_care_leaver_activity', no_code, value_left_out],
        ['care_leaver_accommodation_code', 'warn', '52', 'ssd_care_leavers', 'clea_care_leaver_accommodation', no_code, value_left_out],
        ['code_cut', 'warn', '', '', '', 'The code is longer than the attribute takes.', 'Its first characters are sent, which are a code of the set.'],
        ['sdq_score_range', 'warn', '46', 'ssd_sdq_scores', 'csdq_sdq_score', 'The score is no whole number from 0 to 40.', record_left_out],

        ['date_before_1900', 'warn', '', '', '', 'The date is before 1900.', 'The date is sent, if the record is.'],
        ['date_in_future', 'warn', '', '', '', 'The date is after the day of the run.', 'The date is sent, if the record is.'],
        ['end_before_start', 'warn', '', '', '', 'The end is before the start.', 'Both dates are sent; of a placement, the start alone.'],
        ['date_before_birth', 'error', '', '', '', 'The date is before the day of birth.', "Both dates are sent: one is wrong, or the record is another child's."],
        ['referral_before_birth', 'error', '', '', '', 'The date is over 40 weeks before the day of birth.', "Both dates are sent: one is wrong, or the record is another child's."],
        ['payload_too_large', 'error', '2', 'ssd_person', 'pers_person_id', 'The payload has more bytes than csc_max_payload_bytes.', 'The receiver may refuse the child.']
    ] -%}
    {%- set named = [] -%}
    {%- for rule in rules -%}
        {%- do named.append(dict(zip(['rule', 'severity', 'attribute', 'ssd_table', 'ssd_column', 'problem', 'consequence'], rule))) -%}
    {%- endfor -%}
    {{- return(named) -}}
{% endmacro %}


{# The rule of that name. #}
{% macro preflight_rule_named(name) %}
    {%- set found = preflight_rules() | selectattr('rule', 'equalto', name) | list -%}
    {%- if not found -%}
        {{- exceptions.raise_compiler_error("preflight has no rule '" ~ name ~ "'") -}}
    {%- endif -%}
    {{- return(found[0]) -}}
{% endmacro %}


{# The severity of each rule, by name: what variable csc_rule_severity says, else the rule's own. #}
{% macro rule_severities() %}
    {%- set chosen = var('csc_rule_severity', {}) or {} -%}
    {%- set known = preflight_rules() | map(attribute='rule') | list -%}
    {%- if chosen is not mapping -%}
        {{- exceptions.raise_compiler_error("csc_rule_severity is '" ~ chosen ~ "': write {rule: error, other_rule: off}") -}}
    {%- endif -%}
    {%- set severities = {} -%}
    {%- for rule in preflight_rules() -%}
        {%- do severities.update({rule.rule: rule.severity}) -%}
    {%- endfor -%}
    {%- for name, value in chosen.items() -%}
        {#- YAML reads a bare off as false -#}
        {%- set severity = 'off' if value is false else value -%}
        {%- if name not in known -%}
            {{- exceptions.raise_compiler_error("csc_rule_severity names the rule '" ~ name ~ "', which preflight does not have: see preflight_summary") -}}
        {%- endif -%}
        {%- if severity not in ['error', 'warn', 'off'] -%}
            {{- exceptions.raise_compiler_error("csc_rule_severity of " ~ name ~ " is '" ~ severity ~ "': write error, warn or off") -}}
        {%- endif -%}
        {%- do severities.update({name: severity}) -%}
    {%- endfor -%}
    {{- return(severities) -}}
{% endmacro %}


{# Texts as SQL literals, one after the other. #}
{% macro text_literals(texts) -%}
    '{{ texts | map('replace', "'", "''") | join("', '") }}'
{%- endmacro %}
