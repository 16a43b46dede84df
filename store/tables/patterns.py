"""The pattern book: what was learned, what is in force, how each finding was judged, and the priors behind it.

run_id names a run without a foreign key: runs may be pruned, patterns never.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Json, No, Now, TenantId


class Patterns(Base):
    """Immutable versions: the trigger `refuse_change` refuses every update and delete, whoever asks.

    computed_at: when it was written. window_end: the as-of of the run that learned it.
    """

    __tablename__ = "patterns"

    tenant_id: Mapped[TenantId]
    pattern_type: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())  # the specification's, for its views
    replaced: Mapped[int]  # in force when it was published; 0 = defaults
    payload: Mapped[Json]
    payload_sha256: Mapped[str]
    inputs_sha256: Mapped[str]
    evidence: Mapped[Json]
    verdict: Mapped[Json]
    diagnostics: Mapped[Json]
    sample_size: Mapped[int]
    outcomes: Mapped[int]
    confidence: Mapped[float | None]
    window_start: Mapped[datetime | None]
    window_end: Mapped[datetime]
    code_version: Mapped[str]
    run_id: Mapped[UUID]
    computed_at: Mapped[Now]

    __table_args__ = (
        UniqueConstraint(
            "tenant_id", "pattern_type", "payload_sha256", "inputs_sha256", name="patterns_same_bytes_once_key"
        ),
        Index(None, "tenant_id", "computed_at"),
    )


class PatternHeads(Base):
    """The version that engines read; null stands for the documented defaults."""

    __tablename__ = "pattern_heads"

    tenant_id: Mapped[TenantId]
    pattern_type: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int | None]
    valid_until: Mapped[datetime | None]
    moved_at: Mapped[Now]
    moved_by: Mapped[str]

    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "pattern_type", "version"],
            ["learnback.patterns.tenant_id", "learnback.patterns.pattern_type", "learnback.patterns.version"],
        ),
        Index(None, "tenant_id", "moved_at"),
    )


class Verdicts(Base):
    """What each run ruled on each tenant: the memory behind "why is nothing published for us?"."""

    __tablename__ = "verdicts"

    tenant_id: Mapped[TenantId]
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    pattern_type: Mapped[str] = mapped_column(primary_key=True)
    ruling: Mapped[str]
    reason: Mapped[str | None]
    detail: Mapped[str | None]
    got: Mapped[float | None]
    wanted: Mapped[float | None]
    confidence: Mapped[float | None]
    version: Mapped[int]  # in force afterwards; 0 = defaults
    judged_on: Mapped[Json]
    judged_at: Mapped[Now]

    __table_args__ = (Index(None, "tenant_id", "judged_at"),)


class PopulationPriors(Base):
    """Cross-tenant priors, one row a version; the version is the hash of the content. simulated: from demo tenants."""

    __tablename__ = "population_priors"

    learner: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    learned_as_of: Mapped[datetime] = mapped_column(primary_key=True)
    content: Mapped[Json]
    simulated: Mapped[No]
    run_id: Mapped[UUID]
    recorded_at: Mapped[Now]
