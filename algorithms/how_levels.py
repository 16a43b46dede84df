"""From one tenant's summary to the counts that evidence, attribution and off-policy values are made from.

Strata are policy × step band × score decile × channel before: all that a touch's channel may have been chosen by, as
far as it was written down. Only strata that differ in the channel before may be joined where they are thin.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.attribution import PathCounts
from algorithms.evidence import LevelCounts
from algorithms.exposures import BLOCKS
from algorithms.how_counts import QUESTIONS
from algorithms.how_paths import REACH_KEYS
from algorithms.how_rows import PREVIOUS, STRATA
from algorithms.tenant_rows import bounds
from contracts.how import NO_CHANNEL, next_key
from contracts.outcomes import CHANNELS
from contracts.refusal import Reason, Refusal

Counts = NDArray[np.int64]

BANDS = 3
NOTHING = (0, 0)
NO_ROWS = slice(0, 0)

FEW_POLICIES = 2
"""Habit, and one that is logged."""


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


Reached = tuple[int, int, str]
"""Stratum, number of touches, and whether by one channel or several."""


@dataclass(frozen=True, slots=True, eq=False)
class TenantCounts:
    """One tenant of a summary. digest: SHA-256 of its counts. oldest_block: as counted in exposures.

    paths: question → key → how many, and how many of them with an outcome; for `reach`, key is Reached.
    """

    tenant_id: UUID
    shares_priors: bool
    digest: str
    oldest_block: int
    cells: Cells
    paths: Mapping[str, Mapping[str | Reached, tuple[int, int]]]


def split_poor(summary: pl.DataFrame, least: int) -> tuple[pl.DataFrame, dict[UUID, Refusal]]:
    """The summary of those who may be told something, and why nobody else is: too few outcomes at their touches.

    least: min(conversions, non-conversions). Most tenants of a large population are poor, and need no closer look.
    """
    n, s = pl.col("n").sum(), pl.col("s").sum()
    totals = summary.filter(pl.col("question") == "touches").group_by("tenant_id")
    poor = totals.agg(outcomes=pl.min_horizontal(s, n - s)).filter(pl.col("outcomes") < least)
    refused = {UUID(bytes=row[0]): Refusal(Reason.TOO_FEW_OUTCOMES, row[1], least) for row in poor.iter_rows()}
    return summary.join(poor, on="tenant_id", how="anti", maintain_order="left"), refused


def tenants(summary: pl.DataFrame) -> Iterator[TenantCounts]:
    """Every tenant with touches in a merged summary, in order of tenant id."""
    about_touches = pl.col("question") == "touches"
    touches = summary.filter(about_touches)
    paths = summary.filter(~about_touches).sort("tenant_id", maintain_order=True)
    unnamed = [rows.drop("tenant_id", "shares_priors") for rows in (touches, paths)]
    columns = {name: _codes(touches[name]) for name in ("block", "stratum", "band", "previous", "channel", "n", "s")}
    columns |= {"policy": _codes(touches["policy"].rle_id()), "logged": touches["logged"].to_numpy()}
    shares_priors = touches["shares_priors"].to_numpy()
    of_paths = bounds(paths)
    for tenant_id, own in bounds(touches).items():
        parts = unnamed[0][own], unnamed[1][of_paths.get(tenant_id, NO_ROWS)]
        content = hashlib.sha256()
        for rows in parts:
            content.update(rows.write_csv().encode())
        yield TenantCounts(
            tenant_id=UUID(bytes=tenant_id),
            shares_priors=bool(shares_priors[own.start]),
            digest=content.hexdigest(),
            oldest_block=int(columns["block"][own].min()),
            cells=_cells({name: column[own] for name, column in columns.items()}),
            paths=_paths(parts[1]),
        )


def _paths(rows: pl.DataFrame) -> dict[str, dict[str | Reached, tuple[int, int]]]:
    found: dict[str, dict[str | Reached, tuple[int, int]]] = {question: {} for question in QUESTIONS}
    for question, stratum, band, key, n, s in rows.select("question", "stratum", "band", "key", "n", "s").iter_rows():
        found[question][key if stratum is None else (stratum, band, key)] = n, s
    return found


def _codes(column: pl.Series) -> Counts:
    return column.to_physical().to_numpy().astype(np.int64)


def _cells(touches: Mapping[str, Counts]) -> Cells:
    """touches: columns of one tenant, (rows,) each, in the order of its policies."""
    policy, block = touches["policy"] - touches["policy"][0], touches["block"]
    return Cells(
        policies=int(policy[-1]) + 1,
        policy=policy,
        logged=touches["logged"].astype(np.bool_),
        block=np.maximum(block - block.max() + BLOCKS - 1, 0),
        stratum=touches["stratum"] + 1,
        band=touches["band"],
        previous=touches["previous"],
        channel=touches["channel"],
        n=touches["n"],
        s=touches["s"],
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
    situations, stratum = _strata(cells)
    shape = (BLOCKS, len(situations), len(keys))
    n, s = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    np.add.at(n, (cells.block, stratum, level), cells.n)
    np.add.at(s, (cells.block, stratum, level), cells.s)
    return LevelCounts(keys, n, s, strata_groups=tuple((situations // len(PREVIOUS)).tolist()), level_groups=groups)


def _strata(cells: Cells) -> tuple[Counts, Counts]:
    """The situations that are strata, and which of them each cell lies in.

    All that are possible, so that tenants have counts of one shape and evidence works on many of them at once; of a
    tenant with many policies only those that occur, since most are empty.
    """
    if cells.policies <= FEW_POLICIES:
        return np.arange(cells.situations), cells.situation
    return np.unique(cells.situation, return_inverse=True)


def path_counts(tenant: TenantCounts) -> PathCounts:
    """What attribution reads, of the channels that the tenant's closed paths went through."""
    sets = {frozenset(str(key).split("+")): counts for key, counts in tenant.paths["sets"].items()}
    channels = tuple(name for name in CHANNELS if any(name in members for members in sets))
    count = len(channels)
    steps, last = tenant.paths["steps"], tenant.paths["last"]
    transitions = np.zeros((count + 1, count + 2), np.int64)
    for row, before in enumerate((*channels, NO_CHANNEL)):
        transitions[row, :count] = [steps.get(next_key(before, channel), NOTHING)[0] for channel in channels]
        ended, converted = last.get(before, NOTHING)
        transitions[row, count:] = converted, ended - converted
    return PathCounts(
        channels=channels,
        transitions=transitions,
        first=_outcomes(tenant, "first", channels),
        last=_outcomes(tenant, "last", channels),
        linear=_outcomes(tenant, "linear", channels),
        members=np.array([[name in members for name in channels] for members in sets], np.bool_).reshape(-1, count),
        paths=np.array([n for n, _ in sets.values()], np.int64),
        converted=np.array([s for _, s in sets.values()], np.int64),
    )


def reach_counts(tenant: TenantCounts) -> tuple[Counts, Counts]:
    """Leads and conversions, (strata, 2), of leads reached on one channel, and of those reached on several."""
    reached = tenant.paths["reach"]
    strata = sorted({key[:2] for key in reached})
    one, several = (
        np.array([reached.get((*stratum, key), NOTHING) for stratum in strata], np.int64).reshape(-1, 2)
        for key in REACH_KEYS
    )
    return one, several


def _outcomes(tenant: TenantCounts, question: str, channels: Sequence[str]) -> Counts:
    return np.array([tenant.paths[question].get(channel, NOTHING)[1] for channel in channels], np.int64)
