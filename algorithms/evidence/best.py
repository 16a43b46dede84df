"""How probable is it that a level is the best of its alternatives? Counted over fixed quasi-random draws.

The draws are scrambled Sobol points (Owen 1998) turned into normal deviates: one coordinate chooses the component of
the mixture, the others move the effects. They are the same in every run, so that equal posteriors have equal
probabilities, and engines can replay what they explored.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

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

    basis: (W, K, R) coordinates → levels. weight: (W, S) of the components of the mixture, summing to 1. mean, sd:
    (W, S, R) of the coordinates in each. groups: (K,) numbers from 0.
    """
    drifts, effects, coordinates = mean.shape
    chosen, deviates = _draws(coordinates, draws)
    edges = weight.ravel().cumsum()[:-1]
    component = edges.searchsorted(chosen)
    drawn = mean.reshape(-1, coordinates)[component] + sd.reshape(-1, coordinates)[component] * deviates
    # Choices ascend, so that the draws of one drift lie together and need one product.
    bounds = np.append(component.searchsorted(np.arange(drifts) * effects), draws).tolist()
    levels = [drawn[start:end] @ basis[drift].T for drift, (start, end) in enumerate(pairwise(bounds))]
    return _wins(np.concatenate(levels), groups) / draws


def _wins(drawn: Floats, groups: NDArray[np.int64]) -> Floats:
    """(K,) how often each level is the highest of its group among effects (draws, K)."""
    won = np.zeros(len(groups))
    for group in range(int(groups.max()) + 1):
        members = np.flatnonzero(groups == group)
        won[members] = np.bincount(drawn[:, members].argmax(axis=1), minlength=len(members))
    return won


@lru_cache(maxsize=256)
def _draws(coordinates: int, draws: int) -> tuple[Floats, Floats]:
    """(draws,) uniform choices of a component, ascending, and (draws, R) normal deviates."""
    points = qmc.Sobol(coordinates + 1, scramble=True, rng=np.random.default_rng(SEED)).random(draws)
    points = np.clip(points[points[:, 0].argsort()], 1e-9, 1.0 - 1e-9)
    return points[:, 0], ndtri(points[:, 1:])
