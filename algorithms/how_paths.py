"""The ways that leads went through the channels, counted in the terms that attribution and sequences need.

A path counts where its lead is resolved, and it ends with its first outcome: what a tenant sent after the reply that it
asked for is another story. All paths are handled at once, as slices of flat arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.attribution import linear_shares
from algorithms.how_rows import NONE, PREVIOUS, STRATA, Codes, Touches
from algorithms.tally import Bools, Index, combined, tally
from contracts.how import next_key
from contracts.outcomes import CHANNELS

SEQUENCE = 3
"""First channels of a path that name its sequence."""

MOST_TOUCHES = 10
"""Touches from which on paths count as equally long when those of one channel meet those of several."""

STEP_KEYS = tuple(next_key(before, channel) for before in PREVIOUS for channel in CHANNELS)
SET_KEYS = tuple(
    "+".join(name for bit, name in enumerate(CHANNELS) if mask >> bit & 1) for mask in range(1 << len(CHANNELS))
)
SEQUENCE_KEYS = tuple(
    ">".join(PREVIOUS[code] for code in np.unravel_index(number, (NONE + 1,) * SEQUENCE) if code != NONE)
    for number in range((NONE + 1) ** SEQUENCE)
)
REACH_KEYS = ("one", "several")


@dataclass(frozen=True, slots=True)
class Paths:
    """Closed paths, up to their first outcome. channel: (touches,) of all paths, one after the other.

    tenants: how many there are. starts, ends: (paths,) first and last touch. tenant: (paths,) place of each one's.
    stratum: (paths,) at the first touch. converted: (paths,) it ended with an outcome.
    """

    tenants: int

    channel: Codes
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    tenant: Index
    stratum: Codes
    converted: Bools


def closed_paths(touches: Touches) -> Paths:
    """The paths of resolved leads."""
    lengths = np.diff(touches.starts, append=len(touches.channel))
    closed = np.logical_or.reduceat(touches.closed, touches.starts)
    before = np.cumsum(touches.outcome, dtype=np.int32) - touches.outcome
    of_others = np.where(closed, before[touches.starts], -1)  # nothing equals −1: open paths are left out
    kept = before == np.repeat(of_others, lengths)
    firsts = touches.starts[closed]
    ends = np.cumsum(np.add.reduceat(kept, touches.starts, dtype=np.int64)[closed]) - 1
    return Paths(
        tenants=len(touches.ids),
        channel=touches.channel[kept],
        starts=np.r_[0, ends[:-1] + 1] if len(ends) else ends,
        ends=ends,
        tenant=touches.tenant[firsts],
        stratum=touches.stratum[firsts],
        converted=touches.outcome[kept][ends],
    )


def count_paths(touches: Touches) -> list[pl.DataFrame]:
    """Counts for every question about paths; columns as in how_counts.SUMMARY, tenants by their place."""
    paths = closed_paths(touches)
    if not len(paths.starts):
        return []
    return [
        _keyed("steps", paths, STEP_KEYS, _moves(paths), _each_touch(paths)),
        _keyed("first", paths, CHANNELS, paths.channel[paths.starts]),
        _keyed("last", paths, CHANNELS, paths.channel[paths.ends]),
        _keyed("sets", paths, SET_KEYS, channel_masks(paths)),
        _keyed("sequences", paths, SEQUENCE_KEYS, _openings(paths)),
        _linear(paths),
        _reach(paths),
    ]


def channel_masks(paths: Paths) -> Codes:
    """(paths,) bit k is set where the path went through channel k."""
    masks: Codes = np.bitwise_or.reduceat(np.left_shift(1, paths.channel, dtype=np.uint8), paths.starts)
    return masks


def _moves(paths: Paths) -> Index:
    """(touches,) index into STEP_KEYS."""
    before = np.roll(paths.channel, 1)
    before[paths.starts] = NONE
    return combined((before, paths.channel), (len(PREVIOUS), len(CHANNELS)))


def _each_touch(paths: Paths) -> Index:
    """(touches,) the path that it belongs to."""
    return np.repeat(np.arange(len(paths.starts)), paths.ends - paths.starts + 1)


def _openings(paths: Paths) -> Index:
    """(paths,) index into SEQUENCE_KEYS."""
    places = [paths.starts + offset for offset in range(SEQUENCE)]
    codes = [np.where(place <= paths.ends, paths.channel[np.minimum(place, paths.ends)], NONE) for place in places]
    return combined(codes, (NONE + 1,) * SEQUENCE)


def _keyed(
    question: str, paths: Paths, keys: tuple[str, ...], kind: NDArray[np.integer], path: Index | None = None
) -> pl.DataFrame:
    """Counts by tenant and key. kind: index into keys of each entry. path: of each entry; None where they are paths."""
    tenant = paths.tenant if path is None else paths.tenant[path]
    hit = paths.converted if path is None else paths.converted[path]
    number = combined((tenant, kind), (paths.tenants, len(keys)))
    cells, n, s = tally(number, paths.tenants * len(keys), hit)
    of_tenant, of_kind = np.divmod(cells, len(keys))
    return _frame(question, of_tenant, {"key": pl.Series(keys).gather(of_kind)}, n, s)


def _linear(paths: Paths) -> pl.DataFrame:
    """Shares of conversions by tenant and channel: s in parts of 1 / SHARE, n the touches that share them."""
    touches = paths.ends - paths.starts + 1
    channel = paths.channel[np.repeat(paths.converted, touches)].astype(np.int64)
    lengths, tenant = touches[paths.converted], paths.tenant[paths.converted]
    once = np.ones(len(lengths), np.int64)
    shares = linear_shares(channel, np.cumsum(lengths) - lengths, once, len(CHANNELS))
    n, s = (np.zeros((paths.tenants, len(CHANNELS)), np.int64) for _ in range(2))
    np.add.at(s, tenant, shares)
    np.add.at(n, (np.repeat(tenant, lengths), channel), 1)
    of_tenant, kind = np.nonzero(n)
    keys = {"key": pl.Series(CHANNELS).gather(kind)}
    return _frame("linear", of_tenant, keys, n[of_tenant, kind], s[of_tenant, kind])


def _reach(paths: Paths) -> pl.DataFrame:
    """Leads reached on one and on several channels, by tenant, stratum and number of touches."""
    several = np.bitwise_count(channel_masks(paths)) > 1
    band = np.minimum(paths.ends - paths.starts + 1, MOST_TOUCHES)
    sizes = (paths.tenants, STRATA, MOST_TOUCHES + 1, len(REACH_KEYS))
    number = combined((paths.tenant, paths.stratum, band, several), sizes)
    cells, n, s = tally(number, math.prod(sizes), paths.converted)
    of_tenant, stratum, touches, kind = np.unravel_index(cells, sizes)
    keys = {"stratum": pl.Series(stratum - 1), "band": pl.Series(touches), "key": pl.Series(REACH_KEYS).gather(kind)}
    return _frame("reach", of_tenant, keys, n, s)


def _frame(question: str, tenant: NDArray[np.integer], keys: dict[str, pl.Series], n: Index, s: Index) -> pl.DataFrame:
    return pl.DataFrame({"tenant": tenant, **keys, "n": n, "s": s}).with_columns(question=pl.lit(question))
