"""One tenant's published patterns, small enough to be read: what tests of designs rest on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from contracts.designs import Brief
from contracts.how import HowPattern
from contracts.learning import Incumbent
from contracts.levels import Comparison, Level, Recommendation
from contracts.what import WhatPattern
from contracts.when import TouchYield, WhenPattern
from contracts.who import Level as Group
from contracts.who import WhoPattern
from engines import claims

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
SOON = NOW + timedelta(days=20)


def comparison(name: str, gains: Mapping[str, float], *, claimed: bool = True) -> Comparison:
    """Levels with these gains; the best is recommended."""
    best = max(gains, key=lambda key: gains[key])
    levels = tuple(
        Level(key, n=400, s=20, use=1 / len(gains), gain=gain, sd=0.1, p_better=0.8, p_best=1.0 * (key == best))
        for key, gain in gains.items()
    )
    top = Recommendation(best, gains[best], gains[best] - 0.2, gains[best] + 0.2, rate=0.06)
    return Comparison(
        name, 400 * len(gains), 20 * len(gains), 0.05, 0.9 if claimed else 0.3, claimed, False, top, levels
    )


def yields(*hazards: float) -> tuple[TouchYield, ...]:
    return tuple(TouchYield(number, 500, 20, one, one / 2, one * 2) for number, one in enumerate(hazards, start=1))


WHO = WhoPattern(
    weights=(0.1, 0.4, 0.2, 0.3, 0.0),
    usual=(0.5, 0.5, 0.5, 0.4, 0.9),
    decile_edges=(20, 30, 36, 42, 47, 52, 58, 64, 75),
    intercept=-5.0,
    slope=6.0,
    dimensions=(
        Group("title", "cfo", 200, 30, 0.14, significant=True),
        Group("title", "clerk", 800, 8, 0.012, significant=True),
        Group("industry", "law", 400, 22, 0.05, significant=False),
    ),
)
WHAT = WhatPattern(
    features={
        "angle": comparison("angle", {"social_proof": 0.4, "roi": 0.0, "pain": -0.2}),
        "cta": comparison("cta", {"reply": 0.1, "book_call": 0.0}, claimed=False),
        "length_band": comparison("length_band", {"medium": 0.3, "short": 0.1, "long": -0.5}),
    },
    templates=40,
    template_sd=0.2,
)
WHEN = WhenPattern(
    hours=comparison("hours", {"tue-10": 0.31, "sat-20": 0.6, "fri-16": -0.2}),
    gaps=comparison("gaps", {"2": 0.0, "4-5": 0.3}),
    touches=yields(0.05, 0.04, 0.03, 0.02, 0.01, 0.005),
)
HOW = HowPattern(
    channels=comparison("channels", {"linkedin": 0.2, "email": 0.0, "voice": -0.1}),
    next_channel=comparison("next_channel", {"linkedin>email": 0.3, "email>voice": 0.2, "voice>email": -0.4}),
)

HEADS = {
    "who": Incumbent(7, WHO.to_payload(), valid_until=SOON),
    "what": Incumbent(4, WHAT.to_payload(), valid_until=SOON),
    "when": Incumbent(3, WHEN.to_payload(), valid_until=SOON),
    "how": Incumbent(2, HOW.to_payload(), valid_until=SOON),
}

LEARNED = Brief(claims.read(HEADS, NOW), offer="Bookkeeping for small law firms.")
NOTHING = Brief(claims.read({}, NOW))
