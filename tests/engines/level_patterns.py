"""Published patterns of HOW and WHEN, as tests want them: gains by level, claimed or not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from contracts.how import HowPattern
from contracts.learning import Incumbent
from contracts.levels import Comparison, Level, Recommendation
from contracts.when import WhenPattern

SHARPNESS = 8.0
"""How fast P(best) falls with gain: a level that is .1 below the best is best half as often."""


def comparison(
    name: str, gains: Mapping[str, float], *, claimed: bool = True, use: Mapping[str, float] = {}
) -> Comparison:
    """use: shares in the tenant's mix; equal ones where it names none."""
    odds = {key: math.exp(SHARPNESS * gain) for key, gain in gains.items()}
    levels = tuple(
        Level(
            key, n=100, s=10, use=use.get(key, 1.0 / len(gains)), gain=gain, sd=0.1,
            p_better=0.9 if gain > 0 else 0.1, p_best=odds[key] / sum(odds.values()),
        )
        for key, gain in gains.items()
    )  # fmt: skip
    best = max(gains, key=gains.__getitem__)
    return Comparison(
        name, sample_size=1000, outcomes=100, rate=0.1, confidence=0.9 if claimed else 0.4, claimed=claimed,
        randomised=False, recommendation=Recommendation(best, gains[best], 0.05, 0.5, 0.12), levels=levels,
    )  # fmt: skip


def how_head(
    channels: Comparison | None = None,
    next_channel: Comparison | None = None,
    *,
    version: int = 3,
    valid_until: datetime | None = None,
) -> Incumbent:
    return Incumbent(version, HowPattern(channels, next_channel).to_payload(), valid_until=valid_until)


def when_head(
    hours: Comparison | None = None,
    gaps: Comparison | None = None,
    *,
    version: int = 5,
    valid_until: datetime | None = None,
) -> Incumbent:
    return Incumbent(version, WhenPattern(hours, gaps).to_payload(), valid_until=valid_until)


NOTHING = Incumbent(version=0, payload=None)
