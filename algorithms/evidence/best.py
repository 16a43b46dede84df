"""How probable is it that a level is the best of its alternatives? Counted over fixed quasi-random draws.

The draws are scrambled Sobol points (Owen 1998) turned into normal deviates: one coordinate chooses the component of
the mixture, one each moves a coordinate of the effects. They are the same in every run, so that equal posteriors have
equal probabilities, and engines can replay what they explored.
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
    """(P, K) share of draws in which a level is above all others of its group; sums to 1 in each group.

    basis: (P, W, K levels, K coordinates). weight: (P, W, S). mean, sd: (P, W, S, K) of the coordinates.
    groups: (P, K) numbers from 0.
    """
    patterns, drifts, effects = weight.shape
    levels = basis.shape[2]
    chosen, deviates = _draws(levels, draws)
    edges = weight.reshape(patterns, -1).cumsum(axis=1)[:, :-1]
    component = (chosen[:, None] > edges[:, None, :]).sum(axis=2)  # (P, draws)
    effects_of = np.empty((patterns, draws, levels))
    rows = np.arange(patterns)[:, None]
    for drift in range(drifts):
        effect = np.where(component // effects == drift, component % effects, 0)
        coordinates = mean[rows, drift, effect] + sd[rows, drift, effect] * deviates
        drawn = coordinates @ np.swapaxes(basis[:, drift], -1, -2)
        effects_of = np.where((component // effects == drift)[..., None], drawn, effects_of)
    return _winners(effects_of, groups)


def _winners(drawn: Floats, groups: NDArray[np.int64]) -> Floats:
    """(P, K) how often each level wins its group among drawn effects (P, draws, K)."""
    patterns, draws, levels = drawn.shape
    won = np.zeros((patterns, levels))
    rows = np.repeat(np.arange(patterns), draws)
    for group in range(int(groups.max()) + 1):
        mine = groups == group
        winner = np.where(mine[:, None, :], drawn, -np.inf).argmax(axis=2)
        np.add.at(won, (rows, winner.ravel()), np.repeat(mine.any(axis=1) / draws, draws))
    return won


@lru_cache(maxsize=64)
def _draws(levels: int, draws: int) -> tuple[Floats, Floats]:
    """(draws,) uniform choices of a component, (draws, levels) normal deviates."""
    points = qmc.Sobol(levels + 1, scramble=True, rng=np.random.default_rng(SEED)).random(draws)
    inside = np.clip(points, 1e-9, 1.0 - 1e-9)
    return inside[:, 0], ndtri(inside[:, 1:])
