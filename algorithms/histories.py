"""What WHO remembers of a tenant: its newest resolved leads in order of time, and counts of every level, in one frame.

A row is either a lead (n = 1, s = its outcome, with times and components) or a level (n leads, s conversions of, say,
title = cfo; without times). Both kinds merge without loss: leads by keeping the newest, levels by adding.

A lead is in it when the tenant's horizon has passed since it was created. A lead that converts earlier is resolved
earlier, but its cohort is not: counting it at once would fill the newest month with conversions alone, and lift every
rate learned from it. Imported sets with `synthetic_time` have no calendar, and all of their leads count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.components import FILLED, complete
from contracts.canonical import canonical_json
from contracts.outcomes import COMPONENTS, DIMENSIONS, EMPLOYEE_BANDS

TIME = pl.Datetime("us", "UTC")
_FLOAT32: dict[str, pl.DataType] = {name: pl.Float32() for name in COMPONENTS}
SUMMARY = pl.Schema(
    {
        "tenant_id": pl.Binary(),
        "shares_priors": pl.Boolean(),
        "created_at": TIME,  # null in rows of levels
        "known_at": TIME,  # from when on the outcome is known
        "lead_id": pl.Binary(),
        "dimension": pl.Enum(DIMENSIONS),  # null in rows of leads
        "level": pl.String(),
        "n": pl.Int32(),
        "s": pl.Int32(),
        **_FLOAT32,
    }
)
ORDER = ("tenant_id", "created_at", "lead_id", "dimension", "level")  # leads after levels, as nulls come first

_OPTIONAL: dict[str, pl.DataType] = {
    **{name: pl.Float64() for name in COMPONENTS},
    **{name: pl.Int64() if name == "employee_count" else pl.String() for name in FILLED},
    "scored_at": TIME,
    "synthetic_time": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class History:
    """One tenant. components: (n, 5) float32; converted: (n,); created, known: (n,) microseconds, created ascending.

    levels: dimension, level, n, s. digest: SHA-256 of all of it but the tenant's id.
    """

    tenant_id: UUID
    shares_priors: bool
    components: NDArray[np.float32]
    converted: NDArray[np.bool_]
    created: NDArray[np.int64]
    known: NDArray[np.int64]
    levels: pl.DataFrame

    def newest(self, window: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Components and outcomes of the last `window` leads."""
        return self.components[-window:], self.converted[-window:]

    @property
    def digest(self) -> str:
        seen = hashlib.sha256(canonical_json(self.levels.rows()))
        for array in (self.components, self.converted, self.created, self.known):
            seen.update(np.ascontiguousarray(array).tobytes())
        return seen.hexdigest()


def summarise_leads(extracts: Mapping[str, pl.LazyFrame], as_of: datetime, keep: int) -> pl.DataFrame:
    """SUMMARY of the extracts `leads` and `tenants` as they were known at `as_of`.

    Leads of tenants that are not in `tenants`, and leads whose components are not in [0, 1], are left out.
    """
    leads = _resolved(_with_optional(extracts["leads"]), extracts["tenants"], as_of)
    usable = pl.all_horizontal(pl.col(name).is_between(0.0, 1.0) for name in COMPONENTS)
    frame = complete(leads).filter(usable).select(*_LEAD, *_dimensions()).collect()
    return _merged([frame.select(SUMMARY.names()), *_level_counts(frame)], keep)


def merge_summaries(parts: Sequence[pl.DataFrame], keep: int) -> pl.DataFrame:
    """One SUMMARY of many; equal bytes however the leads were split. Keeps the newest `keep` leads of each tenant."""
    return parts[0] if len(parts) == 1 else _merged(parts, keep)


def histories(summary: pl.DataFrame) -> Iterator[History]:
    """Every tenant of a merged summary, in order of tenant id. Arrays are views of the summary's columns."""
    components = np.ascontiguousarray(summary.select(COMPONENTS).to_numpy())
    converted = summary["s"].to_numpy() > 0
    created, known = (summary[name].to_physical().fill_null(0).to_numpy() for name in ("created_at", "known_at"))
    levels = summary.select("dimension", "level", "n", "s")
    for tenant_id, shares_priors, start, middle, end in _bounds(summary):
        leads = slice(start + middle, end)
        yield History(
            tenant_id=UUID(bytes=tenant_id),
            shares_priors=shares_priors,
            components=components[leads],
            converted=converted[leads],
            created=created[leads],
            known=known[leads],
            levels=levels[start : start + middle],
        )


def _bounds(summary: pl.DataFrame) -> list[tuple[bytes, bool, int, int, int]]:
    """Tenant, whether it shares, its first row, how many of its rows are levels (they come first), and its end."""
    rows = summary.with_row_index("row").group_by("tenant_id", maintain_order=True)
    bounds = rows.agg(
        pl.col("shares_priors").first(),
        pl.col("row").first().alias("start"),
        pl.col("dimension").is_not_null().sum().alias("levels"),
        (pl.col("row").last() + 1).alias("end"),
    )
    return bounds.rows()


def _merged(parts: Sequence[pl.DataFrame], keep: int) -> pl.DataFrame:
    rows = pl.concat(parts) if parts else SUMMARY.to_frame()
    levels = (
        rows.filter(pl.col("dimension").is_not_null())
        .group_by("tenant_id", "shares_priors", "dimension", "level")
        .agg(pl.col("n", "s").sum())
    )
    leads = rows.filter(pl.col("dimension").is_null()).sort("tenant_id", "created_at", "lead_id")
    behind = pl.int_range(pl.len(), 0, -1).over("tenant_id")  # 1 for a tenant's newest lead
    kept = leads.filter(behind <= keep)
    return pl.concat([levels, kept], how="diagonal").select(SUMMARY.names()).cast(SUMMARY).sort(ORDER)


_LEAD: tuple[str | pl.Expr, ...] = (
    "tenant_id",
    "shares_priors",
    "created_at",
    "known_at",
    "lead_id",
    pl.lit(None, pl.Enum(DIMENSIONS)).alias("dimension"),
    pl.lit(None, pl.String).alias("level"),
    pl.lit(1, pl.Int32).alias("n"),
    pl.col("converted").cast(pl.Int32).alias("s"),
    *(pl.col(name).cast(pl.Float32) for name in COMPONENTS),
)


def _with_optional(leads: pl.LazyFrame) -> pl.LazyFrame:
    present = leads.collect_schema().names()
    return leads.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in _OPTIONAL.items() if name not in present
    )


def _resolved(leads: pl.LazyFrame, tenants: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    """Leads whose horizon has passed at `as_of`, with `converted` as it was known then."""
    now = pl.lit(as_of).cast(TIME)
    settings = tenants.select("tenant_id", "horizon_days", "shares_priors")
    horizon = pl.when(pl.col("synthetic_time").fill_null(False)).then(0).otherwise(pl.col("horizon_days"))
    not_yet_scored = pl.col("scored_at") > now
    return (
        leads.filter(pl.col("created_at") <= now)
        .join(settings, on="tenant_id")
        .with_columns(
            (pl.col("created_at").cast(TIME) + pl.duration(days=horizon)).alias("known_at"),
            (pl.col("converted_at") <= now).fill_null(False).alias("converted"),
            *(pl.when(not_yet_scored).then(None).otherwise(pl.col(name)).alias(name) for name in COMPONENTS),
        )
        .filter(pl.col("known_at") <= now)
    )


def _dimensions() -> list[pl.Expr]:
    """One text expression a dimension, prefixed so that it cannot collide with SUMMARY; null is no level."""
    count = pl.col("employee_count")
    band: pl.Expr = pl.lit(f"{EMPLOYEE_BANDS[-1] + 1}+")
    for low, high in reversed(list(zip((0, *(upper + 1 for upper in EMPLOYEE_BANDS)), EMPLOYEE_BANDS, strict=False))):
        band = pl.when(count <= high).then(pl.lit(f"{low}–{high}")).otherwise(band)
    texts = {name: pl.col(name).str.strip_chars().str.to_lowercase() for name in DIMENSIONS if name != "employee_band"}
    texts["employee_band"] = pl.when(count.is_not_null()).then(band)
    return [pl.when(text != "").then(text).alias(f"of_{name}") for name, text in texts.items()]


def _level_counts(frame: pl.DataFrame) -> list[pl.DataFrame]:
    return [
        frame.filter(pl.col(f"of_{name}").is_not_null())
        .group_by("tenant_id", "shares_priors", pl.col(f"of_{name}").alias("level"))
        .agg(pl.len().cast(pl.Int32).alias("n"), pl.col("s").sum().cast(pl.Int32))
        .with_columns(pl.lit(name, pl.Enum(DIMENSIONS)).alias("dimension"))
        .with_columns(pl.lit(None, SUMMARY[column]).alias(column) for column in _NOT_OF_LEVELS)
        .select(SUMMARY.names())
        for name in DIMENSIONS
    ]


_NOT_OF_LEVELS = ("created_at", "known_at", "lead_id", *COMPONENTS)
