"""Randomised message tests: which text was shown how often, and how often that led to an outcome."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Changing, TenantId


class MessageTests(Changing, Base):
    """One row a variant. id: made from tenant, test and text, so that a second import finds it.

    tested_at: when the test ended; null for tests of no known date, which every as-of sees. The Booleans are the marks
    of contracts.outcomes.HEADLINE_FEATURES, read off the text when it came in.
    """

    __tablename__ = "message_tests"

    tenant_id: Mapped[TenantId]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    test: Mapped[str]
    text: Mapped[str]
    shown: Mapped[int] = mapped_column(BigInteger)
    converted: Mapped[int] = mapped_column(BigInteger)
    tested_at: Mapped[datetime | None]
    question: Mapped[bool | None]
    number: Mapped[bool | None]
    you: Mapped[bool | None]
    superlative: Mapped[bool | None]
    negative: Mapped[bool | None]
    person: Mapped[bool | None]
    deixis: Mapped[bool | None]
    how_why: Mapped[bool | None]
    list: Mapped[bool | None]
    quote: Mapped[bool | None]
    exclaim: Mapped[bool | None]
    ellipsis: Mapped[bool | None]
    all_caps: Mapped[bool | None]
    two_sentences: Mapped[bool | None]
    short: Mapped[bool | None]
    long: Mapped[bool | None]

    __table_args__ = (Index(None, "tenant_id", "tested_at", "id"),)
