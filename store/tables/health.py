"""How heads fare from day to day, the business metrics beside them, and which notices went out."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Json, Now, RandomId, TenantId


class HealthVerdicts(Base):
    """One row a version in force and day; a second look on the same day replaces it. health: contracts.health.Health.

    log_evidence: against its claims, null where none could be tested. back_to: the version that a failing head was
    taken back to, 0 = defaults; null where it was left alone.
    """

    __tablename__ = "health_verdicts"

    tenant_id: Mapped[TenantId]
    pattern_type: Mapped[str] = mapped_column(primary_key=True)
    looked_on: Mapped[date] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    health: Mapped[str]
    because: Mapped[str]
    checks: Mapped[Json]
    log_evidence: Mapped[float | None]
    back_to: Mapped[int | None]
    run_id: Mapped[UUID]
    looked_at: Mapped[Now]

    __table_args__ = (Index(None, "tenant_id", "looked_at"),)


class BusinessMetrics(Base):
    """One row a metric and week of leads. week: its Monday. refused: why there is no value yet."""

    __tablename__ = "business_metrics"

    tenant_id: Mapped[TenantId]
    week: Mapped[date] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    n: Mapped[int]
    refused: Mapped[str | None]
    run_id: Mapped[UUID]
    computed_at: Mapped[Now]


class Notices(Base):
    """What somebody was told about a head, so that the same is not told again for a week."""

    __tablename__ = "notices"

    tenant_id: Mapped[TenantId]
    id: Mapped[RandomId]
    pattern_type: Mapped[str]
    health: Mapped[str]
    run_id: Mapped[UUID]
    sent_at: Mapped[datetime]

    __table_args__ = (Index(None, "tenant_id", "sent_at"),)
