-- History learned as of earlier moments, as declared in store/tables/backfills.py.

CREATE TABLE learnback.backfill_steps (
    tenant_id uuid NOT NULL,
    began timestamptz NOT NULL,
    step_days integer NOT NULL,
    pattern_type text NOT NULL,
    as_of timestamptz NOT NULL,
    state text NOT NULL,
    input_hash text NOT NULL,
    code_version text NOT NULL,
    run_id uuid NOT NULL,
    ruling text,
    reason text,
    detail text,
    confidence double precision,
    version integer,
    replaced integer,
    valid_until timestamptz,
    payload jsonb,
    payload_sha256 text,
    inputs_sha256 text,
    evidence jsonb,
    judged_on jsonb,
    explained text,
    later jsonb,
    seconds double precision,
    error text,
    finished_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT backfill_steps_pkey PRIMARY KEY (tenant_id, began, step_days, pattern_type, as_of),
    CONSTRAINT backfill_steps_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX backfill_steps_tenant_id_as_of_idx ON learnback.backfill_steps (tenant_id, as_of);

GRANT SELECT, INSERT, UPDATE ON learnback.backfill_steps TO learnback_learner;
GRANT SELECT ON learnback.backfill_steps TO learnback_app;

-- The same three policies as in first_rules.sql.

DO $$
DECLARE
    mine text := '(SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)';
BEGIN
    ALTER TABLE learnback.backfill_steps ENABLE ROW LEVEL SECURITY;
    ALTER TABLE learnback.backfill_steps FORCE ROW LEVEL SECURITY;
    EXECUTE format(
        'CREATE POLICY own_tenant ON learnback.backfill_steps TO learnback_app, learnback_learner'
        ' USING (tenant_id = %s) WITH CHECK (tenant_id = %s)', mine, mine);
    CREATE POLICY learner_reads_all ON learnback.backfill_steps FOR SELECT TO learnback_learner USING (true);
    EXECUTE format(
        'CREATE POLICY views_read_as_their_reader ON learnback.backfill_steps FOR SELECT TO learnback_owner'
        ' USING (tenant_id = %s OR current_user = ''learnback_learner'')', mine);
END $$;
