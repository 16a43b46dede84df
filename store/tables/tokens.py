"""Who may ask over HTTP, for which tenant, until when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Now


class ApiTokens(Base):
    """Bearer tokens, without the tokens: only what recognises one. Rows are revoked, never deleted.

    Read before the tenant is known, so by the learner alone: the app, in whose role requests run, has no right here.
    id: the public half, which a token shows and a log may. secret_sha256: of the other half, 256 random bits, which a
    slow hash would make no harder to guess. only_tenant: the one that it opens; null for all of them.
    """

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    secret_sha256: Mapped[str]
    only_tenant: Mapped[UUID | None] = mapped_column(ForeignKey("learnback.tenants.id"))
    role: Mapped[str]  # store.tokens.TokenRole
    purpose: Mapped[str]
    created_at: Mapped[Now]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
