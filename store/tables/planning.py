"""Plans of touches, and the planned touches until they are sent or withdrawn; their decisions are in `decisions`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Json, Now, TenantId


class Plans(Base):
    """One row a plan: everything besides its leads that its choices followed from, so that it can be replayed.

    how_version, when_version: patterns that were read, 0 where there was none; how_missing, when_missing: why there was
    none. closings: channels and days in the order in which their caps ran out. refused: leads without a touch, by
    Reason.
    """

    __tablename__ = "plans"

    tenant_id: Mapped[TenantId]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    planned_at: Mapped[datetime]
    time_zone: Mapped[str]
    rules: Mapped[Json]
    policy_version: Mapped[str]
    how_version: Mapped[int]
    how_missing: Mapped[str | None]
    when_version: Mapped[int]
    when_missing: Mapped[str | None]
    closings: Mapped[Json]
    leads: Mapped[int]
    touches: Mapped[int]
    refused: Mapped[Json]
    created_at: Mapped[Now]

    __table_args__ = (Index(None, "tenant_id", "created_at"),)


class PlannedTouches(Base):
    """One row a planned touch. Its id is also that of its decision, and of the activity that it becomes.

    A lead has one that is waiting or taken at most. propensity: null without exploration, since nothing was drawn that
    learning could compare. score_*: as they were when it was planned. state: contracts.allocation.TouchState.
    settled_because: contracts.allocation.Withdrawal, where it was withdrawn.
    """

    __tablename__ = "planned_touches"

    tenant_id: Mapped[TenantId]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID]
    lead_id: Mapped[UUID]
    channel: Mapped[str]
    scheduled_at: Mapped[datetime]
    touch_number: Mapped[int]
    policy_version: Mapped[str]
    propensity: Mapped[float | None]
    score_at_touch: Mapped[float | None]
    score_stratum: Mapped[int | None]
    score_version: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    settled_at: Mapped[datetime | None]
    settled_because: Mapped[str | None]

    __table_args__ = (
        Index(None, "tenant_id", "plan_id"),
        Index(None, "tenant_id", "scheduled_at", "id"),
        Index(
            "planned_touches_one_open_idx",
            "tenant_id",
            "lead_id",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'taken')"),
        ),
    )
