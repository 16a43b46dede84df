-- Messages of the agency's CRM; what was written lies in JSONB.
-- split: agency.messages as m
SELECT m.account_id AS tenant_id,
       m.id AS touch_id,
       m.person_id AS lead_id,
       m.channel,
       m.sent_at AS occurred_at,
       m.content ->> 'template' AS template_id,
       (m.content ->> 'score_decile')::smallint AS score_stratum,
       m.content ->> 'subject_type' AS subject_type,
       m.content ->> 'cta' AS cta,
       m.content ->> 'angle' AS angle,
       m.content ->> 'pain_point' AS pain_point
FROM agency.messages AS m
WHERE (m.sent_at > :as_of AND m.sent_at <= :now) IS NOT TRUE
  AND :split
