"""Does daily looking leave healthy patterns alone, and see within three weeks that one has turned?

Worlds of simulation.health_worlds: a history of 64 weeks through the evidence engine, and where it claims something, a
look at every day that follows. Healthy: the level stays as good as it was, without drift and with an ordinary one (.15
a block); or nothing differs, and what the engine holds for best is put in force all the same (it claims nothing in such
worlds). Turned: the odds ratio goes from 2 to ½.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from algorithms.evidence import Compared, LevelCounts, compare
from algorithms.evidence.kernels import independent
from algorithms.health import ALPHA
from algorithms.health_levels import Drift, Rows, limit, look
from benchmarks.harness import Figure, benchmark
from simulation.health_worlds import LEVELS, HealthConditions, HealthWorld, health_worlds

KEYS = tuple("abcd"[:LEVELS])
WEEKS, LONGER = 3, 6
SEED = 20
BATCH = 50
"""Worlds that lie in memory together."""


@dataclass(frozen=True, slots=True)
class Share:
    """Of so many heads, how many were flagged; worlds: that were drawn for it."""

    flagged: int
    heads: int
    worlds: int

    @property
    def value(self) -> float:
        return self.flagged / self.heads if self.heads else float("nan")

    def __add__(self, other: Share) -> Share:
        return Share(self.flagged + other.flagged, self.heads + other.heads, self.worlds + other.worlds)

    def __str__(self) -> str:
        return f"{self.flagged} of {self.heads} heads, {self.worlds} worlds"


def looks(conditions: HealthConditions, worlds: int, seed: int) -> Iterator[Drift]:
    """What daily looks find of every head that its history earned; of flat worlds, of what it holds for best."""
    drawn = health_worlds(conditions, worlds, seed)
    while some := [world for _, world in zip(range(BATCH), drawn, strict=False)]:
        yield from _looks(conditions, some)


def _looks(conditions: HealthConditions, some: Sequence[HealthWorld]) -> Iterator[Drift]:
    counts = [LevelCounts(KEYS, *world.history()) for world in some]
    results = compare("channels", counts, independent, randomised=[False] * len(some))
    for world, result in zip(some, results, strict=True):
        if not isinstance(result, Compared):
            continue
        found = result.comparison
        if conditions.odds_ratio != 1.0 and not (found.claimed and found.recommendation.key == KEYS[0]):
            continue
        new = world.following()
        rows = Rows(new.day, new.stratum, new.level, new.outcome, KEYS)
        yield look(found, rows, start=0, limit=limit(1, ALPHA))


def ever(conditions: HealthConditions, worlds: int, seed: int = SEED) -> Share:
    """Heads that were flagged on any day."""
    found = [drift.day is not None for drift in looks(conditions, worlds, seed)]
    return Share(sum(found), len(found), worlds)


def within(conditions: HealthConditions, worlds: int, weeks: int = WEEKS, seed: int = SEED + 1) -> Share:
    """Heads that were flagged within so many weeks of the turn, or before it."""
    assert conditions.turns_at is not None
    last = 7 * (conditions.turns_at + weeks)
    found = [drift.day is not None and drift.day < last for drift in looks(conditions, worlds, seed)]
    return Share(sum(found), len(found), worlds)


def turning(weeks_before: int = 0, weeks: int = WEEKS, **changes: float) -> HealthConditions:
    return HealthConditions(weeks=weeks_before + weeks, turns_at=weeks_before, **changes)


@benchmark("health", "Are healthy patterns left alone by daily looks, and turned ones seen within three weeks?")
def measure(arguments: argparse.Namespace) -> list[Figure]:
    steady, flat, turned, other = (50, 60, 100, 20) if arguments.quick else (200, 400, 400, 150)
    still = ever(HealthConditions(), steady)
    moving = ever(HealthConditions(drift=0.15), steady)
    large = ever(HealthConditions(drift=0.15, conversions=90), steady // 4)
    nothing = ever(HealthConditions(odds_ratio=1.0), flat)
    healthy = still + moving + large + nothing
    hardest = within(turning(), turned)
    return [
        Figure("flat_flagged_share", healthy.value, "healthy heads ever flagged, 52 weeks of daily looks",
               str(healthy), "≤ .05"),
        Figure(None, still.value, "  level stays as it was", str(still)),
        Figure(None, moving.value, "  the same with drift .15 a block", str(moving)),
        Figure(None, large.value, "  the same with 90 conversions a week", str(large)),
        Figure(None, nothing.value, "  nothing differs, whatever is in force", str(nothing)),
        Figure("reversal_flagged_share_3_weeks", hardest.value,
               "odds ratio 2 → ½, flagged within 3 weeks: 30 a week, level used in .2", str(hardest), "≥ .80"),
        *(_beside(f"  {conversions:g} conversions a week", turning(conversions=conversions), other)
          for conversions in (60.0, 20.0, 10.0, 5.0)),
        _beside("  level used in .35 of touches", turning(use=0.35), other),
        *(_beside(f"  turns {after} weeks after it was learned, within {weeks}", turning(after, weeks), other, weeks)
          for after in (4, 12, 26) for weeks in (WEEKS, LONGER)),
    ]  # fmt: skip


def _beside(meaning: str, conditions: HealthConditions, worlds: int, weeks: int = WEEKS) -> Figure:
    share = within(conditions, worlds, weeks)
    return Figure(None, share.value, meaning, str(share))


if __name__ == "__main__":
    np.seterr(invalid="raise")
    measure.main()
