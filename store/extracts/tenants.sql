-- One row a tenant: tenant_id, name, horizon_days, shares_priors; optional early_outcome and created_at.
-- Every tenant is returned whatever as-of is: who a tenant is does not depend on it. Simulated tenants (`learnback demo`)
-- share priors among themselves only: not once there is a real one.
SELECT t.id AS tenant_id,
       t.name,
       t.horizon_days,
       t.shares_priors AND (NOT t.simulated OR NOT EXISTS (SELECT FROM learnback.tenants AS real WHERE NOT real.simulated))
           AS shares_priors,
       t.early_outcome,
       t.created_at
FROM learnback.tenants AS t
