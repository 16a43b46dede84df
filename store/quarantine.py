"""Tenants that were left out because their data failed its checks: opened with a reason, closed when it is mended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, Row, select

from contracts.runs import Quarantined
from store.scope import batch_scope, learner_scope, tenant_scope
from store.tables import Quarantine, Tenants


@dataclass(frozen=True, slots=True)
class Entry:
    """One defect that kept a tenant out. closed_at: None while it still does; run_id: the run that saw it first."""

    quarantined: Quarantined
    run_id: UUID
    opened_at: datetime
    closed_at: datetime | None


def open_entries(engine: Engine, entries: Iterable[Quarantined], *, run_id: UUID) -> None:
    """Enter tenants into quarantine. A defect that is open already keeps its first date and takes the new numbers."""
    with batch_scope(engine) as batch:
        batch.each_tenant(
            _OPEN,
            (
                (
                    entry.tenant_id,
                    {
                        "run": run_id,
                        "defect": entry.defect,
                        "reason": entry.reason,
                        "got": entry.got,
                        "wanted": entry.wanted,
                    },
                )
                for entry in entries
            ),
        )


def close_mended(engine: Engine, checked: Iterable[UUID], still: Iterable[Quarantined]) -> None:
    """Close the open entries of the tenants that a run checked, except those that it found again."""
    found: dict[UUID, list[str]] = {}
    for entry in still:
        found.setdefault(entry.tenant_id, []).append(entry.defect)
    with batch_scope(engine) as batch:
        batch.each_tenant(_CLOSE, ((tenant, {"still": found.get(tenant, [])}) for tenant in checked))


def current(engine: Engine) -> list[Entry]:
    """What keeps tenants out now, by tenant name."""
    with learner_scope(engine) as connection:
        rows = connection.execute(
            _ENTRIES.where(Quarantine.closed_at.is_(None)).order_by(Tenants.name, Quarantine.id)
        ).all()
    return [_entry(row) for row in rows]


def history(engine: Engine, tenant_id: UUID) -> list[Entry]:
    """Everything that ever kept a tenant out, newest first."""
    with tenant_scope(engine, tenant_id) as connection:
        return [_entry(row) for row in connection.execute(_ENTRIES.order_by(Quarantine.id.desc())).all()]


def _entry(row: Row[tuple[UUID, str, str, str, float, float, UUID, datetime, datetime | None]]) -> Entry:
    tenant_id, tenant, defect, reason, got, wanted, run_id, opened_at, closed_at = row
    return Entry(Quarantined(tenant_id, tenant, defect, reason, got, wanted), run_id, opened_at, closed_at)


_ENTRIES = select(
    Quarantine.tenant_id,
    Tenants.name,
    Quarantine.defect,
    Quarantine.reason,
    Quarantine.got,
    Quarantine.wanted,
    Quarantine.run_id,
    Quarantine.opened_at,
    Quarantine.closed_at,
).join(Tenants, Tenants.id == Quarantine.tenant_id)

_OPEN = """
    INSERT INTO quarantine (tenant_id, run_id, defect, reason, got, wanted)
    VALUES (%(tenant)s, %(run)s, %(defect)s, %(reason)s, %(got)s, %(wanted)s)
    ON CONFLICT (tenant_id, defect) WHERE closed_at IS NULL
    DO UPDATE SET reason = excluded.reason, got = excluded.got, wanted = excluded.wanted
"""

_CLOSE = """
    UPDATE quarantine SET closed_at = now()
    WHERE tenant_id = %(tenant)s AND closed_at IS NULL AND defect <> ALL (%(still)s::text[])
"""
