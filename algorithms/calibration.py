"""What does a score mean as a probability today, when the base rate has moved since its weights were learned?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPREAD = 1.0  # log-odds that a base rate may plausibly have moved; keeps a block without conversions finite
STEPS = 50


def recalibrate(intercept: float, linear: Floats, converted: NDArray[np.bool_]) -> float:
    """The intercept at which expit(intercept + linear) fits the newest block, drawn toward the one given.

    linear: (n,) slope · score of the block's leads. Maximum a posteriori under N(intercept, SPREAD²), by Newton.
    """
    found, conversions = intercept, float(converted.sum())
    for _ in range(STEPS):
        probability = 1.0 / (1.0 + np.exp(-(found + linear)))
        slope = conversions - probability.sum() - (found - intercept) / SPREAD**2
        # The posterior is concave and its curvature at most doubles within half a unit: a capped step never overshoots.
        step = float(slope / ((probability * (1.0 - probability)).sum() + SPREAD**-2))
        found += min(max(step, -1.0), 1.0)
        if abs(step) < 1e-12:
            break
    return found
