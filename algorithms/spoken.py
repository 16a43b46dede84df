"""How every learner words a claim: the gain as a change of odds, and how sure it is."""

from __future__ import annotations

import math

from contracts.levels import Comparison

MOST_SAID = 0.99
"""Highest confidence that is said as a number: nothing here is certain."""


def odds(gain: float) -> str:
    """`+40 % odds` for a log-odds of .34."""
    return f"{math.expm1(gain):+.0%} odds".replace("%", " %")


def recommended(comparison: Comparison) -> str:
    """`+40 % odds (confidence 84 %)`: the gain of the recommended level."""
    sure = comparison.confidence
    said = f"over {MOST_SAID:.0%}" if sure > MOST_SAID else f"{sure:.0%}"
    return f"{odds(comparison.recommendation.gain)} (confidence {said.replace('%', ' %')})"
