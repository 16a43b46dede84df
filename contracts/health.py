"""How a published pattern fares: what was looked at each day, what it means, and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.refusal import Refusal


class Health(StrEnum):
    """Of a head, or of one check of it; the later, the worse."""

    HEALTHY = "healthy"
    WATCH = "watch"  # look at it: something may be wrong, and nothing is done
    EXPIRED = "expired"  # engines fall back to defaults until a run extends or replaces it
    FAILING = "failing"  # what it claims is contradicted by what happened since: it is taken back


ORDER = tuple(Health)
"""From best to worst."""


def worst(found: list[Health]) -> Health:
    """The worst of them; healthy where there is none."""
    return max(found, key=ORDER.index, default=Health.HEALTHY)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. because: in words and numbers. refusal: why nothing can be said about it, if so."""

    name: str
    health: Health
    because: str
    refusal: Refusal | None = None

    def told(self) -> dict[str, Any]:
        """As it is stored."""
        said = {"name": self.name, "health": self.health.value, "because": self.because}
        return said | ({"refused": str(self.refusal)} if self.refusal else {})


@dataclass(frozen=True, slots=True)
class Watched:
    """A head as health looks at it.

    window_end: what it was learned as of; outcomes later than that are new to it. earlier: payloads of versions that it
    may be taken back to, newest first. replaced: payload of the version that it replaced, None for the defaults.
    """

    tenant_id: UUID
    tenant: str
    pattern_type: str
    version: int
    payload: Mapping[str, Any]
    window_end: datetime
    valid_until: datetime
    replaced: Mapping[str, Any] | None = None
    earlier: tuple[tuple[int, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class HeadHealth:
    """The verdict on one head on one day.

    back_to: the version that a failing head is taken back to, 0 for the defaults; None where it is not failing.
    log_evidence: against its claims, highest so far; None where none could be tested.
    """

    tenant_id: UUID
    tenant: str
    pattern_type: str
    version: int
    health: Health
    because: str
    checks: tuple[Check, ...] = ()
    log_evidence: float | None = None
    back_to: int | None = None
    rolled_back: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What the specification wants of one business metric. unit: as it is told. lower_is_better: of the value."""

    metric: str
    title: str
    unit: str
    baseline: float | None
    target: float | None
    lower_is_better: bool = False


TARGETS = (
    Target("booking_rate", "Booking rate", "share", 0.03, 0.05),
    Target("days_to_conversion", "Time to conversion", "days", 14.0, 10.0, lower_is_better=True),
    Target("touches_to_convert", "Touches to convert", "touches", 6.0, 5.0, lower_is_better=True),
    Target("multi_channel_lift", "Multi-channel lift", "share", None, None),
)
"""The specification's business metrics, with the baseline that it assumes and what it aims at."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One business metric of one tenant for leads that came in one week, with its 90 % interval.

    week: its Monday. value: None where nothing can be said; `refusal` says why. n: leads (or conversions) behind it.
    """

    tenant_id: UUID
    week: date
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Everything that one look tells at its end. told: notices sent; left_out: tenants whose data failed its checks."""

    run_id: UUID
    as_of: datetime
    dry_run: bool
    heads: tuple[HeadHealth, ...]
    metrics: tuple[Metric, ...]
    tenants: Mapping[UUID, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    told: int = 0
    closed_runs: int = 0
    html: Path | None = None

    def count(self, health: Health) -> int:
        return sum(head.health is health for head in self.heads)
