-- One row a touch that had happened by :as_of, as it was known then.
--
-- Placeholders: :as_of and :now (moments), :split (the stream's share of the rows).
-- A row dated between :as_of and :now is unknown yet and stays out. One dated after :now is impossible: it is returned,
-- so that the checks can count it. An outcome after :as_of becomes null, and a touch counts as the converting one only
-- where its lead had converted by then. Where :as_of is :now, rows come as they stand.
--
-- split: learnback.activities as a
SELECT a.tenant_id,
       a.id AS touch_id,
       a.lead_id,
       a.channel,
       a.occurred_at,
       a.template_id,
       a.touch_number,
       CASE WHEN a.outcome_at > :as_of AND a.outcome_at <= :now THEN NULL ELSE a.outcome_at END AS outcome_at,
       a.score_at_touch,
       a.score_stratum,
       a.score_version,
       a.policy_version,
       a.propensity,
       a.led_to_booking AND NOT EXISTS (
           SELECT FROM learnback.leads AS l
           WHERE l.tenant_id = a.tenant_id AND l.id = a.lead_id AND l.converted_at > :as_of
             AND l.converted_at <= :now
       ) AS led_to_booking,
       a.subject_type,
       a.cta,
       a.angle,
       a.pain_point,
       a.length_band,
       a.personalised,
       a.has_question,
       a.has_number
FROM learnback.activities AS a
WHERE (a.occurred_at > :as_of AND a.occurred_at <= :now) IS NOT TRUE
  AND :split
