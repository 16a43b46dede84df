"""Worlds for the health of a published pattern: one level is better for a long time, and then it stays so, or turns.

Each world is one tenant and one question with four levels. Touches come day by day. A history of 64 weeks is what a
learner sees; what follows is what health looks at. Leads have a quality that nobody sees, a logged decile that sees it
with an error, and get the better level more or less often by their quality: residual confounding stays in every world.

    P(outcome) = expit(intercept + .9 · quality + effect of the level + its drift in this block of eight weeks)

How hard: at 30 conversions a week and a level that a fifth of touches use, three weeks hold 90 conversions, of which
the level brings 18 (no effect), 30 (odds ratio 2) or 10 (½). A test at 5 % that was told the day of the turn would tell
½ from "no effect" in three worlds of four; who looks every day and does not know the day needs the claim itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.level_effects import OUTCOME_SLOPE, Floats, Index, happens, pick, strata

LEVELS = 4
STRATA = 10
HISTORY_WEEKS, BLOCK_WEEKS = 64, 8


@dataclass(frozen=True)
class HealthConditions:
    """How hard the worlds are.

    conversions: a week, on average, before any turn. use: share of touches on the level in question; the others share
    the rest evenly. odds_ratio: of that level against the others; 1 is a flat world. after: what it turns into at
    `turns_at` (weeks after the history; None: never). drift: SD of what each level gains or loses anew in each block.
    """

    weeks: int = 52
    conversions: float = 30.0
    use: float = 0.2
    odds_ratio: float = 2.0
    after: float = 0.5
    turns_at: float | None = None
    base_rate: float = 0.04
    drift: float = 0.0
    confounding: float = 0.3  # log-odds per SD of quality in the choice of the level
    score_noise: float = 0.4  # SDs of quality that the logged score gets wrong

    def __post_init__(self) -> None:
        if not (0.0 < self.use < 1.0 and 0.0 < self.base_rate < 1.0 and self.conversions > 0 and self.weeks > 0):
            raise ValueError(f"got {self}: wanted shares and rates inside (0, 1), conversions and weeks above 0")


@dataclass(frozen=True)
class HealthWorld:
    """Touches in order of time, (rows,) each. day: 0 is the first after the history, which has negative days.

    level: 0 is the one in question. stratum: decile of the logged score.
    """

    day: Index
    stratum: Index
    level: Index
    outcome: NDArray[np.bool_]

    def history(self) -> tuple[Index, Index]:
        """Touches and outcomes of the history, (blocks, STRATA, LEVELS), blocks in order of time."""
        old = self.day < 0
        block = (self.day[old] + 7 * HISTORY_WEEKS) // (7 * BLOCK_WEEKS)
        shape = (HISTORY_WEEKS // BLOCK_WEEKS, STRATA, LEVELS)
        place = np.ravel_multi_index((block, self.stratum[old], self.level[old]), shape)
        size = int(np.prod(shape))
        n = np.bincount(place, minlength=size).reshape(shape)
        s = np.bincount(place[self.outcome[old]], minlength=size).reshape(shape)
        return n.astype(np.int64), s.astype(np.int64)

    def following(self) -> HealthWorld:
        """What came after the history."""
        new = self.day >= 0
        return HealthWorld(self.day[new], self.stratum[new], self.level[new], self.outcome[new])


def health_worlds(conditions: HealthConditions, count: int, seed: int) -> Iterator[HealthWorld]:
    """`count` worlds, one after the other; the same seed gives the same worlds."""
    for number in range(count):
        yield _world(conditions, np.random.default_rng((seed, number)))


def _world(conditions: HealthConditions, rng: np.random.Generator) -> HealthWorld:
    weeks = HISTORY_WEEKS + conditions.weeks
    touches = round(weeks * conditions.conversions / _rate(conditions))
    day = np.sort(rng.integers(7 * weeks, size=touches)) - 7 * HISTORY_WEEKS
    quality = rng.normal(size=touches)
    habit = np.log(np.array([conditions.use, *[(1.0 - conditions.use) / (LEVELS - 1)] * (LEVELS - 1)]))
    tilt = conditions.confounding * rng.normal(size=LEVELS)
    level = pick(habit + quality[:, None] * tilt, rng)
    blocks = -(-weeks // BLOCK_WEEKS)
    moving: Floats = conditions.drift * rng.normal(size=(blocks, LEVELS))
    block = (day + 7 * HISTORY_WEEKS) // (7 * BLOCK_WEEKS)
    effect = np.where(level == 0, np.log(_odds(conditions, day)), 0.0) + moving[block, level]
    outcome = happens(_intercept(conditions) + OUTCOME_SLOPE * quality + effect, rng)
    return HealthWorld(day, strata(quality, conditions.score_noise, rng), level, outcome)


def _odds(conditions: HealthConditions, day: Index) -> Floats:
    if conditions.turns_at is None:
        return np.full(len(day), conditions.odds_ratio)
    return np.where(day >= 7 * conditions.turns_at, conditions.after, conditions.odds_ratio)


def _intercept(conditions: HealthConditions) -> float:
    return float(np.log(conditions.base_rate / (1.0 - conditions.base_rate)))


def _rate(conditions: HealthConditions) -> float:
    """Outcomes per touch before any turn, over qualities that are not tilted: close enough to size a world by."""
    quality = np.linspace(-4.0, 4.0, 801)
    weight = np.exp(-(quality**2) / 2.0)
    better, other = (
        float((weight / (1.0 + np.exp(-(_intercept(conditions) + OUTCOME_SLOPE * quality + effect)))).sum())
        for effect in (np.log(conditions.odds_ratio), 0.0)
    )
    return (conditions.use * better + (1.0 - conditions.use) * other) / float(weight.sum())
