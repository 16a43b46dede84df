"""Which pattern may an engine act on? The tenant's head while it is valid and readable; otherwise, why none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from contracts.errors import InvalidPatternError
from contracts.learning import Incumbent, Payload
from contracts.refusal import Reason

Pattern = TypeVar("Pattern")


def in_force(head: Incumbent, now: datetime, read: Callable[[Payload], Pattern]) -> Pattern | Reason:
    """The pattern of a head at `now`, or NO_PATTERN, EXPIRED or INVALID_PATTERN."""
    if head.payload is None:
        return Reason.NO_PATTERN
    if head.valid_until is not None and now >= head.valid_until:
        return Reason.EXPIRED
    try:
        return read(head.payload)
    except InvalidPatternError:
        return Reason.INVALID_PATTERN
