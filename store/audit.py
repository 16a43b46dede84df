"""Who changed what by hand or by run, and why. Entries are appended in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from contracts.canonical import canonical_json
from store.scope import Batch, tenant_scope


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a tenant's audit log."""

    at: datetime
    actor: str
    action: str
    detail: Mapping[str, Any]


def record(connection: Connection, tenant_id: UUID, *, actor: str, action: str, detail: Mapping[str, Any]) -> None:
    """Append an entry; the connection must be in the tenant's scope."""
    connection.execute(
        text(
            "INSERT INTO audit_log (tenant_id, actor, action, detail)"
            " VALUES (:tenant, :actor, :action, cast(:detail AS jsonb))"
        ),
        {"tenant": tenant_id, "actor": actor, "action": action, "detail": canonical_json(dict(detail)).decode()},
    )


def record_each(
    batch: Batch, tenant_ids: Sequence[UUID] | None, *, actor: str, action: str, detail: Mapping[str, Any]
) -> None:
    """The same entry for each of these tenants, or for all that there are (None): it stands in each log it concerns."""
    if tenant_ids is None:
        tenant_ids = batch.connection.scalars(text("SELECT id FROM tenants ORDER BY id")).all()
    values = {"actor": actor, "action": action, "detail": canonical_json(dict(detail)).decode()}
    batch.each_tenant(
        "INSERT INTO audit_log (tenant_id, actor, action, detail)"
        " VALUES (%(tenant)s, %(actor)s, %(action)s, %(detail)s::jsonb)",
        ((tenant, values) for tenant in tenant_ids),
    )


def entries(engine: Engine, tenant_id: UUID) -> list[Entry]:
    """A tenant's entries, newest first."""
    with tenant_scope(engine, tenant_id) as connection:
        rows = connection.execute(text("SELECT at, actor, action, detail FROM audit_log ORDER BY id DESC")).all()
    return [Entry(*row) for row in rows]
