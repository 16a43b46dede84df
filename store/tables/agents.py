"""What was asked of Claude: every attempt with its tokens and cost, and the batches with what became of each question.

Nothing here names the key. Requests and answers are a tenant's own, under its scope like its leads.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Json, No, Now, TenantId


class CostEvents(Base):
    """One row an attempt (contracts.agents.Attempt), whatever its end; append-only.

    Tokens are null where no answer told them. cost_usd is null where cost_unknown says why (contracts.CostUnknown).
    """

    __tablename__ = "cost_events"

    tenant_id: Mapped[TenantId]
    call_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    ending: Mapped[str]
    prompt: Mapped[str]
    prompt_sha256: Mapped[str]
    model: Mapped[str]
    batched: Mapped[No]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cache_write_tokens: Mapped[int | None]
    cache_read_tokens: Mapped[int | None]
    cost_usd: Mapped[Decimal | None]
    cost_unknown: Mapped[str | None]
    seconds: Mapped[float]
    request_id: Mapped[str | None]
    at: Mapped[Now]

    __table_args__ = (Index(None, "tenant_id", "at"),)


class Batches(Base):
    """One row a round of a job. It is written before anything is sent; remote_id is Claude's name for it.

    claimed_at: when a process last began to submit it. A row with a claim and no remote_id may or may not have arrived.
    """

    __tablename__ = "batches"

    tenant_id: Mapped[TenantId]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    job: Mapped[str]
    round: Mapped[int]
    state: Mapped[str]  # contracts.agents.BatchState
    remote_id: Mapped[str | None]
    intended_at: Mapped[Now]
    claimed_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("tenant_id", "job", "round"),
        UniqueConstraint("tenant_id", "remote_id"),
        Index(None, "tenant_id", "intended_at"),
    )


class BatchItems(Base):
    """One row a question of a batch. request: exactly what was sent; reply: the accepted answer's text."""

    __tablename__ = "batch_items"

    tenant_id: Mapped[TenantId]
    custom_id: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID]
    key: Mapped[str]
    kind: Mapped[str]
    prompt: Mapped[str]
    prompt_sha256: Mapped[str]
    model: Mapped[str]
    request: Mapped[Json]
    state: Mapped[str]  # contracts.agents.ItemState
    reply: Mapped[str | None]
    reason: Mapped[str | None]  # Reason code, where it was refused
    detail: Mapped[str | None]

    __table_args__ = (UniqueConstraint("tenant_id", "batch_id", "key"),)
