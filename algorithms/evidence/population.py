"""How often is an effect real? Learned over many patterns from their Bayes factors (empirical Bayes by EM)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

P_REAL = 0.5
"""Chance that an effect is real where no population was learned."""

MIN_PATTERNS = 50
"""Fewer patterns say too little about how often effects are real."""

MOST_REAL = 0.7
"""Highest chance that is believed: where effects are of one size, EM takes nothing for small effects, arrives at .98
for a true .8, and .28 of the patterns without an effect are then claimed; at .7 it is .04 (docs/evidence.md)."""

PRIOR = 2.0  # Beta(2, 2): two patterns of each kind seen beforehand
ROUNDS = 200
CONVERGED = 1e-10


def learn_p_real(log_bfs: Sequence[float]) -> float:
    """P(an effect is real), from log Bayes factors of real against none; P_REAL below MIN_PATTERNS, ≤ MOST_REAL."""
    if len(log_bfs) < MIN_PATTERNS:
        return P_REAL
    evidence = np.sort(np.asarray(log_bfs, np.float64))  # the order of tenants must not reach the last digit
    share = P_REAL
    for _ in range(ROUNDS):
        real = expit(evidence + np.log(share / (1.0 - share)))
        following = float((PRIOR + real.sum()) / (2.0 * PRIOR + len(evidence)))
        if abs(following - share) < CONVERGED:
            break
        share = following
    return min(share, MOST_REAL)
