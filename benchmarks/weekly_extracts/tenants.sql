-- The agency's customers, from its own table. Shares priors: whoever ticked the box.
SELECT id AS tenant_id,
       name,
       30 AS horizon_days,
       shares AS shares_priors
FROM agency.accounts
