"""What was learned as of earlier moments: the history that `learnback backfill` writes beside the live patterns."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Json, Now, TenantId


class BackfillSteps(Base):
    """One row a tenant, learner and moment of a chain; engines never read it.

    began, step_days: the chain (contracts.backfill.Chain). state: done or failed. A row of ruling publish holds a
    version (payload and what it rests on), and the version that it replaced. version: in force in the chain after the
    step, 0 = defaults. later: what the pattern in force before the step met since (contracts.walk_forward.Later).
    input_hash: of everything that was known at the moment, chained with that of the step before.
    """

    __tablename__ = "backfill_steps"

    tenant_id: Mapped[TenantId]
    began: Mapped[datetime] = mapped_column(primary_key=True)
    step_days: Mapped[int] = mapped_column(primary_key=True)
    pattern_type: Mapped[str] = mapped_column(primary_key=True)
    as_of: Mapped[datetime] = mapped_column(primary_key=True)
    state: Mapped[str]
    input_hash: Mapped[str]
    code_version: Mapped[str]
    run_id: Mapped[UUID]
    ruling: Mapped[str | None]
    reason: Mapped[str | None]
    detail: Mapped[str | None]
    confidence: Mapped[float | None]
    version: Mapped[int | None]
    replaced: Mapped[int | None]
    valid_until: Mapped[datetime | None]
    payload: Mapped[Json | None]
    payload_sha256: Mapped[str | None]
    inputs_sha256: Mapped[str | None]
    evidence: Mapped[Json | None]
    judged_on: Mapped[Json | None]
    explained: Mapped[str | None]
    later: Mapped[Json | None]
    seconds: Mapped[float | None]
    error: Mapped[str | None]
    finished_at: Mapped[Now]

    __table_args__ = (Index(None, "tenant_id", "as_of"),)
