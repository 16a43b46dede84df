"""Which of many differences are real, if a tenth of those that we name may be chance?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import false_discovery_control

Floats = NDArray[np.float64]


def score_p_values(n: NDArray[np.int64], s: NDArray[np.int64], total: Floats, converted: Floats) -> Floats:
    """Two-sided p of U/√V that a level (s of n) converts like its tenant's other leads (converted of total).

    The score statistic with hypergeometric variance; 1 where the variance is zero (a level that holds every lead,
    a tenant whose leads all ended alike).
    """
    rate = converted / total
    u = s - n * rate
    v = rate * (1.0 - rate) * n * (total - n) / np.maximum(total - 1.0, 1.0)
    z = np.abs(u) / np.sqrt(np.where(v > 0.0, v, 1.0))
    p: Floats = np.where(v > 0.0, 2.0 * ndtr(-z), 1.0)
    return p


def discoveries(p_values: Floats, rate: float) -> NDArray[np.bool_]:
    """Benjamini–Hochberg: which of the (m,) p-values stand at a false discovery rate of `rate`."""
    if not len(p_values):
        return np.zeros(0, np.bool_)
    stands: NDArray[np.bool_] = false_discovery_control(p_values, method="bh") <= rate
    return stands
