"""A simulated WHO world as the extracts that a learner reads: benchmarks and tests take the learner's own path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import numpy as np
import polars as pl

from contracts.outcomes import COMPONENTS
from simulation.leads import LeadsWorld

NAMESPACE = UUID("9a7d3a54-1f0e-5c7b-8a44-0c5f3f1f9d10")
START = datetime(2024, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")


def tenant_id(tenant: int) -> UUID:
    """The id of a world's tenant; ascending ids are not ascending tenants."""
    return uuid5(NAMESPACE, f"tenant {tenant}")


def as_extracts(world: LeadsWorld, *, between: timedelta = timedelta(hours=1)) -> dict[str, pl.LazyFrame]:
    """`leads` and `tenants`; one lead of every tenant each `between`, whose outcome is known at once."""
    ids = [tenant_id(tenant).bytes for tenant in range(len(world.kinds))]
    order = np.arange(len(world.tenant)) - (np.cumsum(world.sizes) - world.sizes)[world.tenant]
    created = pl.lit(START).cast(TIME) + pl.col("order") * pl.lit(between)
    leads = pl.LazyFrame(
        {
            "tenant_id": pl.Series(ids, dtype=pl.Binary).gather(world.tenant),
            "order": order,
            "converted": world.converted,
            **dict(zip(COMPONENTS, world.components.T, strict=True)),
        }
    ).select(
        "tenant_id",
        pl.col("order").cast(pl.String).cast(pl.Binary).alias("lead_id"),
        created.alias("created_at"),
        pl.lit("contacted").alias("status"),
        pl.when("converted").then(created).alias("converted_at"),
        *COMPONENTS,
        pl.lit(True).alias("synthetic_time"),
    )
    tenants = pl.LazyFrame({"tenant_id": pl.Series(ids, dtype=pl.Binary)}).with_columns(
        pl.lit("simulated").alias("name"),
        pl.lit(30, pl.Int64).alias("horizon_days"),
        pl.lit(True).alias("shares_priors"),
    )
    return {"leads": leads, "tenants": tenants}
