"""How probable is it that a level is the best of its alternatives? Counted over fixed quasi-random draws.

The draws are scrambled Sobol points (Owen 1998) turned into normal deviates: one coordinate chooses the component of
the mixture, the others move the effects. They are the same in every run, so that equal posteriors have equal
probabilities, and engines can replay what they explored.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

Floats = NDArray[np.float64]

SEED = 20_260_101  # of the scrambling; any fixed number serves


def best_shares(
    basis: Floats, weight: Floats, mean: Floats, sd: Floats, groups: NDArray[np.int64], draws: int
) -> Floats:
    """(K,) share of draws in which a level is above all others of its group; sums to 1 in each group.

    basis: (W, K levels, K coordinates). weight: (W, S) of the components of the mixture, summing to 1. mean, sd:
    (W, S, K) of the coordinates in each. groups: (K,) numbers from 0.
    """
    drifts, effects, levels = mean.shape
    chosen, deviates = _draws(levels, draws)
    edges = weight.ravel().cumsum()[:-1]
    component = edges.searchsorted(chosen)
    drawn = mean.reshape(-1, levels)[component] + sd.reshape(-1, levels)[component] * deviates
    # Choices ascend, so that the draws of one drift lie together and need one product.
    bounds = np.append(component.searchsorted(np.arange(drifts) * effects), draws)
    for drift in range(drifts):
        own = slice(bounds[drift], bounds[drift + 1])
        drawn[own] = drawn[own] @ basis[drift].T
    return _wins(drawn, groups) / draws


def _wins(drawn: Floats, groups: NDArray[np.int64]) -> Floats:
    """(K,) how often each level is the highest of its group among effects (draws, K)."""
    won = np.zeros(len(groups))
    for group in range(int(groups.max()) + 1):
        members = np.flatnonzero(groups == group)
        won[members] = np.bincount(drawn[:, members].argmax(axis=1), minlength=len(members))
    return won


@lru_cache(maxsize=256)
def _draws(levels: int, draws: int) -> tuple[Floats, Floats]:
    """(draws,) uniform choices of a component, ascending, and (draws, levels) normal deviates."""
    points = qmc.Sobol(levels + 1, scramble=True, rng=np.random.default_rng(SEED)).random(draws)
    points = np.clip(points[points[:, 0].argsort()], 1e-9, 1.0 - 1e-9)
    return points[:, 0], ndtri(points[:, 1:])
