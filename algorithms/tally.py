"""How often does each combination of codes occur? Words become codes once, a combination of codes is one number.

Ten million rows are counted in about a second because nothing but integers is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Index = NDArray[np.int64]
Bools = NDArray[np.bool_]

DENSE = 4
"""Possible combinations per row up to which it is faster to count them all than to sort the rows."""


def numbered(values: pl.Series) -> tuple[pl.Series, Index]:
    """Distinct values, ascending, and which of them each row holds. Of a run of equal values one is looked at.

    Categories come back as texts, in the order of texts.
    """
    run = values.rle_id().to_numpy()
    heads = values.gather(np.flatnonzero(np.r_[len(run) > 0, run[1:] != run[:-1]]))
    heads = heads.cast(pl.String) if heads.dtype == pl.Categorical else heads
    distinct = heads.unique().sort()
    places = heads.to_frame("value").join(
        distinct.to_frame("value").with_row_index("place"), on="value", how="left", maintain_order="left"
    )
    return distinct, places["place"].to_numpy().astype(np.int64)[run]


def combined(codes: Sequence[NDArray[Any]], sizes: Sequence[int]) -> Index:
    """(rows,) one number of several codes, each (rows,) and below its size; `numpy.unravel_index` takes it apart."""
    number = np.zeros(len(codes[0]), np.int64)
    for code, size in zip(codes, sizes, strict=True):
        number *= size
        number += code
    return number


def renumbered(number: Index, possible: int) -> tuple[Index, Index]:
    """Numbers that occur, ascending, and which of them each row holds. All are below `possible`."""
    if possible > DENSE * len(number):
        cells, place = np.unique(number, return_inverse=True)
        return cells, place
    occurs = np.bincount(number, minlength=possible) > 0
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[number]


def tally(number: Index, possible: int, hit: Bools) -> tuple[Index, Index, Index]:
    """Numbers that occur, ascending, how often each does, and how often with a hit. All are below `possible`."""
    if possible > DENSE * len(number):
        cells, counts = np.unique(number, return_counts=True)
        return cells, counts, np.bincount(np.searchsorted(cells, number[hit]), minlength=len(cells))
    every = np.bincount(number, minlength=possible)
    cells = np.flatnonzero(every)
    return cells, every[cells], np.bincount(number[hit], minlength=possible)[cells]
