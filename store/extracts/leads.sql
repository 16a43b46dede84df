-- One row a lead that existed at :as_of, as it was known then.
--
-- Placeholders: :as_of and :now (moments), :split (the stream's share of the rows).
-- A row dated between :as_of and :now is unknown yet and stays out. One dated after :now is impossible: it is returned,
-- so that the checks can count it. A conversion after :as_of becomes null, with a status that does not tell of it.
-- Where :as_of is :now, rows come as they stand, whatever the moment is: increments rest on that.
--
-- split: learnback.leads as l
SELECT l.tenant_id,
       l.id AS lead_id,
       l.created_at,
       CASE WHEN l.status = 'converted' AND l.converted_at > :as_of AND l.converted_at <= :now
            THEN 'contacted' ELSE l.status END AS status,
       CASE WHEN l.converted_at > :as_of AND l.converted_at <= :now
            THEN NULL ELSE l.converted_at END AS converted_at,
       CASE WHEN l.components_at > :as_of AND l.components_at <= :now THEN NULL ELSE l.components_at END AS scored_at,
       CASE WHEN l.components_at > :as_of AND l.components_at <= :now THEN NULL ELSE l.data_quality END AS data_quality,
       CASE WHEN l.components_at > :as_of AND l.components_at <= :now THEN NULL ELSE l.authority END AS authority,
       CASE WHEN l.components_at > :as_of AND l.components_at <= :now THEN NULL ELSE l.company_fit END AS company_fit,
       CASE WHEN l.components_at > :as_of AND l.components_at <= :now THEN NULL ELSE l.timing END AS timing,
       CASE WHEN l.components_at > :as_of AND l.components_at <= :now THEN NULL ELSE l.risk END AS risk,
       l.title,
       l.industry,
       l.employee_count,
       l.country,
       l.source,
       l.email,
       l.phone,
       l.company,
       l.opted_out,
       l.time_zone,
       l.synthetic_time
FROM learnback.leads AS l
WHERE (l.created_at > :as_of AND l.created_at <= :now) IS NOT TRUE
  AND :split
