"""How fine may blocks and strata be? As fine as they are given, and no finer than their rows can bear.

Neighbours are joined, oldest or lowest first, until a segment holds enough; what is left over joins the segment before
it. Counts stay integers, so the result depends on the counts alone and not on how they were split among machines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MANY_ROWS = 12
"""Rows from which on walking them abreast, with arrays, is faster than one after the other."""


def segments(amounts: Ints, at_least: int, groups: Sequence[int] | None = None) -> Ints:
    """(..., N) the segment that each of N neighbours belongs to, ascending from 0.

    amounts: (..., N, D); a segment is full when each of its D sums reaches `at_least`. groups: (N,), neighbours of
    unlike group are never joined; a group that holds less than `at_least` is a segment by itself.
    """
    *batch, length, dimensions = amounts.shape
    runs = _runs(length, groups)
    rows = amounts.reshape(-1, length, dimensions)
    if len(rows) >= MANY_ROWS:
        ids = walk_abreast(rows, at_least, runs)
    else:  # a walk alone has no use for arrays
        ids = np.array([walk(row, at_least, runs) for row in rows.tolist()], np.int64)
    return ids.reshape(*batch, length)


def walk_abreast(amounts: Ints, at_least: int, runs: Sequence[tuple[int, int]]) -> Ints:
    """`segments` of rows (R, N, D) of neighbours, one neighbour of all rows at a time."""
    rows, length, dimensions = amounts.shape
    ids = np.zeros((length, rows), np.int64)
    segment = np.zeros(rows, np.int64)
    for start, end in runs:
        first, begun, held = segment, np.full(rows, start), np.zeros((rows, dimensions), np.int64)
        for item in range(start, end):
            ids[item] = segment
            held = held + amounts[:, item]
            full = (held >= at_least).all(axis=1)
            segment = segment + full
            begun = np.where(full, item + 1, begun)
            held[full] = 0
        leftover = begun < end
        joins = leftover & (segment > first)
        late = np.arange(start, end)[:, None] >= begun
        ids[start:end] -= late & joins
        segment = segment + (leftover & ~joins)
    return np.ascontiguousarray(ids.T)


def walk(amounts: list[list[int]], at_least: int, runs: Sequence[tuple[int, int]]) -> list[int]:
    """The same of one row of neighbours."""
    ids = [0] * len(amounts)
    segment = 0
    for start, end in runs:
        first, begun = segment, start
        held = [0] * len(amounts[0])
        for item in range(start, end):
            ids[item] = segment
            held = [have + more for have, more in zip(held, amounts[item], strict=True)]
            if min(held) >= at_least:
                segment, begun, held = segment + 1, item + 1, [0] * len(held)
        if begun < end and segment > first:  # leftovers join the segment before them, if their group has one
            ids[begun:end] = [segment - 1] * (end - begun)
        elif begun < end:
            segment += 1
    return ids


def joined(counts: Ints, ids: Ints) -> Ints:
    """Sum (..., N, K) counts over the segments (..., N): (..., most segments, K), zero where there are fewer."""
    *batch, length, levels = counts.shape
    most = int(ids.max(initial=-1)) + 1
    rows = np.arange(math.prod(batch))[:, None] * most + ids.reshape(-1, length)
    place = rows.ravel()
    summed = np.zeros((math.prod(batch) * most, levels), np.int64)
    if place.size:
        begins = np.flatnonzero(np.diff(place, prepend=-1))  # segments ascend, so that each is one run
        summed[place[begins]] = np.add.reduceat(counts.reshape(-1, levels), begins, axis=0)
    return summed.reshape(*batch, most, levels)


def _runs(length: int, groups: Sequence[int] | None) -> list[tuple[int, int]]:
    """[start, end) of each run of one group."""
    if groups is None:
        return [(0, length)]
    if len(groups) != length:
        raise ValueError(f"got {len(groups)} groups for {length} strata")
    edges = [0, *(i for i in range(1, length) if groups[i] != groups[i - 1]), length]
    return list(pairwise(edges))
