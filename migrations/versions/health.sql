-- Health of heads, business metrics and notices, as declared in store/tables/health.py.

CREATE TABLE learnback.health_verdicts (
    tenant_id uuid NOT NULL,
    pattern_type text NOT NULL,
    looked_on date NOT NULL,
    version integer NOT NULL,
    health text NOT NULL,
    because text NOT NULL,
    checks jsonb NOT NULL,
    log_evidence double precision,
    back_to integer,
    run_id uuid NOT NULL,
    looked_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT health_verdicts_pkey PRIMARY KEY (tenant_id, pattern_type, looked_on, version),
    CONSTRAINT health_verdicts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX health_verdicts_tenant_id_looked_at_idx ON learnback.health_verdicts (tenant_id, looked_at);

CREATE TABLE learnback.business_metrics (
    tenant_id uuid NOT NULL,
    week date NOT NULL,
    metric text NOT NULL,
    value double precision,
    low double precision,
    high double precision,
    n integer NOT NULL,
    refused text,
    run_id uuid NOT NULL,
    computed_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT business_metrics_pkey PRIMARY KEY (tenant_id, week, metric),
    CONSTRAINT business_metrics_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);

CREATE TABLE learnback.notices (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    pattern_type text NOT NULL,
    health text NOT NULL,
    run_id uuid NOT NULL,
    sent_at timestamptz NOT NULL,
    CONSTRAINT notices_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT notices_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX notices_tenant_id_sent_at_idx ON learnback.notices (tenant_id, sent_at);

-- Who may do what: the learner writes, the app reads. A notice is only ever added.

GRANT SELECT, INSERT, UPDATE ON learnback.health_verdicts, learnback.business_metrics TO learnback_learner;
GRANT SELECT, INSERT ON learnback.notices TO learnback_learner;
GRANT SELECT ON learnback.health_verdicts, learnback.business_metrics, learnback.notices TO learnback_app;

-- The same three policies as in first_rules.sql.

DO $$
DECLARE
    scoped text;
    mine text := '(SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)';
BEGIN
    FOREACH scoped IN ARRAY ARRAY['health_verdicts', 'business_metrics', 'notices'] LOOP
        EXECUTE format('ALTER TABLE learnback.%I ENABLE ROW LEVEL SECURITY', scoped);
        EXECUTE format('ALTER TABLE learnback.%I FORCE ROW LEVEL SECURITY', scoped);
        EXECUTE format(
            'CREATE POLICY own_tenant ON learnback.%I TO learnback_app, learnback_learner'
            ' USING (tenant_id = %s) WITH CHECK (tenant_id = %s)', scoped, mine, mine);
        EXECUTE format(
            'CREATE POLICY learner_reads_all ON learnback.%I FOR SELECT TO learnback_learner USING (true)', scoped);
        EXECUTE format(
            'CREATE POLICY views_read_as_their_reader ON learnback.%I FOR SELECT TO learnback_owner'
            ' USING (tenant_id = %s OR current_user = ''learnback_learner'')', scoped, mine);
    END LOOP;
END $$;
