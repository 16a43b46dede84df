"""Which levels resemble each other? Prior correlation of their effects, as a matrix over keys.

A kernel is a function of the keys. What one level shows then also speaks for its neighbours: Monday at ten for Monday
at eleven, a text message after an e-mail for text messages in general. Forms and lengths: detectors.md §2 to §4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from contracts.when import hour_of_week

Floats = NDArray[np.float64]
Kernel = Callable[[tuple[str, ...]], Floats]
"""Keys (K,) → prior covariance (K, K) of their effects, in units of the effect's variance; ones on the diagonal."""

HOUR_LENGTH = 0.6
"""Radians on the 24-hour circle, about 2.3 hours; shorter lets single hours flicker."""

HOUR_SHARE, DAY_SHARE, PAIR_SHARE = 0.50, 0.35, 0.15
"""Prior variance that hours share across days, that days share across hours, and that neighbouring hours of alike days
share. No hour of one day has any for itself: with .15 single cells flicker, and regret is .069 instead of .042."""

SAME_DAY, SAME_KIND_OF_DAY = 0.6, 0.4
"""Correlation of two cells on one weekday beyond that of two working days, or of Saturday and Sunday."""

SATURDAY = 5

GAP_LENGTH = 0.7
"""Natural logarithm of days: a gap twice as long still correlates at .6."""

GAP_SHARE = 0.85
"""Prior variance that neighbouring gaps share; the rest each bin has alone."""

CHANNEL_SHARE = 0.7
"""Prior variance of a channel that is the same whatever came before it; the rest belongs to the pair."""

KEPT = 0.995
"""Share of the prior variance that its largest directions must hold. A week of 168 hours is told by 53 of them, which
makes its posterior ten times as fast; levels that share nothing keep all."""


def independent(keys: tuple[str, ...]) -> Floats:
    """Levels that have nothing in common but their question."""
    return np.eye(len(keys))


def hours(keys: tuple[str, ...]) -> Floats:
    """Hours of the week (`tue-10`): near on the clock, on one weekday, on one kind of day."""
    hour = np.array([hour_of_week(key) for key in keys])
    day, clock = np.divmod(hour, 24)
    apart = np.pi * (clock[:, None] - clock[None, :]) / 24.0
    near = np.exp(-2.0 * np.sin(apart) ** 2 / HOUR_LENGTH**2)
    weekend = day >= SATURDAY
    days = SAME_DAY * (day[:, None] == day[None, :]) + SAME_KIND_OF_DAY * (weekend[:, None] == weekend[None, :])
    kernel: Floats = HOUR_SHARE * near + DAY_SHARE * days + PAIR_SHARE * near * days
    return kernel


def gaps(keys: tuple[str, ...]) -> Floats:
    """Bins of whole days between touches (`4-5`, `15+`): near on a logarithmic scale."""
    middle = np.log([_middle(key) for key in keys])
    near = np.exp(-0.5 * ((middle[:, None] - middle[None, :]) / GAP_LENGTH) ** 2)
    kernel: Floats = GAP_SHARE * near + (1.0 - GAP_SHARE) * np.eye(len(keys))
    return kernel


def next_channels(keys: tuple[str, ...]) -> Floats:
    """Pairs `email>sms`: the same channel, whatever came before it."""
    channel = np.array([key.rpartition(">")[2] for key in keys])
    same = channel[:, None] == channel[None, :]
    kernel: Floats = CHANNEL_SHARE * same + (1.0 - CHANNEL_SHARE) * np.eye(len(keys))
    return kernel


@lru_cache(maxsize=256)
def factor(kernel: Kernel, keys: tuple[str, ...]) -> Floats:
    """L (K, R ≤ K) with LLᵀ ≈ kernel(keys): effects are L times R independent ones. Read-only, since it is remembered.

    By eigenvectors, largest first, up to KEPT of the variance.
    """
    values, vectors = np.linalg.eigh(kernel(keys))
    held = values[::-1].cumsum() / values.sum()
    rank = int(np.searchsorted(held, KEPT)) + 1
    largest = vectors[:, ::-1][:, :rank] * np.sqrt(values[::-1][:rank])
    lower = np.ascontiguousarray(largest, np.float64)
    lower.setflags(write=False)
    return lower


def _middle(key: str) -> float:
    """Days in the middle of a bin: geometric, so that `8-14` lies as far from `4-5` as from `15+`."""
    first, _, last = key.rstrip("+").partition("-")
    return float(np.sqrt(float(first) * float(last))) if last else float(first)
