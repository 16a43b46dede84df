"""The statements of store.planning and store.due_touches. Row-level security keeps each within its tenant."""

from __future__ import annotations

from sqlalchemy import text

BESIDES_PEOPLE = "('replied', 'meeting', 'converted', 'lost')"
"""Statuses of leads that are no longer the allocator's: a person answers them, or nobody needs to."""

HOLD = text("SELECT pg_advisory_xact_lock(hashtext('learnback.planning'), hashtext(CAST(:tenant AS text)))")
"""One plan of a tenant at a time: caps are counted before, and taken after."""

CANDIDATES = text(f"""
    WITH reached AS (
        SELECT lead_id, greatest(count(*), max(touch_number)) AS touches, max(occurred_at) AS last,
               (array_agg(channel ORDER BY occurred_at DESC, id DESC))[1] AS previous
        FROM activities WHERE occurred_at <= :now GROUP BY lead_id
    )
    SELECT lead.id, lead.als_score, coalesce(reached.touches, 0),
           CASE WHEN reached.previous = ANY(:channels) THEN reached.previous END, reached.last,
           lead.opted_out OR lead.status = 'opted_out', coalesce(lead.email, '') <> '', coalesce(lead.phone, '') <> '',
           lead.time_zone,
           width_bucket(lead.als_score, CASE lead.score_version
               WHEN 'default' THEN coalesce(frozen.edges, CAST(:default_edges AS float8[])) ELSE frozen.edges END),
           lead.score_version
    FROM leads AS lead
    LEFT JOIN reached ON reached.lead_id = lead.id
    LEFT JOIN score_versions AS frozen
           ON frozen.tenant_id = lead.tenant_id AND frozen.score_version = lead.score_version
    WHERE lead.created_at <= :now AND lead.converted_at IS NULL AND lead.status NOT IN {BESIDES_PEOPLE}
      AND NOT EXISTS (
          SELECT FROM planned_touches AS open
          WHERE open.tenant_id = lead.tenant_id AND open.lead_id = lead.id AND open.state IN ('waiting', 'taken'))
""")  # noqa: S608 - a constant

OPEN = text("""
    SELECT channel, scheduled_at, count(*) FROM planned_touches WHERE state IN ('waiting', 'taken') GROUP BY 1, 2
""")

SENT_SINCE = text("SELECT channel, count(*) FROM activities WHERE occurred_at >= :since GROUP BY 1")

WITHDRAW = text(f"""
    UPDATE planned_touches AS open SET state = 'withdrawn', settled_at = :now, settled_because = found.because
    FROM (
        SELECT planned.id, CASE
                   WHEN :paused THEN 'paused'
                   WHEN lead.opted_out OR lead.status = 'opted_out' THEN 'opted_out'
                   WHEN lead.id IS NULL OR lead.converted_at IS NOT NULL THEN 'closed'
                   WHEN lead.status IN {BESIDES_PEOPLE} THEN 'closed'
                   WHEN planned.scheduled_at <= :now - interval '1 hour' THEN 'missed'
               END AS because
        FROM planned_touches AS planned
        LEFT JOIN leads AS lead ON lead.tenant_id = planned.tenant_id AND lead.id = planned.lead_id
        WHERE planned.state = 'waiting'
    ) AS found
    WHERE open.id = found.id AND open.state = 'waiting' AND found.because IS NOT NULL
    RETURNING found.because
""")  # noqa: S608 - a constant

# MATERIALIZED: a plan that runs the selection once a row would take the limit once a row.
TAKE = text("""
    WITH mine AS MATERIALIZED (
        SELECT id FROM planned_touches WHERE state = 'waiting' AND scheduled_at <= :now
        ORDER BY scheduled_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE planned_touches AS due SET state = 'taken', settled_at = :now
    FROM mine WHERE due.id = mine.id
    RETURNING due.id, due.lead_id, due.channel, due.scheduled_at, due.touch_number
""")

LOGGED = text("""
    SELECT planned.lead_id, planned.touch_number, decision.chosen, decision.feasible, decision.propensity,
           decision.reason
    FROM planned_touches AS planned
    JOIN decisions AS decision ON decision.tenant_id = planned.tenant_id AND decision.id = planned.id
    WHERE planned.plan_id = :plan
    ORDER BY (decision.feasible ->> 'turn')::int
""")

SENT = """
    INSERT INTO activities (tenant_id, id, lead_id, channel, scheduled_at, occurred_at, touch_number, score_at_touch,
                            score_stratum, score_version, policy_version, propensity, decision_id{names})
    SELECT tenant_id, id, lead_id, channel, scheduled_at, :sent_at, touch_number, score_at_touch,
           score_stratum, score_version, policy_version, propensity, id{values}
    FROM planned_touches WHERE id = :touch AND state = 'taken'
    ON CONFLICT DO NOTHING
"""
