"""The types of patterns that there are. A pattern's type is its learner; a test holds the registry to this list."""

from __future__ import annotations

from enum import StrEnum


class PatternType(StrEnum):
    WHO = "who"  # which leads convert
    WHAT = "what"  # which content brings outcomes
    WHEN = "when"  # at which hour, which touch, after which gap
    HOW = "how"  # through which channels
