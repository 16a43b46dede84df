"""What a run is, what a slice is, and what a run reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from contracts.learning import Ruling


class State(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


def group_of(tenant_id: UUID, groups: int) -> int:
    """The tenant group, 0 … groups−1: the last four bytes of the id, which are random in every version of UUID."""
    return int.from_bytes(tenant_id.bytes[-4:], "big") % groups


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """(flow stage, tenant group, time window): the unit that is run, skipped, retried and backfilled.

    group: as in `group_of`. period: 'all' for a full extraction.
    """

    stage: str
    group: int
    period: str = "all"

    @property
    def key(self) -> str:
        return f"{self.stage}/group={self.group:03d}/period={self.period}"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A tenant that a run left out, and why, in words."""

    tenant_id: UUID
    tenant: str
    defect: str  # code in contracts.defects
    reason: str
    got: float
    wanted: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of a run's report: what happened to one tenant's pattern of one type."""

    tenant_id: UUID
    tenant: str
    learner: str
    ruling: Ruling
    reason: str  # Reason code, empty when published
    detail: str
    confidence: float | None
    sample_size: int
    outcomes: int
    version: int  # in force after the run; 0 = defaults
    explained: str  # what the pattern in force (or the finding) says


@dataclass(frozen=True, slots=True)
class LearningReport:
    """Everything a run tells at its end."""

    run_id: UUID
    as_of: datetime
    dry_run: bool
    outcomes: tuple[Outcome, ...]
    quarantined: tuple[Quarantined, ...]
    rows: dict[str, int] = field(default_factory=dict)  # extract → rows
    dropped: dict[str, int] = field(default_factory=dict)  # defect → rows
    seconds: dict[str, float] = field(default_factory=dict)  # stage → seconds
    html: Path | None = None

    def count(self, ruling: Ruling) -> int:
        return sum(outcome.ruling is ruling for outcome in self.outcomes)
