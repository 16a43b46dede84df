"""Quantiles of mixtures of normals, many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

REACH = 8.0  # standard deviations of a component beyond which nothing lies
HALVINGS = 36  # brings any bracket of log-odds below 1e-9


def quantiles(shares: tuple[float, ...], weight: Floats, mean: Floats, variance: Floats) -> Floats:
    """(shares, P) value below which each share of a mixture lies; weight, mean, variance: (P, components)."""
    sd = np.sqrt(np.maximum(variance, 1e-24))
    wanted = np.array(shares)[:, None]
    low = np.broadcast_to((mean - REACH * sd).min(axis=1), (len(shares), len(mean)))
    high = np.broadcast_to((mean + REACH * sd).max(axis=1), low.shape)
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        below = (weight * ndtr((middle[..., None] - mean) / sd)).sum(axis=-1) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    centre: Floats = (low + high) / 2.0
    return centre
