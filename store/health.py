"""How heads fare: what health reads of the pattern book and of decisions, and what it remembers from day to day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, func, select, text

from contracts.canonical import canonical_json
from contracts.health import HeadHealth, Metric, Watched
from store.scope import batch_scope, learner_scope, tenant_scope
from store.tables import BusinessMetrics, Decisions, HealthVerdicts, Notices, Tenants

EARLIER = 5
"""Earlier versions that a failing head may be taken back to; older ones know little of today."""


@dataclass(frozen=True, slots=True)
class Looked:
    """The newest verdict on one head, as it was stored. checks: name, health and reason of each."""

    tenant_id: UUID
    tenant: str
    pattern_type: str
    looked_on: date
    version: int
    health: str
    because: str
    checks: Sequence[Mapping[str, Any]]
    log_evidence: float | None
    back_to: int | None
    looked_at: datetime


def heads(engine: Engine, tenants: frozenset[UUID] | None = None) -> list[Watched]:
    """Every head that is not the defaults, with the versions that it may be taken back to; of all tenants, or of some.

    The way back is the chain of what each version replaced: one that an operator took back is not on it, and one that
    was called failing is left out.
    """
    with learner_scope(engine) as connection:
        rows = connection.execute(_HEADS, {"earlier": EARLIER}).all()
    return [
        Watched(
            tenant_id=row.tenant_id,
            tenant=row.name,
            pattern_type=row.pattern_type,
            version=row.version,
            payload=row.payload,
            window_end=row.window_end,
            valid_until=row.valid_until,
            replaced=row.replaced,
            earlier=tuple((one["version"], one["payload"]) for one in row.earlier or ()),
        )
        for row in rows
        if tenants is None or row.tenant_id in tenants
    ]


def decisions(engine: Engine, since: datetime, until: datetime) -> dict[UUID, dict[str, dict[str, int]]]:
    """Tenant → type of pattern → why defaults decided ("" where the pattern did) → decisions in that time."""
    wanted = (
        select(Decisions.tenant_id, Decisions.pattern_type, Decisions.fallback, func.count())
        .where(Decisions.created_at > since, Decisions.created_at <= until, Decisions.pattern_type.is_not(None))
        .group_by(Decisions.tenant_id, Decisions.pattern_type, Decisions.fallback)
    )
    found: dict[UUID, dict[str, dict[str, int]]] = {}
    with learner_scope(engine) as connection:
        for tenant, kind, why, count in connection.execute(wanted):
            found.setdefault(tenant, {}).setdefault(str(kind), {})[why or ""] = count
    return found


def remember(engine: Engine, found: Iterable[HeadHealth], metrics: Iterable[Metric], *, on: date, run_id: UUID) -> None:
    """Keep the verdicts of a day and the metrics; looking again on the same day replaces what was found before."""
    with batch_scope(engine) as batch:
        batch.each_tenant(_VERDICT, ((one.tenant_id, _verdict(one, on, run_id)) for one in found))
        batch.each_tenant(_METRIC, ((one.tenant_id, _metric(one, run_id)) for one in metrics))


def newest(engine: Engine, tenant_id: UUID | None = None) -> list[Looked]:
    """The newest verdict on each tenant and type, by tenant name; only those of one tenant where it is given."""
    last = (
        select(*_LOOKED)
        .join(Tenants, Tenants.id == HealthVerdicts.tenant_id)
        .distinct(Tenants.name, HealthVerdicts.tenant_id, HealthVerdicts.pattern_type)
        .order_by(
            Tenants.name,
            HealthVerdicts.tenant_id,
            HealthVerdicts.pattern_type,
            HealthVerdicts.looked_on.desc(),
            HealthVerdicts.looked_at.desc(),
        )
    )
    with tenant_scope(engine, tenant_id) if tenant_id else learner_scope(engine) as connection:
        return [_looked(tuple(row)) for row in connection.execute(last)]


def metrics(engine: Engine, tenant_id: UUID) -> list[Metric]:
    """One tenant's business metrics that have a value, by week and name."""
    wanted = (
        select(
            BusinessMetrics.tenant_id,
            BusinessMetrics.week,
            BusinessMetrics.metric,
            BusinessMetrics.value,
            BusinessMetrics.low,
            BusinessMetrics.high,
            BusinessMetrics.n,
        )
        .where(BusinessMetrics.value.is_not(None))
        .order_by(BusinessMetrics.week, BusinessMetrics.metric)
    )
    with tenant_scope(engine, tenant_id) as connection:
        return [Metric(*row) for row in connection.execute(wanted)]


def database_bytes(engine: Engine) -> int:
    """Size on disk of the database that holds the store."""
    with learner_scope(engine) as connection:
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def told_lately(engine: Engine, now: datetime, within: timedelta) -> set[tuple[UUID, str, str]]:
    """(tenant, type of pattern, health) of every notice that went out in that time before `now`."""
    wanted = select(Notices.tenant_id, Notices.pattern_type, Notices.health).where(Notices.sent_at > now - within)
    with learner_scope(engine) as connection:
        return {(row[0], row[1], row[2]) for row in connection.execute(wanted)}


def note(engine: Engine, told: Iterable[HeadHealth], *, run_id: UUID, now: datetime) -> None:
    """Remember that somebody was told of these."""
    with batch_scope(engine) as batch:
        batch.each_tenant(
            _NOTICE,
            (
                (
                    one.tenant_id,
                    {"type": one.pattern_type, "health": one.health.value, "run": run_id, "now": now},
                )
                for one in told
            ),
        )


def _looked(row: tuple[Any, ...]) -> Looked:
    values = dict(zip(Looked.__slots__, row, strict=True))
    return Looked(**{**values, "checks": values["checks"]["checks"]})


def _verdict(one: HeadHealth, on: date, run_id: UUID) -> dict[str, Any]:
    return {
        "type": one.pattern_type,
        "on": on,
        "version": one.version,
        "health": one.health.value,
        "because": one.because,
        "checks": canonical_json({"checks": [check.told() for check in one.checks]}).decode(),
        "log_evidence": one.log_evidence,
        "back_to": one.back_to if one.rolled_back else None,
        "run": run_id,
    }


def _metric(one: Metric, run_id: UUID) -> dict[str, Any]:
    return {
        "week": one.week,
        "metric": one.metric,
        "value": one.value,
        "low": one.low,
        "high": one.high,
        "n": one.n,
        "refused": str(one.refusal) if one.refusal else None,
        "run": run_id,
    }


_LOOKED = (
    HealthVerdicts.tenant_id,
    Tenants.name,
    HealthVerdicts.pattern_type,
    HealthVerdicts.looked_on,
    HealthVerdicts.version,
    HealthVerdicts.health,
    HealthVerdicts.because,
    HealthVerdicts.checks,
    HealthVerdicts.log_evidence,
    HealthVerdicts.back_to,
    HealthVerdicts.looked_at,
)

_HEADS = text("""
    SELECT head.tenant_id, tenant.name, head.pattern_type, head.version, pattern.payload, pattern.window_end,
           head.valid_until, replaced.payload AS replaced, earlier.found AS earlier
    FROM pattern_heads AS head
    JOIN tenants AS tenant ON tenant.id = head.tenant_id
    JOIN patterns AS pattern USING (tenant_id, pattern_type, version)
    LEFT JOIN patterns AS replaced
           ON replaced.tenant_id = head.tenant_id AND replaced.pattern_type = head.pattern_type
          AND replaced.version = pattern.replaced
    LEFT JOIN LATERAL (
        WITH RECURSIVE before AS (
            SELECT pattern.replaced AS version, 1 AS step
            UNION ALL
            SELECT older.replaced, step + 1
            FROM before
            JOIN patterns AS older
              ON older.tenant_id = head.tenant_id AND older.pattern_type = head.pattern_type
             AND older.version = before.version
            WHERE step < :earlier
        )
        SELECT jsonb_agg(jsonb_build_object('version', version, 'payload', older.payload) ORDER BY step) AS found
        FROM before
        JOIN patterns AS older USING (version)
        WHERE older.tenant_id = head.tenant_id AND older.pattern_type = head.pattern_type
          AND NOT EXISTS (
              SELECT FROM health_verdicts AS known
              WHERE known.tenant_id = older.tenant_id AND known.pattern_type = older.pattern_type
                AND known.version = older.version AND known.health = 'failing')
    ) AS earlier ON true
    WHERE head.version IS NOT NULL
    ORDER BY tenant.name, head.tenant_id, head.pattern_type
""")

_VERDICT = """
    INSERT INTO health_verdicts (
        tenant_id, pattern_type, looked_on, version, health, because, checks, log_evidence, back_to, run_id)
    SELECT id, %(type)s, %(on)s, %(version)s, %(health)s, %(because)s, %(checks)s::jsonb, %(log_evidence)s,
           %(back_to)s, %(run)s
    FROM tenants WHERE id = %(tenant)s  -- one that was removed meanwhile has no verdict
    ON CONFLICT (tenant_id, pattern_type, looked_on, version) DO UPDATE SET
        health = excluded.health, because = excluded.because, checks = excluded.checks,
        log_evidence = excluded.log_evidence, back_to = excluded.back_to, run_id = excluded.run_id, looked_at = now()
"""

_METRIC = """
    INSERT INTO business_metrics (tenant_id, week, metric, value, low, high, n, refused, run_id)
    SELECT id, %(week)s, %(metric)s, %(value)s, %(low)s, %(high)s, %(n)s, %(refused)s, %(run)s
    FROM tenants WHERE id = %(tenant)s
    ON CONFLICT (tenant_id, week, metric) DO UPDATE SET
        value = excluded.value, low = excluded.low, high = excluded.high, n = excluded.n, refused = excluded.refused,
        run_id = excluded.run_id, computed_at = now()
"""

_NOTICE = """
    INSERT INTO notices (tenant_id, pattern_type, health, run_id, sent_at)
    SELECT id, %(type)s, %(health)s, %(run)s, %(now)s FROM tenants WHERE id = %(tenant)s
"""
