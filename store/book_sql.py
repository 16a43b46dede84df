"""The statements of the pattern book, by name. Each runs in a scope of `store.scope`, which decides what it sees."""

from sqlalchemy import text

INCUMBENTS = text("""
    SELECT tenant.id AS tenant_id, coalesce(head.version, 0), pattern.payload, pattern.inputs_sha256,
           pattern.payload_sha256, CASE WHEN head.version IS NOT NULL THEN head.valid_until END, pattern.window_end,
           ARRAY(SELECT later.inputs_sha256 FROM patterns AS later
                 WHERE later.tenant_id = tenant.id AND later.pattern_type = :type
                   AND later.version > coalesce(head.version, 0)
                 ORDER BY later.version)
    FROM tenants AS tenant
    LEFT JOIN pattern_heads AS head ON head.tenant_id = tenant.id AND head.pattern_type = :type
    LEFT JOIN patterns AS pattern
           ON pattern.tenant_id = tenant.id AND pattern.pattern_type = :type AND pattern.version = head.version
""")

NEWEST_AS_OF = text("""
    SELECT max(pattern.window_end)
    FROM pattern_heads AS head
    JOIN patterns AS pattern USING (tenant_id, pattern_type, version)
""")

# One statement a tenant: the version (a new one, or the one with the same bytes), its head, and the audit entry.
PUBLISH = """
    WITH before AS (
        SELECT coalesce(max(version), 0) AS version
        FROM pattern_heads WHERE tenant_id = %(tenant)s AND pattern_type = %(type)s
    ), allowed AS (
        SELECT version FROM before WHERE %(judged)s::integer IS NULL OR version = %(judged)s::integer
    ), known AS (
        SELECT version FROM patterns
        WHERE EXISTS (SELECT FROM allowed) AND tenant_id = %(tenant)s AND pattern_type = %(type)s
          AND payload_sha256 = %(payload_sha256)s AND inputs_sha256 = %(inputs_sha256)s
    ), inserted AS (
        INSERT INTO patterns (
            tenant_id, pattern_type, version, replaced, payload, payload_sha256, inputs_sha256, evidence, verdict,
            diagnostics, sample_size, outcomes, confidence, window_start, window_end, code_version, run_id)
        SELECT %(tenant)s, %(type)s, 1 + coalesce((
                   SELECT max(version) FROM patterns
                   WHERE tenant_id = %(tenant)s AND pattern_type = %(type)s), 0),
               before.version, %(payload)s::jsonb, %(payload_sha256)s, %(inputs_sha256)s, %(evidence)s::jsonb,
               %(verdict)s::jsonb, %(diagnostics)s::jsonb, %(sample_size)s, %(outcomes)s, %(confidence)s,
               %(window_start)s, %(window_end)s, %(code_version)s, %(run)s
        FROM before WHERE NOT EXISTS (SELECT FROM known) AND EXISTS (SELECT FROM allowed)
        RETURNING version
    ), published AS (
        SELECT version FROM known UNION ALL SELECT version FROM inserted
    ), head AS (
        INSERT INTO pattern_heads AS head (tenant_id, pattern_type, version, valid_until, moved_by)
        SELECT %(tenant)s, %(type)s, version, %(valid_until)s, %(actor)s FROM published
        ON CONFLICT (tenant_id, pattern_type) DO UPDATE SET
            version = excluded.version,
            valid_until = excluded.valid_until,
            moved_at = CASE WHEN head.version = excluded.version THEN head.moved_at ELSE now() END,
            moved_by = CASE WHEN head.version = excluded.version THEN head.moved_by ELSE excluded.moved_by END
    ), noted AS (
        INSERT INTO audit_log (tenant_id, actor, action, detail)
        SELECT %(tenant)s, %(actor)s, 'publish', jsonb_build_object(
            'pattern_type', %(type)s::text, 'from', before.version, 'to', published.version, 'run_id', %(run)s::text)
        FROM before, published WHERE before.version <> published.version
    )
    SELECT %(tenant)s::uuid, version FROM published
"""

MOVE_BACK = text("""
    UPDATE pattern_heads SET version = :version, moved_at = now(), moved_by = :actor,
           valid_until = least(valid_until, now() + :longest)
    WHERE tenant_id = :tenant AND pattern_type = :type
""")

EXTEND = """
    UPDATE pattern_heads SET valid_until = greatest(valid_until, %(until)s)
    WHERE tenant_id = %(tenant)s AND pattern_type = %(type)s AND version IS NOT NULL
"""

RECORD_VERDICT = """
    INSERT INTO verdicts (
        tenant_id, run_id, pattern_type, ruling, reason, detail, got, wanted, confidence, version, judged_on)
    SELECT id, %(run)s, %(type)s, %(ruling)s, %(reason)s, %(detail)s, %(got)s, %(wanted)s, %(confidence)s,
           %(version)s, %(judged_on)s::jsonb
    FROM tenants WHERE id = %(tenant)s  -- one that was removed meanwhile has no verdict
    ON CONFLICT DO NOTHING
"""

IN_FORCE = text("SELECT version FROM pattern_heads WHERE tenant_id = :tenant AND pattern_type = :type")

REPLACED = text("SELECT version, replaced FROM patterns WHERE tenant_id = :tenant AND pattern_type = :type")

HEADS = """
    SELECT head.tenant_id, tenant.name, head.pattern_type, coalesce(head.version, 0),
           CASE WHEN head.version IS NOT NULL THEN head.valid_until END, head.moved_at, head.moved_by,
           pattern.payload, pattern.confidence, pattern.sample_size, pattern.outcomes, pattern.computed_at
    FROM pattern_heads AS head
    JOIN tenants AS tenant ON tenant.id = head.tenant_id
    LEFT JOIN patterns AS pattern USING (tenant_id, pattern_type, version)
"""

VERSIONS = """
    SELECT tenant_id, pattern_type, version, replaced, payload, payload_sha256, inputs_sha256, evidence, verdict,
           diagnostics, confidence, window_start, window_end, code_version, run_id, computed_at
    FROM patterns WHERE pattern_type = :type
"""
