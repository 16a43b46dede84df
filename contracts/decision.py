"""What every engine hands back: its choice with the reason in words, so that no choice is ever without one."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.refusal import Reason

_WHY = {
    Reason.NO_PATTERN: "nothing has been published for this tenant yet",
    Reason.EXPIRED: "the published pattern has expired",
    Reason.INVALID_PATTERN: "the published pattern cannot be read",
    Reason.NOT_CLAIMED: "the published pattern claims nothing about this",
}


def fallback_in_words(instead: str, reason: Reason) -> str:
    """`default weights: the published pattern has expired`. instead: what decides where no pattern does."""
    return f"{instead}: {_WHY[reason]}"


FALLBACK_IN_WORDS = {reason: fallback_in_words("default weights", reason) for reason in _WHY}
"""The scorer's wording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision of one engine; engines derive their own from it and add what they chose.

    because: the reason, for people. pattern_version: what it was decided by; 0 stands for the defaults.
    fallback: why the defaults decided, None where a published pattern did.
    """

    because: str
    pattern_version: int
    fallback: Reason | None = None
