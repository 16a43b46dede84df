"""From a tenant group's extracts to the touches and leads that health looks at, one frame a tenant.

Levels and strata are those of the learners (docs/how.md, docs/when.md, docs/what.md), somewhat coarser: a few weeks of
touches lie thinner than eight blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import polars as pl

from algorithms import exposures, templates
from algorithms.exposures import FIRST_MONDAY, RESPONSE_DAYS
from algorithms.health_levels import Rows
from contracts.learning import LearningContext
from contracts.outcomes import CONTENT_FEATURES
from contracts.when import GAP_BINS, GAP_EDGES, hour_key

HOURS = 168

Strata = tuple[pl.Expr, ...]

LATER = pl.col("step").clip(1, 4) // 2
"""First touch 0, second and third 1, later ones 2: the bands of HOW."""


def touches(frames: Mapping[str, pl.LazyFrame], context: LearningContext) -> dict[UUID, pl.DataFrame]:
    """Resolved touches at risk by tenant, in order of time, with what their templates say."""
    rows = exposures.dated(frames, context).with_columns(pl.col("template_id", "policy").cast(pl.String))
    said = templates.make(frames, context).select(
        "tenant_id", "template_id", *(_as_level(name) for name in CONTENT_FEATURES)
    )
    whole = rows.join(said, on=("tenant_id", "template_id"), how="left").sort(
        "tenant_id", "occurred_at", "lead", "step"
    )
    parts = whole.partition_by("tenant_id", as_dict=True, maintain_order=True)
    return {UUID(bytes=tenant): part for (tenant,), part in parts.items()}


def _as_level(name: str) -> pl.Expr:
    """A feature as WHAT names its levels."""
    if CONTENT_FEATURES.index(name) < 5:
        return pl.col(name)
    return pl.when(name).then(pl.lit("yes")).when(~pl.col(name)).then(pl.lit("no")).alias(name)


def unseen(rows: pl.DataFrame, window_end: datetime) -> pl.DataFrame:
    """The touches that were not resolved at `window_end`, and so are new to whoever learned as of then.

    `day`: whole days since the first moment that such a touch may have.
    """
    begin = window_end - timedelta(days=RESPONSE_DAYS)
    day = (pl.col("occurred_at") - begin).dt.total_days()
    return rows.filter(pl.col("occurred_at") > begin).with_columns(day=day)


def rows_of(question: str, fresh: pl.DataFrame) -> Rows | None:
    """What one question reads of `unseen` touches; None for a question that touches do not answer."""
    if question in CONTENT_FEATURES:
        level: pl.Expr = pl.col(question)
        strata: Strata = (pl.col("channel"), LATER, pl.col("stratum"))
    elif question in QUESTIONS:
        level, strata = QUESTIONS[question]()
    else:
        return None
    told = fresh.select("day", "outcome", level.alias("level"), _numbered(pl.col("policy"), *strata).alias("cell"))
    keys = tuple(told["level"].drop_nulls().unique().sort().to_list())
    code = {key: number for number, key in enumerate(keys)}
    return Rows(
        day=told["day"].to_numpy().astype(np.int64),
        stratum=told["cell"].to_numpy().astype(np.int64),
        level=np.array([code.get(key, -1) for key in told["level"].to_list()], np.int64),
        outcome=told["outcome"].to_numpy().astype(np.bool_),
        keys=keys,
    )


def _numbered(*columns: pl.Expr) -> pl.Expr:
    return pl.struct(column.alias(str(place)) for place, column in enumerate(columns)).rank("dense")


def _channels() -> tuple[pl.Expr, Strata]:
    return pl.col("channel").cast(pl.String), (LATER, pl.col("stratum"))


def _next_channel() -> tuple[pl.Expr, Strata]:
    pair = pl.concat_str(pl.col("previous").cast(pl.String), pl.col("channel").cast(pl.String), separator=">")
    return pair, (pl.col("previous"), pl.col("stratum"))


def _hours() -> tuple[pl.Expr, Strata]:
    names = {hour: hour_key(hour) for hour in range(HOURS)}
    hour = pl.col("hour_of_week").cast(pl.Int64).replace_strict(names, default=None, return_dtype=pl.String)
    return hour, (LATER > 0, pl.col("stratum"))


def _gaps() -> tuple[pl.Expr, Strata]:
    place = pl.sum_horizontal((pl.col("gap_days") >= edge).cast(pl.Int64) for edge in GAP_EDGES)
    bins = place.replace_strict(dict(enumerate(GAP_BINS)), default=None, return_dtype=pl.String)
    known = pl.col("gap_days").is_not_null() & ~pl.col("synthetic")
    return pl.when(known).then(bins), (pl.col("step").clip(1, 8), pl.col("stratum"))


QUESTIONS: Mapping[str, Callable[[], tuple[pl.Expr, Strata]]] = {
    "channels": _channels,
    "next_channel": _next_channel,
    "hours": _hours,
    "gaps": _gaps,
}
"""Comparison → the level of a touch, and what it is compared within besides its policy. Features of content are theirs
by name."""


def daily(frame: pl.LazyFrame, dated_by: str, as_of: datetime) -> dict[UUID, pl.DataFrame]:
    """Rows a day of an extract, by tenant: `day` counted back from `as_of` (0: the last 24 hours) and `n`."""
    back = ((pl.lit(as_of) - pl.col(dated_by)).dt.total_hours() // 24).alias("day")
    counted = frame.filter(pl.col(dated_by) <= as_of).group_by("tenant_id", back).agg(pl.len().alias("n")).collect()
    parts = counted.partition_by("tenant_id", as_dict=True)
    return {UUID(bytes=tenant): part for (tenant,), part in parts.items()}


def monday_of(column: str) -> pl.Expr:
    """The Monday of the week that a moment lies in, in UTC."""
    return (FIRST_MONDAY + ((pl.col(column) - FIRST_MONDAY).dt.total_days() // 7) * timedelta(days=7)).dt.date()
