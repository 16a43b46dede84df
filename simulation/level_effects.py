"""What every small world of levels shares: its conditions, effects with drift, and a noisy score cut into strata.

Prior-drawn effects follow the stated prior (detectors.md, §0), so that confidence can be checked on its own terms; the
numbers are written here a second time on purpose: a world does not move when a learner's defaults do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Planting = Literal["planted", "null", "prior"]

BLOCKS, STRATA = 8, 10

REAL_SHARE = 0.5
EFFECT_SDS, EFFECT_SHARES = (0.1, 0.2, 0.4, 0.8), (0.2, 0.3, 0.3, 0.2)
DRIFT_SDS, DRIFT_SHARES = (0.0, 0.15, 0.3, 0.6), (0.55, 0.2, 0.15, 0.1)

OUTCOME_SLOPE = 0.9
"""Log-odds of an outcome per SD of lead quality, at a confounding of 1."""


@dataclass(frozen=True)
class Conditions:
    """How hard the worlds of one batch are. Raises ValueError where nothing could be drawn.

    effects: `planted` as each world says; `null` means no lasting effect; `prior` draws half of the worlds null, and
    effects and drift of all from the stated prior.
    """

    worlds: int = 400
    size: int = 2_000  # of each world: touches for WHAT and WHEN, leads for HOW
    base_rate: float = 0.30  # P(outcome) of a touch, lead of mean quality, every effect zero
    confounding: float = 1.0  # log-odds per SD of quality in the choice of level, and OUTCOME_SLOPE of it in outcomes
    effects: Planting = "planted"
    drift: float = 0.0  # SD of what each level gains or loses anew in every block; the prior brings its own
    score_noise: float = 0.4  # SDs of quality that the logged score gets wrong

    def __post_init__(self) -> None:
        if self.worlds < 1 or self.size < 1 or not 0.0 < self.base_rate < 1.0:
            raise ValueError(f"got {self}: wanted at least one world, one row, and a rate inside (0, 1)")
        if self.effects == "prior" and self.drift:
            raise ValueError("got a drift for worlds whose drift is drawn from the prior")

    @property
    def intercept(self) -> float:
        return float(np.log(self.base_rate / (1.0 - self.base_rate)))


@dataclass(frozen=True)
class Effects:
    """Log-odds of each level. lasting, following: (worlds, levels); moving: (worlds, BLOCKS, levels).

    real: (worlds,) whether anything lasting was planted. following is what holds in the next period: lasting plus a
    fresh draw of the drift.
    """

    real: NDArray[np.bool_]
    lasting: Floats
    moving: Floats
    following: Floats

    def at(self, world: Index, block: Index, level: Index) -> Floats:
        """(rows,) what the level of each row did in its block."""
        felt: Floats = self.lasting[world, level] + self.moving[world, block, level]
        return felt


def draw_effects(planted: Floats, similarity: Floats, conditions: Conditions, rng: np.random.Generator) -> Effects:
    """Effects of `conditions.worlds` worlds.

    planted: (worlds, levels), used where planting is asked for. similarity: (levels, levels) covariance of prior-drawn
    effects and of drift, up to their variance.
    """
    worlds, levels = conditions.worlds, planted.shape[1]
    root = np.linalg.cholesky(similarity + 1e-9 * np.eye(levels))
    real = np.full(worlds, conditions.effects == "planted")
    lasting, drift = planted * real[:, None], np.full(worlds, conditions.drift)
    if conditions.effects == "prior":
        real = rng.random(worlds) < REAL_SHARE
        spread = rng.choice(EFFECT_SDS, worlds, p=EFFECT_SHARES) * real
        lasting = spread[:, None] * (rng.normal(size=(worlds, levels)) @ root.T)
        drift = rng.choice(DRIFT_SDS, worlds, p=DRIFT_SHARES)
    moving = drift[:, None, None] * (rng.normal(size=(worlds, BLOCKS + 1, levels)) @ root.T)
    return Effects(real, lasting, moving[:, :BLOCKS], lasting + moving[:, BLOCKS])


def in_time(conditions: Conditions) -> tuple[Index, Index]:
    """(rows,) world and block of every touch (or lead): in order of time, blocks of equal size."""
    world = np.repeat(np.arange(conditions.worlds), conditions.size)
    block = np.tile(np.arange(conditions.size) * BLOCKS // conditions.size, conditions.worlds)
    return world, block


def strata(quality: Floats, noise: float, rng: np.random.Generator) -> Index:
    """(n,) decile 0 … 9 of a score that sees quality, N(0, 1), with an error; edges are the population's, frozen."""
    score = quality + noise * rng.normal(size=len(quality))
    edges = np.sqrt(1.0 + noise**2) * ndtri(np.arange(1, STRATA) / STRATA)
    decile: Index = np.searchsorted(edges, score, side="right")
    return decile


def pick(log_weights: Floats, rng: np.random.Generator) -> Index:
    """(n,) one column a row, with probability proportional to exp of its entry, by inverse CDF."""
    ladder = np.exp(log_weights - log_weights.max(axis=1, keepdims=True)).cumsum(axis=1)
    drawn = rng.random(len(ladder)) * ladder[:, -1]
    chosen: Index = (ladder < drawn[:, None]).sum(axis=1)
    return chosen


def happens(log_odds: Floats, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n,) coin of each row."""
    return rng.random(len(log_odds)) < 1.0 / (1.0 + np.exp(-log_odds))
