"""What is in force for one tenant, as readers over HTTP ask for it all day: one statement, one round trip."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, TimeoutError

from contracts.errors import DatabaseError
from contracts.learning import Evidence
from store import migrate
from store.scope import select_in_scope
from store.tables import REVISION

UNREACHABLE = (DatabaseError, OperationalError, TimeoutError, psycopg.OperationalError)
"""What leaves the store where the database is away, goes away, or has no connection left for us."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A published pattern that is in force. moved_at: since when.

    payload: the JSON text that PostgreSQL holds. It is by far the largest part, and is passed on without being read.
    """

    pattern_type: str
    version: int
    payload: str
    payload_sha256: str
    confidence: float | None
    evidence: Evidence
    learned_as_of: datetime
    computed_at: datetime
    moved_at: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Book:
    """A tenant and what is in force for it, by type; a type whose defaults are in force is left out."""

    tenant_id: UUID
    tenant: str
    patterns: tuple[InForce, ...]


def in_force(engine: Engine, tenant_id: UUID, pattern_type: str | None = None) -> Book | None:
    """All that is in force for a tenant, or its pattern of one type; None where there is no such tenant."""
    rows = select_in_scope(engine, tenant_id, _IN_FORCE, {"tenant": tenant_id, "type": pattern_type})
    if not rows:
        return None
    return Book(rows[0][0], rows[0][1], tuple(_pattern(*row[2:]) for row in rows if row[2] is not None))


def why_not(engine: Engine) -> str | None:
    """Why nothing can be read now, in words that name no host and no user; None where reading works."""
    try:
        found = migrate.current(engine)
    except UNREACHABLE:
        return "The database does not answer; the server's log says more."
    if found != REVISION:
        return f"The database is at migration {found or 'none'}, and {REVISION} is needed: run `learnback migrate`."
    return None


def _pattern(pattern_type: str, version: int, payload: str, digest: str, *rest: Any) -> InForce:
    confidence, evidence, *moments = rest
    return InForce(pattern_type, version, payload, digest, confidence, Evidence(**evidence), *moments)


_IN_FORCE: LiteralString = """
    SELECT tenant.id, tenant.name, pattern.pattern_type, pattern.version, pattern.payload::text, pattern.payload_sha256,
           pattern.confidence, pattern.evidence, pattern.window_end, pattern.computed_at, head.moved_at,
           head.valid_until
    FROM tenants AS tenant
    LEFT JOIN (pattern_heads AS head JOIN patterns AS pattern USING (tenant_id, pattern_type, version))
           ON head.tenant_id = tenant.id AND head.pattern_type = coalesce(%(type)s::text, head.pattern_type)
    WHERE tenant.id = %(tenant)s
    ORDER BY head.pattern_type
"""
