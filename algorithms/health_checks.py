"""The plain checks of a head: age, validity, promises kept, inputs known, rows as usual, engines not falling back.

Each says what was looked at in words and numbers; none of them takes a pattern back. Thresholds stand beside what they
are for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from algorithms.multi_channel import wilson
from contracts.health import Check, Health
from contracts.refusal import Reason, Refusal

STALE_DAYS = 15
"""Two weekly runs and a day: a head that was not judged since has been missed twice."""

SOON_DAYS = 3
"""Days before the end of validity in which an operator can still act."""

Z95 = 1.959963984540054
BROKEN_PROMISE = 1.5
"""Ratio between what was said and what happened that is worth a look, where it is beyond chance as well."""

KNOWN_SHARE, LEAST_KNOWN = 0.5, 100
"""Share of touches whose level and stratum must be known, judged from so many touches on."""

USUAL_WEEKS, LEAST_WEEKS, UNUSUAL = 8, 4, 4.0
"""Weeks that say what a weekday usually brings, so many at least, and robust standard deviations that are unusual."""

MAD_TO_SD = 1.4826


def freshness(window_end: datetime, as_of: datetime) -> Check:
    """How old is what was learned? A head that a run confirms keeps its age, so that this alone is no fault."""
    days = (as_of - window_end) / timedelta(days=1)
    health = Health.WATCH if days > STALE_DAYS else Health.HEALTHY
    return Check("freshness", health, f"learned from outcomes up to {window_end:%d %b %Y}, {days:.0f} days ago")


def expiry(valid_until: datetime, as_of: datetime) -> Check:
    """Do engines still act on it?"""
    left = (valid_until - as_of) / timedelta(days=1)
    if left <= 0.0:
        return Check("expiry", Health.EXPIRED, f"expired on {valid_until:%d %b %Y}, {-left:.0f} days ago")
    health = Health.WATCH if left <= SOON_DAYS else Health.HEALTHY
    return Check("expiry", health, f"valid until {valid_until:%d %b %Y}, {left:.0f} more days")


def promise(said: float, happened: int, among: int, what: str) -> Check:
    """Is the rate that was promised the rate that came? happened of `among`; what: of what, in words."""
    if among < LEAST_KNOWN:
        refusal = Refusal(Reason.TOO_FEW_OUTCOMES, among, LEAST_KNOWN, what)
        return Check("calibration", Health.HEALTHY, f"{among} {what} since, too few to compare rates", refusal)
    rate = happened / among
    low, high = wilson(rate, among, Z95)
    off = max(said, rate) / max(min(said, rate), 1e-9)
    broken = not low <= said <= high and off >= BROKEN_PROMISE
    words = f"said {said:.1%}, happened {rate:.1%} ({low:.1%} to {high:.1%}) of {among:,} {what}"
    return Check("calibration", Health.WATCH if broken else Health.HEALTHY, words)


def coverage(known: int, of: int, what: str) -> Check:
    """Do enough touches still bring what the pattern is about?"""
    if of < LEAST_KNOWN:
        refusal = Refusal(Reason.TOO_FEW_OUTCOMES, of, LEAST_KNOWN, "touches")
        return Check("coverage", Health.HEALTHY, f"{of} touches since, too few to judge what they bring", refusal)
    health = Health.WATCH if known < KNOWN_SHARE * of else Health.HEALTHY
    return Check("coverage", health, f"{known / of:.0%} of {of:,} touches bring {what}")


def volume(daily: pl.DataFrame | None, rows: str) -> Check:
    """Are the last 24 hours like other days of their weekday? daily: day (0 is the last), n; missing days are 0."""
    counts: Mapping[int, int] = {} if daily is None else dict(daily.select("day", "n").iter_rows())
    oldest = max(counts, default=0)
    usual = [counts.get(7 * week, 0) for week in range(1, USUAL_WEEKS + 1) if 7 * week <= oldest]
    if len(usual) < LEAST_WEEKS:
        refusal = Refusal(Reason.TOO_FEW_OUTCOMES, len(usual), LEAST_WEEKS, "weeks before")
        return Check("volume", Health.HEALTHY, f"{len(usual)} weeks of {rows}, too few to say what is usual", refusal)
    middle = float(np.median(usual))
    spread = MAD_TO_SD * float(np.median(np.abs(np.array(usual) - middle)))
    away = (counts.get(0, 0) - middle) / max(spread, math.sqrt(middle), 1.0)
    health = Health.WATCH if abs(away) > UNUSUAL else Health.HEALTHY
    words = f"{counts.get(0, 0):,} {rows} in the last day, {middle:,.0f} usual on this weekday"
    return Check("volume", health, words)


def fallbacks(by_reason: Mapping[str, int], decisions: int) -> Check:
    """Did engines act on the pattern in the last day? by_reason: decisions by defaults; NOT_CLAIMED is normal."""
    strange = {reason: n for reason, n in sorted(by_reason.items()) if reason != Reason.NOT_CLAIMED}
    if not decisions:
        return Check("fallbacks", Health.HEALTHY, "no decision in the last day")
    told = ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in strange.items())
    health = Health.WATCH if strange else Health.HEALTHY
    return Check("fallbacks", health, f"{decisions:,} decisions in the last day, by defaults: {told or 'none'}")
