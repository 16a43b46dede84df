"""The Scorer: five components in, a score of 0 to 100 out, with its tier, its reasons and whose weights it used.

    score = 100 · weights·components

Weights are those of the tenant's published pattern while it is valid, and the documented defaults otherwise; the
decision says which, and why. One lead at a time for an application, whole frames for rescoring: same numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import numpy as np
import polars as pl

from contracts.decision import FALLBACK_IN_WORDS
from contracts.errors import InvalidPatternError
from contracts.learning import Incumbent
from contracts.outcomes import COMPONENTS, DEFAULT_WEIGHTS
from contracts.refusal import Reason
from contracts.who import DEFAULT_EDGES, NEUTRAL, TIER_STARTS, TIERS, LeadScore, WhoPattern

DEFAULTS = Incumbent(version=0, payload=None)
NEUTRAL_PATTERN = WhoPattern(DEFAULT_WEIGHTS, (NEUTRAL,) * len(COMPONENTS), DEFAULT_EDGES, intercept=0.0, slope=0.0)
WORTH_TELLING = 1.0  # points of score; a component that moved it by less is not a reason

SCORED = pl.Schema(
    {
        "score": pl.Float64(),
        "stratum": pl.Int8(),
        "tier": pl.String(),
        "probability": pl.Float64(),
        "moved_most": pl.String(),
        "pattern_version": pl.Int64(),
        "fallback": pl.String(),
    }
)
"""Columns that `score_frame` adds: as in LeadScore, `moved_most` being the component that moved the score most."""


def score(components: Sequence[float], head: Incumbent, now: datetime) -> LeadScore:
    """Score one lead under the tenant's head at `now`.

    components: five numbers in [0, 1], in the order of COMPONENTS; raises ValueError otherwise.
    """
    if len(components) != len(COMPONENTS) or not all(0.0 <= value <= 1.0 for value in components):
        raise ValueError(f"got components {tuple(components)}, wanted {len(COMPONENTS)} numbers from 0 to 1")
    pattern, fallback = pattern_in_force(head, now)
    points = 100.0 * sum(weight * value for weight, value in zip(pattern.weights, components, strict=True))
    stratum = bisect_right(pattern.decile_edges, points)
    moved = _moved(pattern, components)
    return LeadScore(
        score=points,
        stratum=stratum,
        tier=TIERS[bisect_right(TIER_STARTS, stratum) - 1],
        probability=None if fallback else 1.0 / (1.0 + math.exp(-(pattern.intercept + pattern.slope * points / 100.0))),
        weights=pattern.weights,
        moved=moved,
        because=_in_words(components, pattern, moved, fallback, head.version),
        pattern_version=0 if fallback else head.version,
        fallback=fallback,
    )


def pattern_in_force(head: Incumbent, now: datetime) -> tuple[WhoPattern, Reason | None]:
    """What a tenant is scored by: its published pattern, or the defaults and why."""
    if head.payload is None:
        return NEUTRAL_PATTERN, Reason.NO_PATTERN
    if head.valid_until is not None and now >= head.valid_until:
        return NEUTRAL_PATTERN, Reason.EXPIRED
    try:
        return WhoPattern.from_payload(head.payload), None
    except InvalidPatternError:
        return NEUTRAL_PATTERN, Reason.INVALID_PATTERN


def score_frame(leads: pl.DataFrame, heads: Mapping[UUID, Incumbent], now: datetime) -> pl.DataFrame:
    """The leads (tenant_id and COMPONENTS) with the columns of SCORED added; rows stay in their order.

    A tenant without a head is scored by the defaults. A lead with a component missing or outside [0, 1] has no score.
    """
    if leads.is_empty():
        return leads.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in SCORED.items())
    row = "_row"
    scored = [
        _score_tenant(part, heads.get(UUID(bytes=key[0]), DEFAULTS), now)
        for key, part in leads.with_row_index(row).partition_by("tenant_id", as_dict=True).items()
    ]
    return pl.concat(scored).sort(row).drop(row)


def _score_tenant(leads: pl.DataFrame, head: Incumbent, now: datetime) -> pl.DataFrame:
    pattern, fallback = pattern_in_force(head, now)
    components = leads.select(pl.col(name).cast(pl.Float64) for name in COMPONENTS).to_numpy()
    usable = ((components >= 0.0) & (components <= 1.0)).all(axis=1)  # a missing component is NaN, and compares false
    # Added up in the order of `score`, so that both give the same bits.
    points = np.zeros(len(components))
    for weight, values in zip(pattern.weights, components.T, strict=True):
        points += weight * values
    points *= 100.0
    stratum = np.searchsorted(pattern.decile_edges, points, side="right")
    tier = np.array(TIERS)[np.searchsorted(TIER_STARTS, stratum, side="right") - 1]
    chance = 1.0 / (1.0 + np.exp(-(pattern.intercept + pattern.slope * points / 100.0)))
    away = np.abs(100.0 * (components - np.array(pattern.usual)) * np.array(pattern.weights))
    most = np.array(COMPONENTS)[np.argmax(away, axis=1)]
    columns = {
        "score": points,
        "stratum": stratum.astype(np.int8),
        "tier": tier,
        "probability": chance,
        "moved_most": most,
        "pattern_version": np.full(len(leads), 0 if fallback else head.version),
        "fallback": np.full(len(leads), str(fallback or "")),
    }
    frame = leads.with_columns(pl.Series(name, values, SCORED[name]) for name, values in columns.items())
    told = frame.with_columns(
        pl.when(pl.lit(fallback is None)).then("probability").alias("probability"),
        pl.when(pl.col("fallback") != "").then("fallback").alias("fallback"),
    )
    per_lead = [name for name in SCORED if name not in ("pattern_version", "fallback")]
    return told.with_columns(pl.when(pl.Series(usable)).then(name).alias(name) for name in per_lead)


def _moved(pattern: WhoPattern, components: Sequence[float]) -> tuple[tuple[str, float], ...]:
    """Points that each component adds or takes against a usual lead, largest first."""
    points = [
        (name, 100.0 * weight * (value - usual))
        for name, weight, value, usual in zip(COMPONENTS, pattern.weights, components, pattern.usual, strict=True)
    ]
    return tuple(sorted(points, key=lambda pair: -abs(pair[1])))


def _in_words(
    components: Sequence[float],
    pattern: WhoPattern,
    moved: Sequence[tuple[str, float]],
    fallback: Reason | None,
    version: int,
) -> str:
    """`authority +8.2 (.90, usually .52), timing −3.1 (.20, usually .35); weights of version 3`."""
    told = [
        f"{name.replace('_', ' ')} {_signed(points)} ({_short(components[at])}, usually {_short(pattern.usual[at])})"
        for name, points in moved
        if abs(points) >= WORTH_TELLING
        for at in (COMPONENTS.index(name),)
    ]
    source = FALLBACK_IN_WORDS[fallback] if fallback else f"weights of version {version}"
    return f"{', '.join(told) or 'a usual lead'}; {source}"


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 1.0 else "1"
