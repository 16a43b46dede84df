"""From one tenant's summary to the counts that evidence and yields are made from.

Strata are policy × band × range of score deciles, block by block; only ranges of one policy and band may be joined
where they are thin. Levels are the hours, or gaps, that the tenant has used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.evidence import LevelCounts
from algorithms.tally import combined, numbered
from algorithms.when_counts import BEYOND, GAP_BANDS, HOUR_BANDS, HOURS, LAST_TOUCH, NO_ZONE, QUESTIONS, SYNTHETIC
from contracts.refusal import Reason, Refusal
from contracts.when import GAP_BINS, hour_key

Counts = NDArray[np.int64]

HOUR_KEYS = tuple(map(hour_key, range(HOURS)))
BANDS = max(len(HOUR_BANDS), len(GAP_BANDS))
SCORES = 11
"""Deciles, and none."""

COLUMNS = ("logged", "band", "score", "block", "level", "n", "s")


@dataclass(frozen=True, slots=True, eq=False)
class TenantCounts:
    """One tenant of a summary. digest: SHA-256 of its counts. oldest_block: as counted in exposures.

    randomised: every touch with a known hour was chosen with a probability that was written down. hours, gaps: None
    where no touch has one. touches: (2, 16) n and s of touch numbers 1 to 16. n, s: of all touches at risk.
    synthetic, no_zone: touches without a known hour, because their times are stand-ins or their zone is not known.
    """

    tenant_id: UUID
    shares_priors: bool
    digest: str
    oldest_block: int
    randomised: bool
    hours: LevelCounts | None
    gaps: LevelCounts | None
    touches: Counts
    n: int
    s: int
    synthetic: int
    no_zone: int


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Rows of one tenant and question, (rows,) each. policy: places in `policies`, the tenant's own, ascending."""

    policies: tuple[str, ...]
    policy: Counts
    logged: Counts
    band: Counts
    score: Counts
    block: Counts
    level: Counts
    n: Counts
    s: Counts

    @property
    def bytes(self) -> bytes:
        columns = (getattr(self, name) for name in ("policy", *COLUMNS))
        return repr(self.policies).encode() + b"".join(np.ascontiguousarray(column).tobytes() for column in columns)


def split_poor(summary: pl.DataFrame, least: int) -> tuple[pl.DataFrame, dict[UUID, Refusal]]:
    """The summary of those who may be told something, and why nobody else is: too few outcomes in either question.

    least: min(conversions, non-conversions). Most tenants of a large population are poor, and need no closer look.
    """
    totals = summary.group_by("tenant_id").agg(
        outcomes_of(pl.col("question") == name).alias(name) for name in ("hours", "gaps")
    )
    known = pl.col("hours").is_not_null() & (pl.col("hours") < least) & (pl.col("gaps").fill_null(0) < least)
    poor = totals.filter(known).select("tenant_id", "hours")
    refused = {UUID(bytes=row[0]): Refusal(Reason.TOO_FEW_OUTCOMES, row[1], least) for row in poor.iter_rows()}
    return summary.join(poor, on="tenant_id", how="anti", maintain_order="left"), refused


def outcomes_of(rows: pl.Expr) -> pl.Expr:
    """min(conversions, non-conversions) of some rows of counts; null where there are none."""
    n, s = pl.col("n").filter(rows).sum(), pl.col("s").filter(rows).sum()
    return pl.when(n > 0).then(pl.min_horizontal(s, n - s))


def tenants(summary: pl.DataFrame) -> Iterator[TenantCounts]:
    """Every tenant of a merged summary, in order of tenant id."""
    ids, tenant = numbered(summary["tenant_id"])
    policies, policy = numbered(summary["policy"])
    shares_priors = summary["shares_priors"].to_numpy()
    columns = {name: summary[name].to_numpy().astype(np.int64) for name in COLUMNS}
    question = summary["question"].to_physical().to_numpy().astype(np.int64)
    place = question * len(ids) + tenant  # ascending, as the summary is ordered
    edges = np.searchsorted(place, np.arange(len(QUESTIONS) * len(ids) + 1))
    for row, tenant_id in enumerate(ids):
        of, shares = {}, False
        for code, name in enumerate(QUESTIONS):
            mine = slice(*edges[code * len(ids) + row :][:2])
            used, own = np.unique(policy[mine], return_inverse=True)
            names = tuple(policies.gather(used).to_list())
            of[name] = _Cells(names, own, **{each: column[mine] for each, column in columns.items()})
            shares = shares or bool(shares_priors[mine].any())
        yield _tenant(tenant_id, shares, of)


def _tenant(tenant_id: bytes, shares_priors: bool, of: dict[str, _Cells]) -> TenantCounts:
    numbers, without = _by_level(of["touches"], BEYOND + 1), _by_level(of["left_out"], 2)[0]
    return TenantCounts(
        tenant_id=UUID(bytes=tenant_id),
        shares_priors=shares_priors,
        digest=hashlib.sha256(b"".join(of[question].bytes for question in QUESTIONS)).hexdigest(),
        oldest_block=int(of["touches"].block.min()),
        randomised=bool(of["hours"].logged.all()),
        hours=_level_counts(of["hours"], HOUR_KEYS),
        gaps=_level_counts(of["gaps"], GAP_BINS),
        touches=numbers[:, 1 : LAST_TOUCH + 1],
        n=int(numbers[0].sum()),
        s=int(numbers[1].sum()),
        synthetic=int(without[SYNTHETIC]),
        no_zone=int(without[NO_ZONE]),
    )


def _by_level(cells: _Cells, levels: int) -> Counts:
    """(2, levels) n and s."""
    counts = np.zeros((2, levels), np.int64)
    for row, amounts in zip(counts, (cells.n, cells.s), strict=True):
        np.add.at(row, cells.level, amounts)
    return counts


def _level_counts(cells: _Cells, keys: Sequence[str]) -> LevelCounts | None:
    if not len(cells.n):
        return None
    used, level = np.unique(cells.level, return_inverse=True)
    group = combined((cells.policy, cells.logged, cells.band), (len(cells.policies), 2, BANDS))
    strata, stratum = np.unique(combined((group, cells.score + 1), (0, SCORES)), return_inverse=True)
    oldest = int(cells.block.min())
    n, s = np.zeros((2, int(cells.block.max()) - oldest + 1, len(strata), len(used)), np.int64)
    place = (cells.block - oldest, stratum, level)  # each occurs once
    n[place], s[place] = cells.n, cells.s
    return LevelCounts(tuple(keys[code] for code in used), n, s, strata_groups=tuple((strata // SCORES).tolist()))
