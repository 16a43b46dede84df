-- Randomised message tests, as declared in store/tables/messages.py.

CREATE TABLE learnback.message_tests (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    test text NOT NULL,
    text text NOT NULL,
    shown bigint NOT NULL,
    converted bigint NOT NULL,
    tested_at timestamptz,
    question boolean,
    number boolean,
    you boolean,
    superlative boolean,
    negative boolean,
    person boolean,
    deixis boolean,
    how_why boolean,
    list boolean,
    quote boolean,
    exclaim boolean,
    ellipsis boolean,
    all_caps boolean,
    two_sentences boolean,
    short boolean,
    long boolean,
    updated_at timestamptz DEFAULT now() NOT NULL,
    row_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT message_tests_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT message_tests_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES learnback.tenants (id)
);
CREATE INDEX message_tests_row_xid_idx ON learnback.message_tests (row_xid);
CREATE INDEX message_tests_tenant_id_tested_at_id_idx ON learnback.message_tests (tenant_id, tested_at, id);

GRANT SELECT, INSERT, UPDATE ON learnback.message_tests TO learnback_learner, learnback_app;

CREATE TRIGGER stamp_change BEFORE UPDATE ON learnback.message_tests
    FOR EACH ROW EXECUTE FUNCTION learnback.stamp_change();

-- The same three policies as in first_rules.sql.

DO $$
DECLARE
    mine text := '(SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)';
BEGIN
    ALTER TABLE learnback.message_tests ENABLE ROW LEVEL SECURITY;
    ALTER TABLE learnback.message_tests FORCE ROW LEVEL SECURITY;
    EXECUTE format(
        'CREATE POLICY own_tenant ON learnback.message_tests TO learnback_app, learnback_learner'
        ' USING (tenant_id = %s) WITH CHECK (tenant_id = %s)', mine, mine);
    CREATE POLICY learner_reads_all ON learnback.message_tests FOR SELECT TO learnback_learner USING (true);
    EXECUTE format(
        'CREATE POLICY views_read_as_their_reader ON learnback.message_tests FOR SELECT TO learnback_owner'
        ' USING (tenant_id = %s OR current_user = ''learnback_learner'')', mine);
END $$;
