"""What is the conversion rate of a level that was seen only a few times?

Beta-binomial empirical Bayes: a level's rate is drawn around its group's, with κ pseudo-leads of weight; κ is averaged
over a grid by marginal likelihood, so that a group whose levels differ is shrunk little (detectors.md §1, dimensions).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KAPPAS = np.array([3.0, 10.0, 30.0, 100.0, 300.0, 1000.0])  # pseudo-leads; beyond 1,000 levels do not differ


def shrink_rates(n: Ints, s: Ints, group: Ints) -> Floats:
    """(L,) shrunk rates of levels with s of n converted; `group` (L,) is ascending, levels of a group share a κ."""
    if not len(n):
        return np.empty(0)
    starts = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    counts = np.diff(np.append(starts, len(n)))
    mean = (np.add.reduceat(s, starts) + 0.5) / (np.add.reduceat(n, starts) + 1.0)
    hits, misses = mean[:, None] * KAPPAS, (1.0 - mean)[:, None] * KAPPAS  # (groups, κ)
    spread_hits, spread_misses = np.repeat(hits, counts, axis=0), np.repeat(misses, counts, axis=0)
    per_level = betaln(spread_hits + s[:, None], spread_misses + (n - s)[:, None]) - betaln(spread_hits, spread_misses)
    log_marginal = np.add.reduceat(per_level, starts, axis=0)
    share = np.exp(log_marginal - log_marginal.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    rates = (spread_hits + s[:, None]) / (KAPPAS + n[:, None])
    shrunk: Floats = (np.repeat(share, counts, axis=0) * rates).sum(axis=1)
    return shrunk
