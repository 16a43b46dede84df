"""Tenants: whose data it is, found by name or id, and what they may choose."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from contracts.errors import UnknownTenantError, UserError
from store import audit
from store.scope import Role, learner_scope, tenant_scope
from store.tables import Tenants

CHOICES = ("shares_priors", "horizon_days", "early_outcome", "time_zone")
"""What a tenant may set; everything else follows from what was learned."""

NEAR = 3
"""Names to offer when one was not found."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant. weights: learned ones in force, by component; None under the defaults. horizon_days: days."""

    id: UUID
    name: str
    shares_priors: bool
    horizon_days: int
    early_outcome: str | None
    time_zone: str | None
    weights: Mapping[str, float] | None
    weights_updated_at: datetime | None
    conversion_sample_count: int
    created_at: datetime


_COLUMNS = (
    Tenants.id,
    Tenants.name,
    Tenants.shares_priors,
    Tenants.horizon_days,
    Tenants.early_outcome,
    Tenants.time_zone,
    Tenants.als_learned_weights,
    Tenants.als_weights_updated_at,
    Tenants.conversion_sample_count,
    Tenants.created_at,
)


def all_tenants(engine: Engine) -> list[Tenant]:
    """Every tenant, by name."""
    with learner_scope(engine) as connection:
        return [Tenant(*row) for row in connection.execute(select(*_COLUMNS).order_by(Tenants.name))]


def resolve(engine: Engine, text: str) -> Tenant:
    """The tenant of this id or name (capitals do not matter); raises UnknownTenantError, which names the nearest."""
    wanted = text.strip()
    with learner_scope(engine) as connection:
        found = connection.execute(
            select(*_COLUMNS).where(
                Tenants.id == as_id(wanted) if as_id(wanted) else func.lower(Tenants.name) == wanted.lower()
            )
        ).all()
        exact = [row for row in found if row.name == wanted] or found
        if len(exact) == 1:
            return Tenant(*exact[0])
        names = list(connection.scalars(select(Tenants.name).order_by(Tenants.name)))
    if not names:
        raise UnknownTenantError("there are no tenants yet", do="`learnback demo` or `learnback import` brings some")
    folded = {name.lower(): name for name in names}
    near = [folded[name] for name in difflib.get_close_matches(wanted.lower(), folded, n=NEAR, cutoff=0.5)]
    raise UnknownTenantError(
        f"there is no tenant `{wanted}`",
        do=f"Did you mean {' or '.join(f'`{name}`' for name in near or names[:NEAR])}?",
    )


def as_id(text: str) -> UUID | None:
    """The id that this text is, None where it is none and so must be a name."""
    try:
        return UUID(text)
    except ValueError:
        return None


def create(engine: Engine, name: str, *, tenant_id: UUID | None = None, **choices: object) -> Tenant:
    """Add a tenant; choices as in CHOICES. Raises UserError where the name or id is taken."""
    identity = tenant_id or uuid4()
    try:
        with tenant_scope(engine, identity, Role.LEARNER) as connection:
            row = connection.execute(
                insert(Tenants).values(id=identity, name=name, **_checked(choices)).returning(*_COLUMNS)
            ).one()
    except IntegrityError:
        raise UserError(f"a tenant `{name}` is there already", do="Choose another name, or use that one") from None
    return Tenant(*row)


def choose(engine: Engine, tenant_id: UUID, *, actor: str, **choices: object) -> Tenant:
    """Change what a tenant may set (CHOICES), with an audit entry."""
    with tenant_scope(engine, tenant_id) as connection:
        row = connection.execute(
            update(Tenants).where(Tenants.id == tenant_id).values(**_checked(choices)).returning(*_COLUMNS)
        ).one_or_none()
        if row is None:
            raise UnknownTenantError(f"there is no tenant {tenant_id}")
        audit.record(connection, tenant_id, actor=actor, action="choose", detail=choices)
    return Tenant(*row)


def _checked(choices: Mapping[str, object]) -> Mapping[str, object]:
    unknown = set(choices) - set(CHOICES)
    if unknown:
        raise TypeError(f"a tenant has no {', '.join(sorted(unknown))} to choose")
    return choices
