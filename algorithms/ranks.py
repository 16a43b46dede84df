"""Where does a value stand among those before it? A rank that a scorer could have known at that moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UNKNOWN = 0.5  # the first value has nothing before it, so it stands in the middle


def past_rank(values: Floats) -> Floats:
    """(n,) share of the earlier rows that lie below, ties half; rows in order of time. NaN: unknown, and not counted.

    O(n log² n): blocks of doubling length are sorted at once, and each right half looks itself up in its left half.
    """
    known = ~np.isnan(values)
    ranks = np.full(len(values), np.nan)
    ranks[known] = _past_rank(np.unique(values[known], return_inverse=True)[1].astype(np.int64))
    return ranks


def _past_rank(codes: NDArray[np.int64]) -> Floats:
    n = len(codes)
    doubled_below = np.zeros(n, np.int64)  # twice the rows below plus the rows tied, among earlier rows
    rows, stride = np.arange(n), int(codes.max(initial=0)) + 1
    width = 1
    while width < n:
        pair, is_right = rows // (2 * width), (rows // width) % 2 == 1
        keys = pair * stride + codes  # ordered by pair first, so that one sort serves all pairs
        left = np.sort(keys[~is_right])
        asked = keys[is_right]
        # The left halves before this pair are all below, and are taken off again: they hold `width` rows each.
        found = np.searchsorted(left, asked, "left") + np.searchsorted(left, asked, "right")
        doubled_below[is_right] += found - 2 * width * pair[is_right]
        width *= 2
    shares: Floats = np.where(rows > 0, doubled_below / np.maximum(2 * rows, 1), UNKNOWN)
    return shares
