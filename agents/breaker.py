"""Stop asking what does not answer: after repeated failure nothing is sent for a while, then one probe decides.

    closed ──failures in a row──▶ open ──rest──▶ half-open ──answer──▶ closed
                                   ▲                  └─────failure─────┘

One breaker serves all threads of a process. It knows no clock of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum

FAILURES = 5
"""Failures in a row, of any question, that open it: one question alone gives up after four."""

REST_SECONDS = 60.0
"""How long it stays open."""


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"  # one probe may go out, or is under way


class Breaker:
    """clock: seconds that only grow, such as time.monotonic."""

    def __init__(
        self, clock: Callable[[], float], *, failures: int = FAILURES, rest_seconds: float = REST_SECONDS
    ) -> None:
        self._clock, self._limit, self._rest = clock, failures, rest_seconds
        self._lock = threading.Lock()
        self._failed = 0
        self._since: float | None = None  # when it opened, or let the last probe out; None while it is closed

    @property
    def state(self) -> BreakerState:
        with self._lock:
            if self._since is None:
                return BreakerState.CLOSED
            return BreakerState.HALF_OPEN if self._rested(self._since) else BreakerState.OPEN

    def allows(self) -> bool:
        """Whether something may be sent now. A probe that never reports is followed by another after the same rest."""
        with self._lock:
            if self._since is None:
                return True
            if not self._rested(self._since):
                return False
            self._since = self._clock()
            return True

    def answered(self) -> None:
        """Claude answered, be it with an error of ours: it is there."""
        with self._lock:
            self._failed, self._since = 0, None

    def failed(self) -> None:
        with self._lock:
            self._failed += 1
            if self._since is not None or self._failed >= self._limit:
                self._since = self._clock()

    def _rested(self, since: float) -> bool:
        return self._clock() - since >= self._rest
