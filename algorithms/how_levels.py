"""From one tenant's summary to the counts that evidence, attribution and off-policy values are made from.

Strata are policy × step band × score decile × channel before: all that a touch's channel may have been chosen by, as
far as it was written down. Only strata that differ in the channel before may be joined where they are thin.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.attribution import PathCounts
from algorithms.evidence import LevelCounts
from algorithms.exposures import BLOCKS
from algorithms.how_paths import REACH_KEYS
from algorithms.how_rows import NONE, PREVIOUS, STRATA
from contracts.how import next_key
from contracts.outcomes import CHANNELS

Counts = NDArray[np.int64]

BANDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Touches of one tenant, counted: arrays (cells,), n touches of which s had an outcome.

    policy: index into the tenant's policies. block: 0 … BLOCKS − 1, its newest is the last. stratum: 0 … STRATA − 1.
    band, previous, channel: codes. logged: the policy wrote down its probability.
    """

    policies: int
    policy: Counts
    logged: NDArray[np.bool_]
    block: Counts
    stratum: Counts
    band: Counts
    previous: Counts
    channel: Counts
    n: Counts
    s: Counts

    @property
    def randomised(self) -> bool:
        """Whether every touch was chosen with a probability that was written down."""
        return bool(self.logged.all())

    @property
    def situation(self) -> Counts:
        """(cells,) index of the stratum that a touch was chosen in; those that differ in `previous` are neighbours."""
        group = (self.policy * BANDS + self.band) * STRATA + self.stratum
        return group * len(PREVIOUS) + self.previous

    @property
    def situations(self) -> int:
        return self.policies * BANDS * STRATA * len(PREVIOUS)


@dataclass(frozen=True, slots=True, eq=False)
class TenantCounts:
    """One tenant of a summary. digest: SHA-256 of its counts. oldest_block: as counted in exposures."""

    tenant_id: UUID
    shares_priors: bool
    digest: str
    oldest_block: int
    cells: Cells
    paths: pl.DataFrame  # rows of how_counts.SUMMARY that are not about touches


def tenants(summary: pl.DataFrame) -> Iterator[TenantCounts]:
    """Every tenant with touches in a merged summary, in order of tenant id."""
    for (tenant_id,), rows in sorted(summary.partition_by("tenant_id", as_dict=True, maintain_order=True).items()):
        touches = rows.filter(pl.col("question") == "touches")
        if touches.is_empty():
            continue
        content = rows.drop("tenant_id", "shares_priors").write_csv().encode()
        newest, oldest = touches["block"].max(), touches["block"].min()
        assert isinstance(newest, int)
        assert isinstance(oldest, int)
        yield TenantCounts(
            tenant_id=UUID(bytes=tenant_id),
            shares_priors=bool(rows["shares_priors"].all()),
            digest=hashlib.sha256(content).hexdigest(),
            oldest_block=oldest,
            cells=_cells(touches, newest),
            paths=rows.filter(pl.col("question") != "touches"),
        )


def _cells(touches: pl.DataFrame, newest: int) -> Cells:
    def codes(column: pl.Series) -> Counts:
        return column.to_physical().to_numpy().astype(np.int64)

    policy = touches["policy"].rank("dense").to_numpy().astype(np.int64) - 1
    return Cells(
        policies=int(policy.max()) + 1,
        policy=policy,
        logged=touches["logged"].to_numpy(),
        block=np.maximum(codes(touches["block"]) - newest + BLOCKS - 1, 0),
        stratum=codes(touches["stratum"]) + 1,
        band=codes(touches["band"]),
        previous=codes(touches["previous"]),
        channel=codes(touches["channel"]),
        n=touches["n"].to_numpy(),
        s=touches["s"].to_numpy(),
    )


def channel_counts(cells: Cells) -> LevelCounts:
    """Levels are the channels that the tenant uses."""
    used = np.flatnonzero(np.bincount(cells.channel, minlength=len(CHANNELS)))
    return _counts(cells, tuple(CHANNELS[code] for code in used), np.searchsorted(used, cells.channel), None)


def next_channel_counts(cells: Cells) -> LevelCounts:
    """Levels are pairs of a channel before and a channel; those after the same one are alternatives."""
    used = np.flatnonzero(np.bincount(cells.channel, minlength=len(CHANNELS)))
    before = np.flatnonzero(np.bincount(cells.previous, minlength=len(PREVIOUS)))
    keys = tuple(next_key(PREVIOUS[one], CHANNELS[code]) for one in before for code in used)
    level = np.searchsorted(before, cells.previous) * len(used) + np.searchsorted(used, cells.channel)
    return _counts(cells, keys, level, tuple(int(one) for one in np.repeat(before, len(used))))


def _counts(cells: Cells, keys: tuple[str, ...], level: Counts, groups: tuple[int, ...] | None) -> LevelCounts:
    shape = (BLOCKS, cells.situations, len(keys))
    n, s = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    place = (cells.block, cells.situation, level)
    np.add.at(n, place, cells.n)
    np.add.at(s, place, cells.s)
    of_others = tuple(index // len(PREVIOUS) for index in range(cells.situations))
    return LevelCounts(keys, n, s, strata_groups=of_others, level_groups=groups)


def path_counts(paths: pl.DataFrame) -> PathCounts:
    """What attribution reads, of the channels that the tenant's closed paths went through."""
    last, first, linear = (_by_key(paths, question) for question in ("last", "first", "linear"))
    steps, sets = _by_key(paths, "steps"), _by_key(paths, "sets")
    channels = tuple(name for name in CHANNELS if any(name in key.split("+") for key in sets))
    count = len(channels)
    transitions = np.zeros((count + 1, count + 2), np.int64)
    for row, before in enumerate((*channels, PREVIOUS[NONE])):
        transitions[row, :count] = [steps.get(next_key(before, channel), (0, 0))[0] for channel in channels]
        ended, converted = last.get(before, (0, 0))
        transitions[row, count:] = converted, ended - converted
    return PathCounts(
        channels=channels,
        transitions=transitions,
        first=np.array([first.get(channel, (0, 0))[1] for channel in channels], np.int64),
        last=np.array([last.get(channel, (0, 0))[1] for channel in channels], np.int64),
        linear=np.array([linear.get(channel, (0, 0))[1] for channel in channels], np.int64),
        members=np.array([[channel in key.split("+") for channel in channels] for key in sets], np.bool_).reshape(
            len(sets), count
        ),
        paths=np.array([n for n, _ in sets.values()], np.int64),
        converted=np.array([s for _, s in sets.values()], np.int64),
    )


def reach_counts(paths: pl.DataFrame) -> tuple[Counts, Counts]:
    """Leads and conversions, (strata, 2), of leads reached on one channel, and of those reached on several."""
    rows = paths.filter(pl.col("question") == "reach")
    strata = rows.select("stratum", "band").unique(maintain_order=True).with_row_index("row")
    placed = rows.join(strata, on=("stratum", "band"), maintain_order="left")
    found = np.zeros((len(REACH_KEYS), len(strata), 2), np.int64)
    kind = (placed["key"] == REACH_KEYS[1]).to_numpy().astype(np.int64)
    found[kind, placed["row"].to_numpy()] = placed.select("n", "s").to_numpy()
    return found[0], found[1]


def _by_key(paths: pl.DataFrame, question: str) -> dict[str, tuple[int, int]]:
    rows = paths.filter(pl.col("question") == question)
    return {key: (n, s) for key, n, s in rows.select("key", "n", "s").iter_rows()}
