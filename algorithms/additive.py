"""Counts that add up: many tables of sums by keys become one, in the order of their keys.

A sort or group-by over a dozen columns of words and numbers costs microseconds a row. Here every key becomes a number
that keeps its order, all keys of a row become one, and nothing but that number is compared: a tenth of the time, and
less where the tables come sorted, as summaries do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Codes = NDArray[np.int64]
LARGEST = 2**62


def added_up(parts: Sequence[pl.DataFrame], keys: Sequence[str], sums: Sequence[str]) -> pl.DataFrame:
    """One row per combination of keys, ascending with nulls first, with the sums of the integer columns `sums`.

    parts: at least one, of the same columns, which are keys and sums.
    """
    rows = pl.concat(parts)
    number = _numbers(rows, keys)
    order = np.argsort(number, kind="stable")  # merges runs that are sorted already
    number = number[order]
    heads = np.flatnonzero(np.r_[len(number) > 0, number[1:] != number[:-1]])
    ordered = rows[order]
    if len(heads) == len(number):
        return ordered
    totals = {name: np.add.reduceat(ordered[name].to_numpy(), heads) for name in sums}
    return ordered[heads].with_columns(pl.Series(name, total, rows.schema[name]) for name, total in totals.items())


def in_order(rows: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The rows by these keys, ascending with nulls first; rows with equal keys stay as they were."""
    return rows[np.argsort(_numbers(rows, keys), kind="stable")]


def _numbers(rows: pl.DataFrame, keys: Sequence[str]) -> Codes:
    """(rows,) one number a row, equal where all keys are, and in their order."""
    number = np.zeros(rows.height, np.int64)
    size = 1
    for name in keys:
        code, most = _coded(rows[name])
        if size * most > LARGEST:
            distinct, number = np.unique(number, return_inverse=True)
            size = len(distinct)
        number = number * most + code
        size *= most
    return number


def _coded(values: pl.Series) -> tuple[Codes, int]:
    """(rows,) each value's place among those that there may be, 0 for null, and how many places there are."""
    if values.dtype in (pl.String, pl.Binary):
        return _ranked(values)
    whole = values.to_physical().cast(pl.Int64)
    low, high = whole.min(), whole.max()
    if low is None or high is None:
        return np.zeros(len(values), np.int64), 1
    assert isinstance(low, int)
    assert isinstance(high, int)
    if high - low >= LARGEST >> 32:  # moments: few of many that are possible
        return _ranked(whole)
    return (whole - (low - 1)).fill_null(0).to_numpy(), high - low + 2


def _ranked(values: pl.Series) -> tuple[Codes, int]:
    """As `_coded`. Of a run of equal values, as summaries have many, one is looked at."""
    run = values.rle_id().to_numpy()
    heads = values.gather(np.flatnonzero(np.r_[len(run) > 0, run[1:] != run[:-1]]))
    places, most = _ranked_heads(heads)
    return places[run], most


def _ranked_heads(values: pl.Series) -> tuple[Codes, int]:
    distinct = values.drop_nulls().unique().sort()
    places = distinct.to_frame("value").with_columns(place=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    found = values.to_frame("value").join(places, on="value", how="left", maintain_order="left")
    return found["place"].fill_null(0).to_numpy(), len(distinct) + 1
