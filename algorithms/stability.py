"""Until when does a slice count as it does now, if no row of it changes?

Counts depend on as-of as well as on rows: a touch counts once its seven days have passed, a lead once its horizon has,
a row dated later not before its time, and the oldest block leaves when a new one begins. Between two such moments a
summary has the same bytes whatever as-of is, so that it need not be made again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from algorithms.exposures import BLOCK_DAYS, BLOCKS, FIRST_MONDAY, RESPONSE_DAYS, block_of

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Nothing in the slice waits for anything."""

_TIME = pl.Datetime("us", "UTC")


def stable_until(leads: pl.LazyFrame, touches: pl.LazyFrame, tenants: pl.LazyFrame, as_of: datetime) -> datetime:
    """The first moment after `as_of` at which a check or summary of these rows may differ from that at `as_of`.

    leads, touches: raw rows of the slice, with the contract's columns. tenants: `tenant_id` and `horizon_days`; leads
    of others wait for no horizon. Every summary and check at a moment in [as_of, result) equals that at as_of.
    """
    horizons = tenants.select("tenant_id", horizon=pl.duration(days=pl.col("horizon_days")))
    resolved = leads.select("tenant_id", "created_at").join(horizons, on="tenant_id")
    began = _first_block(as_of)
    frames = [
        resolved.select(_next(pl.col("created_at") + pl.col("horizon"), as_of)),
        leads.select(_next(pl.col(name), as_of) for name in ("created_at", "converted_at", "scored_at")),
        touches.select(
            _next(pl.col("occurred_at"), as_of),
            _next(pl.col("outcome_at"), as_of),
            _next(pl.col("occurred_at") + pl.duration(days=RESPONSE_DAYS), as_of).alias("answered_at"),
        ),
        *(frame.select(_leaves(column, began)) for frame, column in ((leads, "created_at"), (touches, "occurred_at"))),
    ]
    found = [moment for frame in pl.collect_all(frames) for moment in frame.row(0) if moment is not None]
    return min(found, default=NEVER)


def _next(moment: pl.Expr, as_of: datetime) -> pl.Expr:
    """The earliest moment after as_of."""
    return moment.filter(moment > as_of).min()


def _first_block(as_of: datetime) -> datetime:
    """When the oldest block begins that still counts."""
    return FIRST_MONDAY + timedelta(days=BLOCK_DAYS) * (block_of(as_of) - BLOCKS + 1)


def _leaves(column: str, began: datetime) -> pl.Expr:
    """When the oldest block that still counts and holds a row stops counting."""
    oldest = pl.col(column).filter(pl.col(column) >= began).min()
    block = (oldest - FIRST_MONDAY).dt.total_days() // BLOCK_DAYS + BLOCKS
    return (pl.lit(FIRST_MONDAY, _TIME) + pl.duration(days=block * BLOCK_DAYS)).alias(column)
