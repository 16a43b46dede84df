-- Plans of touches, as declared in store/tables/planning.py.

CREATE TABLE learnback.plans (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    planned_at timestamptz NOT NULL,
    time_zone text NOT NULL,
    rules jsonb NOT NULL,
    policy_version text NOT NULL,
    how_version integer NOT NULL,
    how_missing text,
    when_version integer NOT NULL,
    when_missing text,
    closings jsonb NOT NULL,
    leads integer NOT NULL,
    touches integer NOT NULL,
    refused jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT plans_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT plans_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX plans_tenant_id_created_at_idx ON learnback.plans (tenant_id, created_at);

CREATE TABLE learnback.planned_touches (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    plan_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    channel text NOT NULL,
    scheduled_at timestamptz NOT NULL,
    touch_number integer NOT NULL,
    policy_version text NOT NULL,
    propensity double precision,
    score_at_touch double precision,
    score_stratum integer,
    score_version text,
    state text DEFAULT 'waiting' NOT NULL,
    settled_at timestamptz,
    settled_because text,
    CONSTRAINT planned_touches_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT planned_touches_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX planned_touches_tenant_id_plan_id_idx ON learnback.planned_touches (tenant_id, plan_id);
CREATE INDEX planned_touches_tenant_id_scheduled_at_id_idx
    ON learnback.planned_touches (tenant_id, scheduled_at, id);
CREATE UNIQUE INDEX planned_touches_one_open_idx
    ON learnback.planned_touches (tenant_id, lead_id) WHERE state IN ('waiting', 'taken');

-- Who may do what: a plan is only ever added; a planned touch goes forward.

GRANT SELECT, INSERT ON learnback.plans TO learnback_learner, learnback_app;
GRANT SELECT, INSERT, UPDATE ON learnback.planned_touches TO learnback_learner, learnback_app;

CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON learnback.plans
    FOR EACH STATEMENT EXECUTE FUNCTION learnback.refuse_change();

-- The same three policies as in first_rules.sql.

DO $$
DECLARE
    scoped text;
    mine text := '(SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)';
BEGIN
    FOREACH scoped IN ARRAY ARRAY['plans', 'planned_touches'] LOOP
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
