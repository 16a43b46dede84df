"""What runs ruled on tenants' patterns: the answer to "why is nothing published for us?"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, select

from store.scope import learner_scope, tenant_scope
from store.tables import Tenants, Verdicts


@dataclass(frozen=True, slots=True)
class Ruled:
    """One verdict as recorded. version: in force afterwards, 0 = defaults; got, wanted: as in contracts.refusal."""

    tenant_id: UUID
    tenant: str
    pattern_type: str
    run_id: UUID
    ruling: str
    reason: str | None
    detail: str | None
    got: float | None
    wanted: float | None
    confidence: float | None
    version: int
    judged_on: Mapping[str, Any]
    judged_at: datetime


def newest(engine: Engine, tenant_id: UUID | None = None) -> list[Ruled]:
    """The newest verdict on each tenant and type, by tenant name; only those of one tenant where it is given."""
    last = (
        select(*_RULED)
        .join(Tenants, Tenants.id == Verdicts.tenant_id)
        .distinct(Tenants.name, Verdicts.pattern_type)
        .order_by(Tenants.name, Verdicts.pattern_type, Verdicts.judged_at.desc(), Verdicts.run_id)
    )
    with tenant_scope(engine, tenant_id) if tenant_id else learner_scope(engine) as connection:
        return [Ruled(*row) for row in connection.execute(last)]


_RULED = (
    Verdicts.tenant_id,
    Tenants.name,
    Verdicts.pattern_type,
    Verdicts.run_id,
    Verdicts.ruling,
    Verdicts.reason,
    Verdicts.detail,
    Verdicts.got,
    Verdicts.wanted,
    Verdicts.confidence,
    Verdicts.version,
    Verdicts.judged_on,
    Verdicts.judged_at,
)
