"""What do the patterns in force claim? All four read once, for whoever designs: by rules, or with Claude."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from contracts.agents import Basis
from contracts.designs import Known
from contracts.how import HowPattern
from contracts.learning import Incumbent
from contracts.levels import Comparison
from contracts.refusal import Reason
from contracts.what import WhatPattern
from contracts.when import TouchYield, WhenPattern
from contracts.who import Level, WhoPattern
from engines.in_force import in_force

READERS = {
    "who": WhoPattern.from_payload,
    "what": WhatPattern.from_payload,
    "when": WhenPattern.from_payload,
    "how": HowPattern.from_payload,
}
NOTHING_PUBLISHED = Incumbent(version=0, payload=None)
MOST_SEGMENTS = 3
"""Segments that are proposed: more are not told apart by one campaign."""


def read(heads: Mapping[str, Incumbent], now: datetime, *, patterns: tuple[str, ...] = tuple(READERS)) -> Known:
    """What a tenant's heads say at `now`. heads: by pattern type. patterns: those to look at."""
    basis: list[Basis] = []
    claims: dict[str, Comparison] = {}
    yields: tuple[TouchYield, ...] = ()
    segments: tuple[Level, ...] = ()
    columns: dict[str, frozenset[str]] = {}
    for name in patterns:
        head = heads.get(name, NOTHING_PUBLISHED)
        pattern = in_force(head, now, READERS[name])
        if isinstance(pattern, Reason):
            basis.append(Basis(name, 0, str(pattern)))
            continue
        basis.append(Basis(name, head.version))
        claims.update(_claimed(pattern))
        if isinstance(pattern, WhenPattern):
            yields = pattern.touches
        if isinstance(pattern, WhoPattern):
            segments = _better(pattern)
            columns = _columns(pattern)
    return Known(tuple(basis), claims, yields, segments, columns)


def facts(known: Known) -> list[str]:
    """Everything that is claimed, one sentence each; `nothing is claimed` as its own sentence."""
    told = [_told(question, claim) for question, claim in known.claims.items()]
    if known.yields:
        told.append("Outcomes a touch, by its number: " + ", ".join(f"{y.touch}: {y.hazard:.3f}" for y in known.yields))
    told += [
        f"Leads with {one.dimension} = {one.level} convert better: {one.s} of {one.n}, {one.rate:.3f} shrunk."
        for one in known.segments
    ]
    return told or ["No pattern in force claims anything about this."]


def in_short(known: Known) -> list[str]:
    """The same for a terminal: `hours: tue-10 +0.31 (90 % +0.08 to +0.54), confidence 0.88`."""
    told = []
    for question, claim in known.claims.items():
        best = claim.recommendation
        told.append(
            f"{question.replace('_', ' ')}: {best.key} {best.gain:+.2f} (90 % {best.low:+.2f} to {best.high:+.2f}), "
            f"confidence {claim.confidence:.2f}"
        )
    return told


def _told(question: str, claim: Comparison) -> str:
    best = claim.recommendation
    kind = "randomised" if claim.randomised else "observational: an association"
    others = sorted((level for level in claim.levels if level.key != best.key), key=lambda level: -level.gain)[:4]
    ranked = ", ".join(f"{level.key} {level.gain:+.2f}" for level in others)
    return (
        f"{question}: {best.key} does best, {best.gain:+.2f} log-odds over today's mix (90 % {best.low:+.2f} to "
        f"{best.high:+.2f}), {best.rate:.4f} outcomes a touch against {claim.rate:.4f}; confidence "
        f"{claim.confidence:.2f}, {claim.sample_size} touches, {kind}. Next: {ranked or 'nothing else'}."
    )


def _claimed(pattern: object) -> Iterator[tuple[str, Comparison]]:
    match pattern:
        case WhenPattern():
            asked = {"hours": pattern.hours, "gaps": pattern.gaps}
        case HowPattern():
            asked = {"channels": pattern.channels, "next_channel": pattern.next_channel}
        case WhatPattern():
            asked = dict(pattern.features)
        case _:
            asked = {}
    return ((question, found) for question, found in asked.items() if found is not None and found.claimed)


def _better(pattern: WhoPattern) -> tuple[Level, ...]:
    """Significant levels above the rate of their column, best first."""
    overall = {
        column: sum(one.s for one in pattern.dimensions if one.dimension == column)
        / max(1, sum(one.n for one in pattern.dimensions if one.dimension == column))
        for column in {one.dimension for one in pattern.dimensions}
    }
    better = [one for one in pattern.dimensions if one.significant and one.rate > overall[one.dimension]]
    return tuple(sorted(better, key=lambda one: (-one.rate, one.dimension, one.level))[:MOST_SEGMENTS])


def _columns(pattern: WhoPattern) -> dict[str, frozenset[str]]:
    return {
        column: frozenset(one.level for one in pattern.dimensions if one.dimension == column)
        for column in {one.dimension for one in pattern.dimensions}
    }
