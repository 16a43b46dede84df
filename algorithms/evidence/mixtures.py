"""Quantiles of mixtures of normals, many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

REACH = 8.0  # standard deviations of a component beyond which nothing lies
HALVINGS = 48  # brings any bracket of log-odds below 1e-12


def quantile(share: float, weight: Floats, mean: Floats, variance: Floats) -> Floats:
    """(P,) value below which `share` of each mixture lies; weight, mean, variance: (P, components)."""
    sd = np.sqrt(np.maximum(variance, 1e-24))
    low, high = (mean - REACH * sd).min(axis=1), (mean + REACH * sd).max(axis=1)
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        below = (weight * ndtr((middle[:, None] - mean) / sd)).sum(axis=1) < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    centre: Floats = (low + high) / 2.0
    return centre
