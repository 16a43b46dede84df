"""What ran, on what, with what result; who was left out; who moved what by hand."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Json, Now, TenantId


class Runs(Base):
    """One row a run of a flow. host, pid, born: the process that works on it (store.processes); null in old rows."""

    __tablename__ = "runs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    flow: Mapped[str]
    state: Mapped[str]  # contracts.runs.State
    as_of: Mapped[datetime]
    request: Mapped[Json]
    code_version: Mapped[str]
    opened_at: Mapped[Now]
    closed_at: Mapped[datetime | None]
    report: Mapped[Json | None]
    error: Mapped[str | None]
    host: Mapped[str | None]
    pid: Mapped[int | None] = mapped_column(BigInteger())
    born: Mapped[float | None]

    __table_args__ = (Index(None, "flow", "opened_at"), Index(None, "opened_at"))


class Slices(Base):
    """The ledger: one row a slice and run. A slice that is done for the same input and code need not run again.

    tenant_rows: rows by tenant id, which the next run's volume check compares with.
    watermark: how far an increment read (row_xid, the server's system identifier); null for a full extraction.
    """

    __tablename__ = "slices"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("learnback.runs.id", ondelete="CASCADE"), primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    tenant_group: Mapped[int] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]  # contracts.runs.State
    input_hash: Mapped[str]
    code_version: Mapped[str]
    output: Mapped[str | None]
    rows: Mapped[int | None] = mapped_column(BigInteger())
    tenant_rows: Mapped[Json | None]
    watermark: Mapped[Json | None]
    attempt: Mapped[int] = mapped_column(server_default=text("1"))
    started_at: Mapped[Now]
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]

    __table_args__ = (Index("slices_by_input_idx", "stage", "tenant_group", "period", "input_hash", "code_version"),)


class Quarantine(Base):
    """Tenants that a run left out, and why. Rows are closed, never deleted."""

    __tablename__ = "quarantine"

    tenant_id: Mapped[TenantId]
    id: Mapped[int] = mapped_column(BigInteger(), Identity(), primary_key=True)
    run_id: Mapped[UUID]
    defect: Mapped[str]  # code in contracts.defects
    reason: Mapped[str]
    got: Mapped[float]
    wanted: Mapped[float]
    opened_at: Mapped[Now]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "tenant_id", "opened_at"),
        Index(
            "quarantine_one_open_idx", "tenant_id", "defect", unique=True, postgresql_where=text("closed_at IS NULL")
        ),
    )


class AuditLog(Base):
    """Who moved a head, changed a tenant's settings, and why. Append-only, like patterns."""

    __tablename__ = "audit_log"

    tenant_id: Mapped[TenantId]
    id: Mapped[int] = mapped_column(BigInteger(), Identity(), primary_key=True)
    at: Mapped[Now]
    actor: Mapped[str]
    action: Mapped[str]
    detail: Mapped[Json]

    __table_args__ = (Index(None, "tenant_id", "at"),)
