"""The specification's business metrics of each tenant, for leads that came in one week: value, interval, or refusal.

booking_rate         share of leads that convert within the tenant's horizon; Wilson's interval
days_to_conversion   median days from a lead's creation to its conversion, among those that convert within the horizon;
                     interval between order statistics, as the binomial law gives it
touches_to_convert   mean touches of those leads up to their conversion; Student's interval
multi_channel_lift   difference of conversion rates, several channels against one, over LIFT_WEEKS up to this week

A week speaks once the horizon of all its leads has passed. Until then its slow conversions are missing, and a median of
those that are there would look quick; so it is refused, and says how many leads are still open. Intervals are of 90 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binom
from scipy.stats import t as student

from algorithms.health_rows import monday_of
from algorithms.multi_channel import lift, wilson
from contracts.health import Metric
from contracts.how import Lift
from contracts.refusal import Reason, Refusal

LIFT_WEEKS = 12
"""Weeks whose leads are compared for the lift: one alone holds too few that were reached on one channel."""

LEAST = 5
"""Conversions below which neither a median nor a mean has an interval worth showing."""

MOST_TOUCHES = 8
"""Numbers of touches from here on are one stratum."""

Numbers = NDArray[np.float64]

LEADS = pl.Schema(
    {
        "tenant_id": pl.Binary(),
        "week": pl.Date(),
        "open": pl.Boolean(),  # its horizon has not passed
        "converted": pl.Boolean(),  # within the horizon
        "days": pl.Float64(),  # to the conversion; null without one
        "touches": pl.Int64(),  # up to the conversion, or all
        "channels": pl.Int64(),
    }
)


def leads_of(frames: Mapping[str, pl.LazyFrame], as_of: datetime) -> pl.DataFrame:
    """LEADS of the extracts `leads`, `touches` and `tenants`, as known at `as_of`; stand-in times have no weeks."""
    leads = frames["leads"].filter(pl.col("created_at") <= as_of)
    if "synthetic_time" in leads.collect_schema().names():
        leads = leads.filter(~pl.col("synthetic_time").fill_null(value=False))
    horizon = pl.duration(days=pl.col("horizon_days"))
    known = leads.join(frames["tenants"].select("tenant_id", "horizon_days"), on="tenant_id").select(
        "tenant_id",
        "lead_id",
        "created_at",
        monday_of("created_at").alias("week"),
        (pl.col("created_at") + horizon > as_of).alias("open"),
        pl.when(pl.col("converted_at") <= pl.min_horizontal(pl.lit(as_of), pl.col("created_at") + horizon))
        .then("converted_at")
        .alias("won_at"),
    )
    reached = (
        frames["touches"]
        .filter(pl.col("occurred_at") <= as_of)
        .select("tenant_id", "lead_id", "occurred_at", "channel")
        .join(known.select("tenant_id", "lead_id", "won_at"), on=("tenant_id", "lead_id"))
        .filter((pl.col("occurred_at") <= pl.col("won_at")).fill_null(value=True))
        .group_by("tenant_id", "lead_id")
        .agg(pl.len().alias("touches"), pl.col("channel").n_unique().alias("channels"))
    )
    days = (pl.col("won_at") - pl.col("created_at")).dt.total_seconds() / 86_400
    whole = known.join(reached, on=("tenant_id", "lead_id"), how="left").with_columns(
        pl.col("touches", "channels").fill_null(0), converted=pl.col("won_at").is_not_null(), days=days
    )
    return whole.select(pl.col(name).cast(kind) for name, kind in LEADS.items()).collect()


def metrics(leads: pl.DataFrame, weeks: int, as_of: datetime) -> Iterator[Metric]:
    """Every metric of every tenant of LEADS, for each of the last `weeks` weeks, the oldest first."""
    this = as_of.date() - timedelta(days=as_of.weekday())
    wanted = [this - timedelta(days=7 * back) for back in range(weeks - 1, -1, -1)]
    for (tenant,), rows in leads.partition_by("tenant_id", as_dict=True).items():
        for week in wanted:
            yield from _of_week(UUID(bytes=tenant), week, rows)


def _of_week(tenant: UUID, week: date, rows: pl.DataFrame) -> Iterator[Metric]:
    cohort = rows.filter(pl.col("week") == week)
    refusal = _open(cohort)
    if refusal:
        for name in ("booking_rate", "days_to_conversion", "touches_to_convert"):
            yield _untold(tenant, week, name, cohort.height, refusal)
    else:
        won = cohort.filter("converted")
        yield rate(tenant, week, won.height, cohort.height)
        yield median(tenant, week, "days_to_conversion", won["days"].to_numpy())
        yield mean(tenant, week, "touches_to_convert", won.filter(pl.col("touches") > 0)["touches"].to_numpy())
    recent = rows.filter(pl.col("week").is_between(week - timedelta(days=7 * (LIFT_WEEKS - 1)), week))
    yield several_against_one(tenant, week, recent)


def _open(cohort: pl.DataFrame) -> Refusal | None:
    waiting = int(cohort["open"].sum())
    if waiting:
        return Refusal(
            Reason.TOO_FEW_OUTCOMES, cohort.height - waiting, cohort.height, "leads whose horizon has passed"
        )
    return None if cohort.height else Refusal(Reason.TOO_FEW_OUTCOMES, 0, 1, "leads of that week")


def rate(tenant: UUID, week: date, won: int, leads: int) -> Metric:
    """The booking rate."""
    low, high = wilson(won / leads, leads)
    return Metric(tenant, week, "booking_rate", won / leads, low, high, leads)


def median(tenant: UUID, week: date, name: str, values: Numbers) -> Metric:
    """The median with the narrowest pair of order statistics that covers it in 90 % of samples or more."""
    n = len(values)
    if n < LEAST:
        return _untold(tenant, week, name, n, Refusal(Reason.TOO_FEW_OUTCOMES, n, LEAST, "conversions of that week"))
    ordered = np.sort(values)
    below = max(int(binom.ppf(0.05, n, 0.5)), 0)  # P(fewer than so many lie below the median) ≤ .05
    low, high = float(ordered[max(below - 1, 0)]), float(ordered[min(n - below, n - 1)])
    return Metric(tenant, week, name, float(np.median(ordered)), low, high, n)


def mean(tenant: UUID, week: date, name: str, values: Numbers) -> Metric:
    """The mean with Student's interval."""
    n = len(values)
    if n < LEAST:
        return _untold(tenant, week, name, n, Refusal(Reason.TOO_FEW_OUTCOMES, n, LEAST, "conversions with touches"))
    centre = float(values.mean())
    reach = float(student.ppf(0.95, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n)
    return Metric(tenant, week, name, centre, max(centre - reach, 1.0), centre + reach, n)


def several_against_one(tenant: UUID, week: date, rows: pl.DataFrame) -> Metric:
    """The multi-channel lift of resolved leads, within numbers of touches; an association, since nobody held it out."""
    reached = rows.filter(~pl.col("open") & (pl.col("channels") > 0))
    stratum = pl.col("touches").clip(1, MOST_TOUCHES)
    counted = reached.group_by(stratum.alias("stratum"), (pl.col("channels") > 1).alias("several")).agg(
        pl.len().alias("n"), pl.col("converted").sum().alias("s")
    )
    tables = np.zeros((2, MOST_TOUCHES, 2), np.int64)
    for at, several, n, s in counted.iter_rows():
        tables[int(several), at - 1] = n, s
    found = lift(tables[0], tables[1], randomised=False)
    if isinstance(found, Lift):
        n = found.single + found.multi
        return Metric(tenant, week, "multi_channel_lift", found.difference, found.low, found.high, n)
    return _untold(tenant, week, "multi_channel_lift", reached.height, found)


def _untold(tenant: UUID, week: date, name: str, n: int, refusal: Refusal) -> Metric:
    return Metric(tenant, week, name, None, None, None, n, refusal)
