"""How fine may blocks and strata be? As fine as they are given, and no finer than their rows can bear.

Neighbours are joined, oldest or lowest first, until a segment holds enough; what is left over joins the segment before
it. Counts stay integers, so the result depends on the counts alone and not on how they were split among machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def segments(amounts: Ints, at_least: int, groups: Sequence[int] | None = None) -> Ints:
    """(..., N) the segment that each of N neighbours belongs to, ascending from 0.

    amounts: (..., N, D); a segment is full when each of its D sums reaches `at_least`. groups: (N,), neighbours of
    unlike group are never joined; a group that holds less than `at_least` is a segment by itself.
    """
    *batch, length, _ = amounts.shape
    ids = np.zeros((*batch, length), np.int64)
    current = np.zeros(batch, np.int64)
    for start, end in _runs(length, groups):
        first, held = current.copy(), np.zeros_like(amounts[..., 0, :])
        for item in range(start, end):
            ids[..., item] = current
            held += amounts[..., item, :]
            full = (held >= at_least).all(axis=-1)
            current = current + full
            held[full] = 0
        last = np.maximum(current - 1, first)  # leftovers join the segment before them, if their group has one
        ids[..., start:end] = np.minimum(ids[..., start:end], last[..., None])
        current = last + 1
    return ids


def joined(counts: Ints, ids: Ints) -> Ints:
    """Sum (..., N, K) counts over the segments (..., N): (..., most segments, K), zero where there are fewer."""
    *batch, length, levels = counts.shape
    summed = np.zeros((*batch, int(ids.max(initial=-1)) + 1, levels), np.int64)
    where = tuple(np.indices(batch, sparse=True))
    for item in range(length):
        summed[(*where, ids[..., item])] += counts[..., item, :]
    return summed


def _runs(length: int, groups: Sequence[int] | None) -> list[tuple[int, int]]:
    """[start, end) of each run of one group."""
    if groups is None:
        return [(0, length)]
    if len(groups) != length:
        raise ValueError(f"got {len(groups)} groups for {length} strata")
    edges = [0, *(i for i in range(1, length) if groups[i] != groups[i - 1]), length]
    return list(pairwise(edges))
