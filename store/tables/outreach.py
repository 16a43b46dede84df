"""Leads, the touches that reached them, and the decisions behind the touches.

Values are stored as the source gave them: no ranges, no list of statuses, no foreign key from a touch to its lead.
Judging data is the checks' work, which name a tenant's defect; a constraint would refuse a whole import instead.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Computed, FetchedValue, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from contracts.outcomes import COMPONENTS
from store.tables.base import Base, Changing, Floats, FullTransactionId, Json, No, Now, TenantId


def _component(name: str) -> Computed:
    assert name in COMPONENTS
    return Computed(f"((als_components ->> '{name}'::text))::double precision", persisted=True)


class Leads(Changing, Base):
    """One row a lead.

    als_components: the five parts of the score, each 0 to 1; typed copies beside it are what extraction reads.
    components_at: when those parts were taken; an extraction as of an earlier moment leaves them out.
    scored_at, als_score, als_tier, als_weights_used, score_version: what the last scoring wrote.
    """

    __tablename__ = "leads"

    tenant_id: Mapped[TenantId]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    status: Mapped[str]
    converted_at: Mapped[datetime | None]
    title: Mapped[str | None]
    industry: Mapped[str | None]
    employee_count: Mapped[int | None]
    country: Mapped[str | None]
    source: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    company: Mapped[str | None]
    opted_out: Mapped[No]
    time_zone: Mapped[str | None]
    synthetic_time: Mapped[No]
    als_components: Mapped[Json | None]
    components_at: Mapped[datetime | None]
    data_quality: Mapped[float | None] = mapped_column(_component("data_quality"))
    authority: Mapped[float | None] = mapped_column(_component("authority"))
    company_fit: Mapped[float | None] = mapped_column(_component("company_fit"))
    timing: Mapped[float | None] = mapped_column(_component("timing"))
    risk: Mapped[float | None] = mapped_column(_component("risk"))
    als_weights_used: Mapped[Json | None]
    als_score: Mapped[float | None]
    als_tier: Mapped[str | None]
    scored_at: Mapped[datetime | None]
    score_version: Mapped[str | None]

    __table_args__ = (Index(None, "tenant_id", "created_at", "id"),)


class Touches(Changing, Base):
    """One row a touch (the specification's activity). What is learned from has a typed column of its own.

    content_snapshot: the full record of what was sent. score_at_touch, score_stratum, score_version: the score and its
    decile as they were at the touch, never recomputed. decision_id: the decision that chose it.
    """

    __tablename__ = "activities"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)  # a foreign key here would cost a third of each insertion
    id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID]
    channel: Mapped[str]
    scheduled_at: Mapped[datetime | None]
    occurred_at: Mapped[datetime]
    template_id: Mapped[str | None]
    touch_number: Mapped[int | None]
    outcome_at: Mapped[datetime | None]
    score_at_touch: Mapped[float | None]
    score_stratum: Mapped[int | None]
    score_version: Mapped[str | None]
    policy_version: Mapped[str | None]
    propensity: Mapped[float | None]
    led_to_booking: Mapped[No]
    subject_type: Mapped[str | None]
    cta: Mapped[str | None]
    angle: Mapped[str | None]
    pain_point: Mapped[str | None]
    length_band: Mapped[str | None]
    personalised: Mapped[bool | None]
    has_question: Mapped[bool | None]
    has_number: Mapped[bool | None]
    decision_id: Mapped[UUID | None]
    content_snapshot: Mapped[Json | None]

    __table_args__ = (
        Index(None, "tenant_id", "occurred_at", "id"),
        Index(None, "tenant_id", "lead_id", "occurred_at", "id"),
    )


class Removals(Base):
    """Where a row of leads or activities was, before it was deleted, or went to another lead or tenant.

    Triggers write it, and an incremental extraction reads what was added since the last. touch_id: null where it was
    the lead itself. row_xid: the transaction that did it.
    """

    __tablename__ = "removals"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)  # no foreign key: a tenant's rows may outlive it
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    lead_id: Mapped[UUID]
    touch_id: Mapped[UUID | None]
    removed_at: Mapped[Now]
    row_xid: Mapped[int] = mapped_column(
        FullTransactionId(), server_default=func.pg_current_xact_id(), server_onupdate=FetchedValue(), index=True
    )


class Decisions(Base):
    """What an engine chose, from which feasible set, under which policy, with what probability, and why."""

    __tablename__ = "decisions"

    tenant_id: Mapped[TenantId]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID | None]
    engine: Mapped[str]
    chosen: Mapped[Json]
    feasible: Mapped[Json | None]
    policy_version: Mapped[str]
    propensity: Mapped[float | None]
    reason: Mapped[str]
    pattern_type: Mapped[str | None]
    pattern_version: Mapped[int | None]
    fallback: Mapped[str | None]  # Reason code, where the engine fell back to defaults
    created_at: Mapped[Now]

    __table_args__ = (Index(None, "tenant_id", "created_at", "id"),)


class ScoreVersions(Base):
    """The decile edges of a scoring, frozen when its weights went into force, so that strata never move with data."""

    __tablename__ = "score_versions"

    tenant_id: Mapped[TenantId]
    score_version: Mapped[str] = mapped_column(primary_key=True)
    edges: Mapped[Floats]  # nine, ascending, on the scale of the score
    in_force_at: Mapped[datetime]

    __table_args__ = (Index(None, "tenant_id", "in_force_at"),)
