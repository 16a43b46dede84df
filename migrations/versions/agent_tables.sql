-- What was asked of Claude, as declared in store/tables/agents.py: attempts with their cost, batches and their items.

CREATE TABLE learnback.cost_events (
    tenant_id uuid NOT NULL,
    call_id uuid NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    ending text NOT NULL,
    prompt text NOT NULL,
    prompt_sha256 text NOT NULL,
    model text NOT NULL,
    batched boolean DEFAULT false NOT NULL,
    input_tokens integer,
    output_tokens integer,
    cache_write_tokens integer,
    cache_read_tokens integer,
    cost_usd numeric,
    cost_unknown text,
    seconds double precision NOT NULL,
    request_id text,
    at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT cost_events_pkey PRIMARY KEY (tenant_id, call_id, number),
    CONSTRAINT cost_events_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX cost_events_tenant_id_at_idx ON learnback.cost_events (tenant_id, at);

CREATE TABLE learnback.batches (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    job text NOT NULL,
    round integer NOT NULL,
    state text NOT NULL,
    remote_id text,
    intended_at timestamptz DEFAULT now() NOT NULL,
    claimed_at timestamptz,
    submitted_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT batches_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT batches_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id),
    CONSTRAINT batches_tenant_id_job_round_key UNIQUE (tenant_id, job, round),
    CONSTRAINT batches_tenant_id_remote_id_key UNIQUE (tenant_id, remote_id)
);
CREATE INDEX batches_tenant_id_intended_at_idx ON learnback.batches (tenant_id, intended_at);

CREATE TABLE learnback.batch_items (
    tenant_id uuid NOT NULL,
    custom_id text NOT NULL,
    batch_id uuid NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    prompt text NOT NULL,
    prompt_sha256 text NOT NULL,
    model text NOT NULL,
    request jsonb NOT NULL,
    state text NOT NULL,
    reply text,
    reason text,
    detail text,
    CONSTRAINT batch_items_pkey PRIMARY KEY (tenant_id, custom_id),
    CONSTRAINT batch_items_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id),
    CONSTRAINT batch_items_tenant_id_batch_id_key_key UNIQUE (tenant_id, batch_id, key)
);

-- Who may do what: costs are only ever added; a batch goes forward, and its items with it.

GRANT SELECT, INSERT ON learnback.cost_events TO learnback_learner, learnback_app;
GRANT SELECT, INSERT, UPDATE ON learnback.batches, learnback.batch_items TO learnback_learner, learnback_app;

CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON learnback.cost_events
    FOR EACH STATEMENT EXECUTE FUNCTION learnback.refuse_change();

-- The same three policies as in first_rules.sql.

DO $$
DECLARE
    scoped text;
    mine text := '(SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)';
BEGIN
    FOREACH scoped IN ARRAY ARRAY['cost_events', 'batches', 'batch_items'] LOOP
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
