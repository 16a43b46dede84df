"""Tokens of the HTTP interface: made once, shown once, kept as a hash, taken back at any time.

A token reads `learnback_<id>_<secret>`: the id is public and finds the row, the secret is 256 random bits and proves
that its bearer was given it. Looking one up happens before a tenant is known, and so in the learner's role; the request
that follows runs as the app, in the scope of one tenant.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, func, insert, select, update

from contracts.errors import UserError
from store import audit
from store.scope import batch_scope, learner_scope
from store.tables import ApiTokens, Tenants
from store.tenants import Tenant

PREFIX = "learnback"
"""Opens every token, so that scanners of code and logs know one when they see it."""

ID_BYTES = 6
SECRET_BYTES = 32


class TokenRole(StrEnum):
    """What a token may do; each may also do what those before it may."""

    READER = "reader"  # read patterns
    OPERATOR = "operator"  # start a learning run
    ADMIN = "admin"  # start a backfill, which learns history anew

    def includes(self, needed: TokenRole) -> bool:
        order = list(TokenRole)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token besides its secret. tenant_id, tenant: the one that it opens; None: all of them."""

    id: str
    tenant_id: UUID | None
    tenant: str | None
    role: TokenRole
    purpose: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None

    @property
    def opens(self) -> str:
        """Whose data, in words."""
        return self.tenant or "all tenants"


def create(
    engine: Engine, *, role: TokenRole, tenant: Tenant | None, lifetime: timedelta, purpose: str, actor: str
) -> tuple[str, Token]:
    """Make a token for one tenant, or for all (None). Returns its text, which exists nowhere else, and its record.

    The audit log of every tenant that it opens says so.
    """
    identity, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    made = insert(ApiTokens).values(
        id=identity,
        secret_sha256=_digest(secret),
        only_tenant=tenant.id if tenant else None,
        role=role.value,
        purpose=purpose,
        created_by=actor,
        expires_at=func.now() + lifetime,
    )
    with batch_scope(engine) as batch:
        batch.connection.execute(made)
        token = _one(batch.connection, identity)
        detail = {"token": identity, "role": role.value, "opens": token.opens, "purpose": purpose}
        audit.record_each(batch, _concerned(token.tenant_id), actor=actor, action="create_token", detail=detail)
    return f"{PREFIX}_{identity}_{secret}", token


def recognise(engine: Engine, presented: str) -> Token | None:
    """The token of this text, also one that has expired or was revoked; None where we never made it."""
    prefix, _, rest = presented.partition("_")
    identity, _, secret = rest.partition("_")
    if prefix != PREFIX or len(identity) != 2 * ID_BYTES or not presented.isascii():
        return None  # spares the database what cannot be one of ours
    with learner_scope(engine) as connection:
        row = connection.execute(_TOKENS.add_columns(ApiTokens.secret_sha256).where(ApiTokens.id == identity)).first()
    if row is None or not hmac.compare_digest(row.secret_sha256, _digest(secret)):
        return None
    return _token(row[:-1])


def all_tokens(engine: Engine) -> list[Token]:
    """Every token ever made, newest first."""
    with learner_scope(engine) as connection:
        return [_token(row) for row in connection.execute(_TOKENS.order_by(ApiTokens.created_at.desc(), ApiTokens.id))]


def revoke(engine: Engine, identity: str, *, actor: str) -> Token:
    """Take a token back; raises UserError where there is none of this id, or it was taken back before."""
    taken_back = (
        update(ApiTokens)
        .where(ApiTokens.id == identity, ApiTokens.revoked_at.is_(None))
        .values(revoked_at=func.now(), revoked_by=actor)
        .returning(ApiTokens.only_tenant)
    )
    with batch_scope(engine) as batch:
        changed = batch.connection.execute(taken_back).one_or_none()
        if changed is None:
            raise UserError(
                f"no token {identity} is in force", do="`learnback tokens list` names every token by its id"
            )
        concerned = _concerned(changed.only_tenant)
        audit.record_each(batch, concerned, actor=actor, action="revoke_token", detail={"token": identity})
        return _one(batch.connection, identity)


def _concerned(only: UUID | None) -> list[UUID] | None:
    return [only] if only else None


def _one(connection: Connection, identity: str) -> Token:
    return _token(connection.execute(_TOKENS.where(ApiTokens.id == identity)).one())


def _token(row: Sequence[Any]) -> Token:
    identity, tenant_id, tenant, role, *rest = row
    return Token(identity, tenant_id, tenant, TokenRole(role), *rest)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


_TOKENS = select(
    ApiTokens.id,
    ApiTokens.only_tenant,
    Tenants.name,
    ApiTokens.role,
    ApiTokens.purpose,
    ApiTokens.created_at,
    ApiTokens.created_by,
    ApiTokens.expires_at,
    ApiTokens.revoked_at,
    ApiTokens.revoked_by,
).join(Tenants, Tenants.id == ApiTokens.only_tenant, isouter=True)
