"""How long does it take to plan a million leads? One core, beside the same engine asked one lead after the other.

Leads of one tenant in six zones, most of them touched before, with claimed patterns of HOW (next channel) and WHEN
(hours and gaps), all five channels, and caps that run out before the leads do. The peer is the obvious loop:
`next_touch` for each lead and a counter for each cap, over the first leads of the same plan; choices are compared.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import polars as pl

from algorithms.threads import one_thread
from benchmarks.harness import Figure, benchmark
from contracts.allocation import AllocationRules, Candidate
from contracts.how import NO_CHANNEL, HowPattern, next_key
from contracts.learning import Incumbent
from contracts.levels import Comparison, Level, Recommendation
from contracts.outcomes import CHANNELS
from contracts.when import GAP_BINS, WhenPattern, hour_key
from engines import how, when
from engines.allocator import Planning, next_touch
from engines.allocator_frame import TO_PLAN, Plan, plan

NOW = datetime(2026, 3, 26, 11, 20, tzinfo=UTC)
"""A Thursday; Europe's clocks go forward on the Sunday after it."""

ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", None)
SALES_WEEK = tuple(24 * weekday + hour for weekday in range(6) for hour in range(8, 20))
FULL, QUICK = 1_000_000, 100_000
SAMPLE = 5_000  # leads of the loop
SHARES = {"email": 0.6, "sms": 0.1, "linkedin": 0.15, "voice": 0.1, "mail": 0.02}  # caps of a week, of all leads
SEED = 7
MINUTE = 60.0


@benchmark("allocator", "How long does it take to plan a million leads?")
def measure(arguments: argparse.Namespace) -> list[Figure]:
    leads, planning = world(QUICK if arguments.quick else FULL)
    with one_thread():
        began, worked = time.perf_counter(), time.process_time()
        made = plan(leads, planning)
        seconds, worked = time.perf_counter() - began, time.process_time() - worked
        began = time.perf_counter()
        alike = one_by_one(made, planning)
        loop = (time.perf_counter() - began) / SAMPLE * leads.height
    touched = made.decisions["channel"].count() / leads.height
    return [
        Figure("leads", leads.height, "leads of one tenant"),
        Figure("seconds", seconds, "seconds to plan them, reasons in words included", target=_wanted(arguments.quick)),
        Figure(None, worked, "CPU-seconds of these"),
        Figure("loop_ratio", loop / seconds, "times as long takes one lead after the other",
               peer=f"{loop:,.1f} s, from {SAMPLE:,} leads"),
        Figure("same_as_loop", alike, "share of the loop's decisions that are the same", target="1"),
        Figure("touched", touched, "share of leads that got a touch"),
        Figure("closings", len(made.closings), "caps that ran out on the way"),
    ]  # fmt: skip


def world(count: int) -> tuple[pl.DataFrame, Planning]:
    """Leads of one tenant, and what they are planned by."""
    rng = np.random.default_rng(SEED)
    touches = rng.integers(0, 9, count)
    had = touches > 0
    last = NOW.timestamp() - rng.uniform(0.0, 20.0, count) * 86_400
    leads = pl.DataFrame(
        {
            "lead_id": [int(number).to_bytes(16, "big") for number in rng.permutation(count)],
            "score": rng.uniform(0.0, 100.0, count),
            "touches": touches,
            "previous": np.where(had, np.array(CHANNELS)[rng.integers(0, len(CHANNELS), count)], NO_CHANNEL),
            "last": pl.Series(np.where(had, last * 1e6, np.nan)).fill_nan(None).cast(pl.Int64),
            "opted_out": rng.random(count) < 0.02,
            "has_email": rng.random(count) < 0.95,
            "has_phone": rng.random(count) < 0.6,
            "time_zone": pl.Series(ZONES)[rng.integers(0, len(ZONES), count)],
        }
    ).cast(dict(TO_PLAN))  # type: ignore[arg-type]
    caps = {channel: max(1, round(share * count / 7)) for channel, share in SHARES.items()}
    rules = AllocationRules(hours=SALES_WEEK, daily_caps=caps)
    return leads, Planning(NOW, rules, "Europe/London", how.advise(_how(), NOW), when.advise(_when(), NOW))


def one_by_one(made: Plan, planning: Planning) -> float:
    """Ask for the first leads one after the other; the share of decisions that are those of the plan."""
    used: Counter[tuple[str, object]] = Counter()
    full: set[tuple[str, object]] = set()
    same = 0
    for row in made.decisions.head(SAMPLE).iter_rows(named=True):
        decided = next_touch(_candidate(row), planning, frozenset(full))  # type: ignore[arg-type]
        touch = decided.touch
        if touch:
            used[touch.channel, touch.day] += 1
            if used[touch.channel, touch.day] >= planning.rules.daily_caps[touch.channel]:
                full.add((touch.channel, touch.day))
        chosen = (touch.channel, touch.scheduled_at, touch.propensity) if touch else (None, None, None)
        same += (row["channel"], row["scheduled_at"], row["propensity"]) == chosen and row["because"] == decided.because
    return same / min(SAMPLE, made.decisions.height)


def _candidate(row: Mapping[str, object]) -> Candidate:
    fields = {name: row[name] for name in TO_PLAN if name != "lead_id"}
    assert isinstance(row["lead_id"], bytes)
    return Candidate(UUID(bytes=row["lead_id"]), **fields)  # type: ignore[arg-type]


def _how() -> Incumbent:
    gains = {
        next_key(before, channel): 0.08 * place - 0.3 * (before == channel)
        for before in (*CHANNELS, NO_CHANNEL)
        for place, channel in enumerate(CHANNELS)
    }
    return Incumbent(1, HowPattern(None, _claimed("next_channel", gains)).to_payload(), valid_until=NOW + timedelta(20))


def _when() -> Incumbent:
    hours = {hour_key(hour): 0.4 * math.cos((hour % 24 - 10) / 24 * math.tau) for hour in range(168)}
    gaps = {name: 0.2 - 0.1 * abs(place - 3) for place, name in enumerate(GAP_BINS)}
    pattern = WhenPattern(_claimed("hours", hours), _claimed("gaps", gaps))
    return Incumbent(1, pattern.to_payload(), valid_until=NOW + timedelta(20))


def _claimed(name: str, gains: Mapping[str, float]) -> Comparison:
    odds = {key: math.exp(6.0 * gain) for key, gain in gains.items()}
    levels = tuple(
        Level(key, 100, 10, 1.0 / len(gains), gain, 0.1, 0.8, odds[key] / sum(odds.values()))
        for key, gain in gains.items()
    )
    best = max(gains, key=gains.__getitem__)
    recommended = Recommendation(best, gains[best], 0.05, 0.5, 0.12)
    return Comparison(name, 10_000, 1_000, 0.1, 0.9, True, False, recommended, levels)


def _wanted(quick: bool) -> str:
    return f"≤ {MINUTE * (QUICK / FULL if quick else 1.0):g}"


if __name__ == "__main__":
    measure.main()
