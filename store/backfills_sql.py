"""The statements of backfills, by name. Each runs in a scope of `store.scope`, which decides what it sees."""

from sqlalchemy import text

REMEMBERED = text("""
    SELECT pattern_type, tenant_id, as_of, state, input_hash, code_version, seconds FROM backfill_steps
    WHERE began = :began AND step_days = :step_days AND pattern_type = ANY(:types) AND as_of <= :until
""")

# The last step before the moment, the step that published what was in force after it, and what that one replaced.
HEADS = text("""
    WITH chain AS (
        SELECT * FROM backfill_steps
        WHERE began = :began AND step_days = :step_days AND pattern_type = :type AND as_of < :before
    ), last AS (
        SELECT DISTINCT ON (tenant_id) tenant_id, version, valid_until
        FROM chain WHERE state = 'done' ORDER BY tenant_id, as_of DESC
    )
    SELECT DISTINCT ON (last.tenant_id)
           last.tenant_id, last.version, head.payload, head.inputs_sha256, head.payload_sha256, last.valid_until,
           head.as_of, head.confidence, head.judged_on, earlier.payload
    FROM last
    JOIN chain AS head ON head.tenant_id = last.tenant_id AND head.version = last.version AND head.payload IS NOT NULL
    LEFT JOIN chain AS earlier
           ON earlier.tenant_id = last.tenant_id AND earlier.version = head.replaced AND earlier.payload IS NOT NULL
          AND earlier.as_of < head.as_of
    WHERE last.version > 0
    ORDER BY last.tenant_id, head.as_of DESC, earlier.as_of DESC
""")

WRITE = """
    INSERT INTO backfill_steps (
        tenant_id, began, step_days, pattern_type, as_of, state, input_hash, code_version, run_id, ruling, reason,
        detail, confidence, version, replaced, valid_until, payload, payload_sha256, inputs_sha256, evidence, judged_on,
        explained, later, seconds)
    SELECT id, %(began)s, %(step_days)s, %(type)s, %(as_of)s, 'done', %(input_hash)s, %(code_version)s, %(run)s,
           %(ruling)s, %(reason)s, %(detail)s, %(confidence)s, %(version)s, %(replaced)s, %(valid_until)s,
           %(payload)s::jsonb, %(payload_sha256)s, %(inputs_sha256)s, %(evidence)s::jsonb, %(judged_on)s::jsonb,
           %(explained)s, %(later)s::jsonb, %(seconds)s
    FROM tenants WHERE id = %(tenant)s  -- one that was removed meanwhile has no history
    ON CONFLICT (tenant_id, began, step_days, pattern_type, as_of) DO UPDATE SET
        state = excluded.state, input_hash = excluded.input_hash, code_version = excluded.code_version,
        run_id = excluded.run_id, ruling = excluded.ruling, reason = excluded.reason, detail = excluded.detail,
        confidence = excluded.confidence, version = excluded.version, replaced = excluded.replaced,
        valid_until = excluded.valid_until, payload = excluded.payload, payload_sha256 = excluded.payload_sha256,
        inputs_sha256 = excluded.inputs_sha256, evidence = excluded.evidence, judged_on = excluded.judged_on,
        explained = excluded.explained, later = excluded.later, seconds = excluded.seconds, error = NULL,
        finished_at = now()
"""

FAIL = """
    INSERT INTO backfill_steps (
        tenant_id, began, step_days, pattern_type, as_of, state, input_hash, code_version, run_id, error)
    SELECT id, %(began)s, %(step_days)s, %(type)s, %(as_of)s, 'failed', '', %(code_version)s, %(run)s, %(error)s
    FROM tenants WHERE id = %(tenant)s
    ON CONFLICT (tenant_id, began, step_days, pattern_type, as_of) DO UPDATE SET
        state = excluded.state, input_hash = '', run_id = excluded.run_id, error = excluded.error, finished_at = now(),
        version = NULL, payload = NULL, later = NULL
"""

WALKED = text("""
    SELECT step.tenant_id, tenant.name, step.pattern_type, step.as_of, step.ruling, coalesce(step.reason, ''),
           step.confidence, step.version, coalesce(step.explained, ''), step.later
    FROM backfill_steps AS step
    JOIN tenants AS tenant ON tenant.id = step.tenant_id
    WHERE step.began = :began AND step.step_days = :step_days AND step.pattern_type = ANY(:types)
      AND step.as_of <= :until AND step.state = 'done'
    ORDER BY tenant.name, step.pattern_type, step.as_of
""")

LOCK = text("SELECT pg_try_advisory_lock(hashtext('learnback.backfill'), hashtext(:key))")
UNLOCK = text("SELECT pg_advisory_unlock(hashtext('learnback.backfill'), hashtext(:key))")
