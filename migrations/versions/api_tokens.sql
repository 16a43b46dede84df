-- Tokens of the HTTP interface. One may open all tenants, and each is looked up before a tenant is known: only the
-- learner reads them, and of a row that is there it may change nothing but that it is revoked.

CREATE TABLE learnback.api_tokens (
    id text NOT NULL,
    secret_sha256 text NOT NULL,
    only_tenant uuid,
    role text NOT NULL,
    purpose text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_by text,
    CONSTRAINT api_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT api_tokens_only_tenant_fkey FOREIGN KEY (only_tenant) REFERENCES learnback.tenants (id)
);

GRANT SELECT, INSERT, UPDATE (revoked_at, revoked_by) ON learnback.api_tokens TO learnback_learner;
