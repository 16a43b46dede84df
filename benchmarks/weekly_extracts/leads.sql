-- People of the agency's CRM; the score's components lie in JSONB.
-- split: agency.people as p
SELECT p.account_id AS tenant_id,
       p.id AS lead_id,
       p.created_at,
       CASE WHEN p.converted_at > :as_of AND p.converted_at <= :now THEN 'contacted' ELSE p.status END AS status,
       CASE WHEN p.converted_at > :as_of AND p.converted_at <= :now THEN NULL ELSE p.converted_at END AS converted_at,
       (p.score ->> 'data_quality')::float8 AS data_quality,
       (p.score ->> 'authority')::float8 AS authority,
       (p.score ->> 'company_fit')::float8 AS company_fit,
       (p.score ->> 'timing')::float8 AS timing,
       (p.score ->> 'risk')::float8 AS risk,
       p.title,
       p.industry,
       p.employees AS employee_count,
       p.country,
       p.zone AS time_zone
FROM agency.people AS p
WHERE (p.created_at > :as_of AND p.created_at <= :now) IS NOT TRUE
  AND :split
