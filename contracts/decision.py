"""What every engine hands back: its choice with the reason in words, so that no choice is ever without one."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.refusal import Reason

FALLBACK_IN_WORDS = {
    Reason.NO_PATTERN: "default weights: nothing has been published for this tenant yet",
    Reason.EXPIRED: "default weights: the published pattern has expired",
    Reason.INVALID_PATTERN: "default weights: the published pattern cannot be read",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision of one engine; engines derive their own from it and add what they chose.

    because: the reason, for people. pattern_version: what it was decided by; 0 stands for the defaults.
    fallback: why the defaults decided, None where a published pattern did.
    """

    because: str
    pattern_version: int
    fallback: Reason | None = None
