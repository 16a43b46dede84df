"""How long what runs leave behind is kept, and what pruning it tells. Patterns, heads and audit are not here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """How long each kind of thing is kept.

    records: runs, verdicts, settled touches of plans, ended batches, report pages. details: a run's slices.
    extracts: runs whose files stay in the lake. log_bytes: a log file's largest size.
    """

    records: timedelta
    details: timedelta
    extracts: int
    log_bytes: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go: how many of what, and how many bytes where that is known."""

    what: str
    count: int
    bytes: int | None = None
