"""What does a score mean as a probability today, when the base rate has moved since its weights were learned?

And were earlier promises kept?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPREAD = 1.0  # log-odds that a base rate may plausibly have moved; keeps a block without conversions finite
STEPS = 50


@dataclass(frozen=True, slots=True)
class Bin:
    """Leads of about equal promise. predicted: their mean probability; observed: share that converted; n: how many."""

    predicted: float
    observed: float
    n: int


def bins(promised: Floats, converted: NDArray[np.bool_], most: int) -> list[Bin]:
    """(n,) promises against (n,) outcomes, in up to `most` bins of equal size, the least promising first."""
    order = np.argsort(promised, kind="stable")
    parts = [part for part in np.array_split(order, most) if len(part)]
    return [Bin(float(promised[part].mean()), float(converted[part].mean()), len(part)) for part in parts]


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
