"""What WHEN remembers of a tenant: touches at risk and their outcomes, counted as integers that add up, in one frame.

`question` says what the levels of a row are:

    hours      the lead's hour of the week, 0 is Monday midnight
    gaps       whole days since the touch before, as a place in contracts.when.GAP_BINS
    touches    the touch number, BEYOND for all that follow the last one told
    left_out   why a touch is in no row of hours: SYNTHETIC or NO_ZONE

Like is compared with like within a policy, a block, a band and a range of score deciles. Leads lie whole in one slice,
and no range or band depends on the data, so summaries add up to equal bytes however the leads were split.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.additive import added_up
from algorithms.exposures import UNKNOWN
from algorithms.tally import Index, combined, numbered, renumbered, tally
from contracts.when import GAP_BINS, GAP_EDGES

QUESTIONS = ("hours", "gaps", "touches", "left_out")
SYNTHETIC, NO_ZONE = 0, 1
"""Levels of left_out."""

HOURS = 168
LAST_TOUCH = 16
BEYOND = LAST_TOUCH + 1

SUMMARY = pl.Schema(
    {
        "question": pl.Enum(QUESTIONS),
        "tenant_id": pl.Binary(),
        "shares_priors": pl.Boolean(),
        "policy": pl.String(),
        "logged": pl.Boolean(),  # the policy wrote down its probabilities
        "block": pl.Int16(),
        "band": pl.Int8(),  # of hours: a place in HOUR_BANDS; of gaps: one in GAP_BANDS
        "score": pl.Int8(),  # lowest decile of the range, −1 where no score was logged
        "level": pl.Int16(),
        "n": pl.Int64(),
        "s": pl.Int64(),
    }
)
KEYS = [name for name in SUMMARY.names() if name not in ("n", "s")]

HOUR_BANDS = ("first touch", "later touch", "logged")
"""The hazard of a first touch differs from later ones. Where probabilities were logged there are no such bands, and
every decile is a range by itself: that is what the policy chose by."""

GAP_BANDS = ("2", "3", "4", "5", "6", "7", "8+")
"""Touch number. Cadences set gaps by it, and hazards fall with it: with 4+ as one band, seven flat worlds in ten got a
claim (docs/when.md). What was sent before it makes no such difference."""

HOUR_SCORES, GAP_SCORES, EVERY_SCORE = (0, 3, 7), (0, 1, 2, 4, 6, 8, 9), tuple(range(10))
"""Lowest deciles of the ranges, for each question as few as keep flat worlds silent under strong confounding: a hundred
hours lie across what leads differ in, seven gaps lie along it. Narrow at the ends, where leads differ most. Hours then
hold 12 cells per 100 touches of the demo world, and gaps 6."""

PIECE = 500_000
"""Rows counted at a time, more or less: their codes stay near the processor."""

Codes = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


def summarise_exposures(extracts: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """SUMMARY of the derived frame `exposures`, for those in `tenants`."""
    rows = extracts["exposures"].select(*_codes()).collect()
    consents = extracts["tenants"].select("tenant_id", "shares_priors").collect()
    parts: list[list[pl.DataFrame]] = []
    for piece in _pieces(rows, consents):
        hours, left_out = _count_hours(piece)
        parts.append([hours, _count_gaps(piece), _count_touches(piece), left_out])
    in_order = [part for question in zip(*parts, strict=True) for part in question]
    return pl.concat(in_order) if in_order else SUMMARY.to_frame()


def merge_summaries(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One SUMMARY of many."""
    if len(parts) == 1:
        return parts[0]
    return _added_up(pl.concat(parts) if parts else SUMMARY.to_frame())


def _codes() -> tuple[pl.Expr | str, ...]:
    """What is read of the exposures. decile: 0 where no score was logged; days: −1 where no gap is known."""
    days = pl.when(~pl.col("synthetic")).then(pl.col("gap_days")).fill_null(-1.0).clip(-1.0, GAP_EDGES[-1])
    return (
        "tenant_id",
        "policy",
        "block",
        "step",
        "hour_of_week",
        "synthetic",
        "outcome",
        pl.col("propensity").is_not_null().alias("logged"),
        (pl.col("stratum") - UNKNOWN).cast(pl.UInt8).alias("decile"),
        days.cast(pl.Int8).alias("days"),
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """Touches of some tenants. slices: the columns of SUMMARY from tenant_id to block, in its order, of which few
    combinations occur; of_slice: the place of each touch's. The rest as `_codes` gives it."""

    slices: pl.DataFrame
    of_slice: Index
    step: Codes
    hour: Codes
    days: Codes
    decile: Codes
    logged: Bools
    synthetic: Bools
    outcome: Bools


def _pieces(rows: pl.DataFrame, consents: pl.DataFrame) -> Iterator[_Piece]:
    """Whole tenants, about PIECE rows at a time."""
    runs = rows["tenant_id"].rle().struct.unnest()
    tenants = runs.select(pl.col("value").alias("tenant_id"), pl.col("len").cast(pl.Int64))
    tenants = tenants.join(consents, on="tenant_id", how="left", maintain_order="left")
    lengths = tenants["len"].to_numpy()
    policies, policy = numbered(rows["policy"])
    policies = policies.cast(pl.String)
    piece = (lengths.cumsum() - lengths) // PIECE
    for number in np.unique(piece):
        mine = tenants.filter(piece == number)
        start, size = int(lengths[piece < number].sum()), int(mine["len"].sum())
        yield _piece(rows[start : start + size], mine, policies, policy[start : start + size])


def _piece(rows: pl.DataFrame, tenants: pl.DataFrame, policies: pl.Series, policy: Index) -> _Piece:
    block, logged = rows["block"].to_numpy(), rows["logged"].to_numpy()
    oldest = int(block.min())
    sizes = (len(tenants), len(policies), 2, int(block.max()) - oldest + 1)
    tenant = np.repeat(np.arange(len(tenants)), tenants["len"].to_numpy())
    found, of_slice = renumbered(combined((tenant, policy, logged, block - oldest), sizes), math.prod(sizes))
    of_tenant, of_policy, of_logged, since = np.unravel_index(found, sizes)
    slices = tenants[of_tenant].with_columns(
        policy=policies.gather(of_policy), logged=pl.Series(of_logged > 0), block=pl.Series(oldest + since)
    )
    return _Piece(
        slices=_typed(slices),
        of_slice=of_slice,
        step=rows["step"].to_numpy(),
        hour=rows["hour_of_week"].to_numpy(),
        days=rows["days"].to_numpy(),
        decile=rows["decile"].to_numpy(),
        logged=logged,
        synthetic=rows["synthetic"].to_numpy(),
        outcome=rows["outcome"].to_numpy(),
    )


def _count_hours(piece: _Piece) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of hours, and of left_out."""
    reasons = 2
    level = np.where(piece.hour == UNKNOWN, np.where(piece.synthetic, SYNTHETIC, NO_ZONE), piece.hour + reasons)
    band = np.where(piece.logged, HOUR_BANDS.index("logged"), (piece.step > 1).astype(np.uint8))
    counted = _count(piece, "hours", band, (HOUR_SCORES, HOUR_SCORES, EVERY_SCORE), level, reasons + HOURS)
    known = counted.filter(pl.col("level") >= reasons).with_columns(pl.col("level") - reasons)
    without = counted.filter(pl.col("level") < reasons)
    reset = {"question": "left_out", "band": 0, "score": UNKNOWN}
    return known, _added_up(
        without.with_columns(pl.lit(value, SUMMARY[name]).alias(name) for name, value in reset.items())
    )


def _count_gaps(piece: _Piece) -> pl.DataFrame:
    """Rows of gaps: touches that have one before them, at a known time."""
    bins = np.searchsorted(GAP_EDGES, np.arange(GAP_EDGES[-1] + 1), side="right")
    level = np.append(bins + 1, 0)[piece.days]  # the last is that of −1
    band = np.clip(piece.step, 2, 1 + len(GAP_BANDS)) - 2
    counted = _count(piece, "gaps", band, (GAP_SCORES,) * len(GAP_BANDS), level, len(GAP_BINS) + 1)
    return counted.filter(pl.col("level") > 0).with_columns(pl.col("level") - 1)


def _count_touches(piece: _Piece) -> pl.DataFrame:
    """Rows of touches."""
    alike = np.zeros(len(piece.step), np.uint8)
    return _count(piece, "touches", alike, ((0,),), np.clip(piece.step, 1, BEYOND), BEYOND + 1)


def _count(
    piece: _Piece, question: str, band: Codes, scores: Sequence[Sequence[int]], level: Codes, levels: int
) -> pl.DataFrame:
    """Rows of SUMMARY. scores: for each band the lowest deciles of its ranges. levels: how many codes of them exist."""
    ranges = [_lowest(starts) for starts in scores]
    places = sorted({(at, int(low)) for at, lowest in enumerate(ranges) for low in lowest})
    place_of = np.array([[places.index((at, low)) for low in lowest] for at, lowest in enumerate(ranges)], np.uint8)
    place = place_of.ravel()[band * place_of.shape[1] + piece.decile]
    sizes = (len(piece.slices), len(places), levels)
    cells, n, s = tally(combined((piece.of_slice, place, level), sizes), math.prod(sizes), piece.outcome)
    of_slice, of_place, of_level = np.unravel_index(cells, sizes)
    counted = pl.DataFrame(
        {
            "question": pl.repeat(question, len(n), dtype=SUMMARY["question"], eager=True),
            "band": np.array(places)[of_place, 0],
            "score": np.array(places)[of_place, 1],
            "level": of_level,
            "n": n,
            "s": s,
        }
    )
    return _typed(counted.hstack(piece.slices[of_slice]))


def _lowest(starts: Sequence[int]) -> Index:
    """(11,) lowest decile of the range that a code of deciles lies in; the first code is that of no score."""
    known = np.array(starts, np.int64)[np.searchsorted(starts, EVERY_SCORE, side="right") - 1]
    return np.concatenate([np.array([UNKNOWN], np.int64), known])


def _added_up(rows: pl.DataFrame) -> pl.DataFrame:
    return added_up([rows.select(SUMMARY.names())], KEYS, ("n", "s"))


def _typed(rows: pl.DataFrame) -> pl.DataFrame:
    """Columns of SUMMARY, as far as they are there, in its order and types."""
    return rows.select(pl.col(name).cast(kind) for name, kind in SUMMARY.items() if name in rows.columns)
