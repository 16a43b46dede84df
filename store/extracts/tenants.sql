-- One row a tenant: tenant_id, name, horizon_days, shares_priors; optional early_outcome and created_at.
-- Every tenant is returned whatever as-of is: who a tenant is does not depend on it.
SELECT t.id AS tenant_id,
       t.name,
       t.horizon_days,
       t.shares_priors,
       t.early_outcome,
       t.created_at
FROM learnback.tenants AS t
