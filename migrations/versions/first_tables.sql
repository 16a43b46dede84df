-- Every table of the loop, as declared in store/tables; a test compares the two. Rules follow in first_rules.sql.

CREATE TABLE learnback.tenants (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    simulated boolean DEFAULT false NOT NULL,
    shares_priors boolean DEFAULT false NOT NULL,
    horizon_days integer DEFAULT 30 NOT NULL,
    early_outcome text,
    time_zone text,
    als_learned_weights jsonb,
    als_weights_updated_at timestamptz,
    conversion_sample_count integer DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT tenants_pkey PRIMARY KEY (id),
    CONSTRAINT tenants_name_key UNIQUE (name)
);

CREATE TABLE learnback.leads (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    status text NOT NULL,
    converted_at timestamptz,
    title text,
    industry text,
    employee_count integer,
    country text,
    source text,
    email text,
    phone text,
    company text,
    opted_out boolean DEFAULT false NOT NULL,
    time_zone text,
    synthetic_time boolean DEFAULT false NOT NULL,
    als_components jsonb,
    components_at timestamptz,
    data_quality double precision GENERATED ALWAYS AS ((als_components ->> 'data_quality')::float8) STORED,
    authority double precision GENERATED ALWAYS AS ((als_components ->> 'authority')::float8) STORED,
    company_fit double precision GENERATED ALWAYS AS ((als_components ->> 'company_fit')::float8) STORED,
    timing double precision GENERATED ALWAYS AS ((als_components ->> 'timing')::float8) STORED,
    risk double precision GENERATED ALWAYS AS ((als_components ->> 'risk')::float8) STORED,
    als_weights_used jsonb,
    als_score double precision,
    als_tier text,
    scored_at timestamptz,
    score_version text,
    updated_at timestamptz DEFAULT now() NOT NULL,
    row_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT leads_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT leads_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX leads_row_xid_idx ON learnback.leads (row_xid);
CREATE INDEX leads_tenant_id_created_at_id_idx ON learnback.leads (tenant_id, created_at, id);

CREATE TABLE learnback.activities (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    channel text NOT NULL,
    scheduled_at timestamptz,
    occurred_at timestamptz NOT NULL,
    template_id text,
    touch_number integer,
    outcome_at timestamptz,
    score_at_touch double precision,
    score_stratum integer,
    score_version text,
    policy_version text,
    propensity double precision,
    led_to_booking boolean DEFAULT false NOT NULL,
    subject_type text,
    cta text,
    angle text,
    pain_point text,
    length_band text,
    personalised boolean,
    has_question boolean,
    has_number boolean,
    decision_id uuid,
    content_snapshot jsonb,
    updated_at timestamptz DEFAULT now() NOT NULL,
    row_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT activities_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX activities_row_xid_idx ON learnback.activities (row_xid);
CREATE INDEX activities_tenant_id_lead_id_occurred_at_id_idx
    ON learnback.activities (tenant_id, lead_id, occurred_at, id);
CREATE INDEX activities_tenant_id_occurred_at_id_idx ON learnback.activities (tenant_id, occurred_at, id);

CREATE TABLE learnback.decisions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    lead_id uuid,
    engine text NOT NULL,
    chosen jsonb NOT NULL,
    feasible jsonb,
    policy_version text NOT NULL,
    propensity double precision,
    reason text NOT NULL,
    pattern_type text,
    pattern_version integer,
    fallback text,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT decisions_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT decisions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX decisions_tenant_id_created_at_id_idx ON learnback.decisions (tenant_id, created_at, id);

CREATE TABLE learnback.score_versions (
    tenant_id uuid NOT NULL,
    score_version text NOT NULL,
    edges double precision[] NOT NULL,
    in_force_at timestamptz NOT NULL,
    CONSTRAINT score_versions_pkey PRIMARY KEY (tenant_id, score_version),
    CONSTRAINT score_versions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX score_versions_tenant_id_in_force_at_idx ON learnback.score_versions (tenant_id, in_force_at);

CREATE TABLE learnback.patterns (
    tenant_id uuid NOT NULL,
    pattern_type text NOT NULL,
    version integer NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    replaced integer NOT NULL,
    payload jsonb NOT NULL,
    payload_sha256 text NOT NULL,
    inputs_sha256 text NOT NULL,
    evidence jsonb NOT NULL,
    verdict jsonb NOT NULL,
    diagnostics jsonb NOT NULL,
    sample_size integer NOT NULL,
    outcomes integer NOT NULL,
    confidence double precision,
    window_start timestamptz,
    window_end timestamptz NOT NULL,
    code_version text NOT NULL,
    run_id uuid NOT NULL,
    computed_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT patterns_pkey PRIMARY KEY (tenant_id, pattern_type, version),
    CONSTRAINT patterns_same_bytes_once_key UNIQUE (tenant_id, pattern_type, payload_sha256, inputs_sha256),
    CONSTRAINT patterns_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX patterns_tenant_id_computed_at_idx ON learnback.patterns (tenant_id, computed_at);

CREATE TABLE learnback.pattern_heads (
    tenant_id uuid NOT NULL,
    pattern_type text NOT NULL,
    version integer,
    valid_until timestamptz,
    moved_at timestamptz DEFAULT now() NOT NULL,
    moved_by text NOT NULL,
    CONSTRAINT pattern_heads_pkey PRIMARY KEY (tenant_id, pattern_type),
    CONSTRAINT pattern_heads_tenant_id_pattern_type_version_fkey
        FOREIGN KEY (tenant_id, pattern_type, version) REFERENCES learnback.patterns (tenant_id, pattern_type, version),
    CONSTRAINT pattern_heads_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX pattern_heads_tenant_id_moved_at_idx ON learnback.pattern_heads (tenant_id, moved_at);

CREATE TABLE learnback.verdicts (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    pattern_type text NOT NULL,
    ruling text NOT NULL,
    reason text,
    detail text,
    got double precision,
    wanted double precision,
    confidence double precision,
    version integer NOT NULL,
    judged_on jsonb NOT NULL,
    judged_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT verdicts_pkey PRIMARY KEY (tenant_id, run_id, pattern_type),
    CONSTRAINT verdicts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX verdicts_tenant_id_judged_at_idx ON learnback.verdicts (tenant_id, judged_at);

CREATE TABLE learnback.population_priors (
    learner text NOT NULL,
    version text NOT NULL,
    learned_as_of timestamptz NOT NULL,
    content jsonb NOT NULL,
    simulated boolean DEFAULT false NOT NULL,
    run_id uuid NOT NULL,
    recorded_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT population_priors_pkey PRIMARY KEY (learner, version, learned_as_of)
);

CREATE TABLE learnback.runs (
    id uuid NOT NULL,
    flow text NOT NULL,
    state text NOT NULL,
    as_of timestamptz NOT NULL,
    request jsonb NOT NULL,
    code_version text NOT NULL,
    opened_at timestamptz DEFAULT now() NOT NULL,
    closed_at timestamptz,
    report jsonb,
    error text,
    CONSTRAINT runs_pkey PRIMARY KEY (id)
);
CREATE INDEX runs_flow_opened_at_idx ON learnback.runs (flow, opened_at);

CREATE TABLE learnback.slices (
    run_id uuid NOT NULL,
    stage text NOT NULL,
    tenant_group integer NOT NULL,
    period text NOT NULL,
    state text NOT NULL,
    input_hash text NOT NULL,
    code_version text NOT NULL,
    output text,
    rows bigint,
    tenant_rows jsonb,
    watermark jsonb,
    attempt integer DEFAULT 1 NOT NULL,
    started_at timestamptz DEFAULT now() NOT NULL,
    finished_at timestamptz,
    error text,
    CONSTRAINT slices_pkey PRIMARY KEY (run_id, stage, tenant_group, period),
    CONSTRAINT slices_run_id_fkey FOREIGN KEY (run_id) REFERENCES learnback.runs (id) ON DELETE CASCADE
);
CREATE INDEX slices_by_input_idx ON learnback.slices (stage, tenant_group, period, input_hash, code_version);

CREATE TABLE learnback.quarantine (
    tenant_id uuid NOT NULL,
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    run_id uuid NOT NULL,
    defect text NOT NULL,
    reason text NOT NULL,
    got double precision NOT NULL,
    wanted double precision NOT NULL,
    opened_at timestamptz DEFAULT now() NOT NULL,
    closed_at timestamptz,
    CONSTRAINT quarantine_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT quarantine_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE UNIQUE INDEX quarantine_one_open_idx ON learnback.quarantine (tenant_id, defect) WHERE closed_at IS NULL;
CREATE INDEX quarantine_tenant_id_opened_at_idx ON learnback.quarantine (tenant_id, opened_at);

CREATE TABLE learnback.audit_log (
    tenant_id uuid NOT NULL,
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    at timestamptz DEFAULT now() NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    detail jsonb NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT audit_log_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX audit_log_tenant_id_at_idx ON learnback.audit_log (tenant_id, at);
