"""Business metrics beside examples worked out by hand, and beside a loop over leads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from algorithms.business_metrics import leads_of, mean, median, metrics, rate
from contracts.health import Metric

TENANT = UUID(int=3)
MONDAY = date(2026, 3, 2)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HORIZON = 30
AS_OF = datetime(2026, 4, 20, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")


def frames(leads: list[tuple[float, float | None]], touches: list[tuple[int, float, str]]) -> dict[str, pl.LazyFrame]:
    """leads: days after START of creation, and days from there to conversion. touches: lead, days after it, channel."""
    created = [START + timedelta(days=day) for day, _ in leads]
    ids = [number.to_bytes(16, "big") for number in range(len(leads))]
    won = [c + timedelta(days=d) if d is not None else None for c, (_, d) in zip(created, leads, strict=True)]
    return {
        "tenants": pl.LazyFrame({"tenant_id": [TENANT.bytes], "horizon_days": [HORIZON]}),
        "leads": pl.LazyFrame(
            {"tenant_id": [TENANT.bytes] * len(ids), "lead_id": ids, "created_at": created, "converted_at": won},
            schema={"tenant_id": pl.Binary(), "lead_id": pl.Binary(), "created_at": TIME, "converted_at": TIME},
        ),
        "touches": pl.LazyFrame(
            {
                "tenant_id": [TENANT.bytes] * len(touches),
                "lead_id": [ids[lead] for lead, _, _ in touches],
                "occurred_at": [created[lead] + timedelta(days=day) for lead, day, _ in touches],
                "channel": [channel for _, _, channel in touches],
            },
            schema={"tenant_id": pl.Binary(), "lead_id": pl.Binary(), "occurred_at": TIME, "channel": pl.String()},
        ),
    }


def found(made: dict[str, pl.LazyFrame], week: date, as_of: datetime = AS_OF) -> dict[str, Metric]:
    return {m.metric: m for m in metrics(leads_of(made, as_of), 20, as_of) if m.week == week}


def test_a_week_worked_out_by_hand() -> None:
    """Ten leads; five convert after 2, 4, 6, 8 and 20 days, one after its horizon, which counts as not converted."""
    days: list[float | None] = [2, 4, 6, 8, 20, 31, None, None, None, None]
    touches = [(lead, day, "email") for lead in range(5) for day in (0.5, 1.5, 5.0)]
    told = found(frames([(0.1 * k, day) for k, day in enumerate(days)], touches), MONDAY)
    assert told["booking_rate"].value == 0.5
    assert told["booking_rate"].n == 10
    assert (told["booking_rate"].low, told["booking_rate"].high) == pytest.approx((0.2693, 0.7307), abs=1e-4)
    assert (told["days_to_conversion"].value, told["days_to_conversion"].n) == (6.0, 5)
    assert (told["days_to_conversion"].low, told["days_to_conversion"].high) == (2.0, 20.0)
    # touches up to the conversion: 2, 2, 3, 3, 3
    assert told["touches_to_convert"].value == pytest.approx(13 / 5)
    assert told["touches_to_convert"].high == pytest.approx(2.6 + 2.1318 * 0.5477 / 5**0.5, abs=1e-3)
    assert told["multi_channel_lift"].refusal is not None


def test_a_week_with_open_leads_says_nothing_yet() -> None:
    made = frames([(0.0, 2.0), (6.0, None)], [])
    early = found(made, MONDAY, START + timedelta(days=35))
    assert early["booking_rate"].value is None
    refusal = early["booking_rate"].refusal
    assert refusal is not None
    assert (refusal.got, refusal.wanted) == (1, 2)
    assert found(made, MONDAY)["booking_rate"].value == 0.5


def test_the_future_changes_nothing() -> None:
    made = frames([(0.0, 2.0), (0.0, 25.0)], [(0, 1.0, "email"), (0, 40.0, "sms")])
    then = START + timedelta(days=20)
    leads = leads_of(made, then)
    assert leads["converted"].to_list() == [True, False]
    assert leads["channels"].to_list() == [1, 0]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.floats(0.0, 20.0), st.one_of(st.none(), st.floats(0.1, 40.0)), st.integers(0, 4)),
        min_size=1,
        max_size=30,
    )
)
def test_rates_are_what_a_loop_counts(leads: list[tuple[float, float | None, int]]) -> None:
    touches = [(k, 0.25 * (n + 1), "email") for k, (_, _, count) in enumerate(leads) for n in range(count)]
    made = frames([(day, won) for day, won, _ in leads], touches)
    late = AS_OF + timedelta(days=60)
    for week in (MONDAY, MONDAY + timedelta(days=7)):
        mine = [won for day, won, _ in leads if week <= (START + timedelta(days=day)).date() < week + timedelta(days=7)]
        booked = sum(won is not None and timedelta(days=won) <= timedelta(days=HORIZON) for won in mine)
        told = found(made, week, late)["booking_rate"]
        assert told.value == (pytest.approx(booked / len(mine)) if mine else None)


@pytest.mark.parametrize("n", [5, 6, 11, 40, 101])
def test_the_interval_of_the_median_covers_what_it_says(n: int) -> None:
    """Places of the ends among the ordered values → the binomial chance that the median lies between them."""
    told = median(TENANT, MONDAY, "days_to_conversion", np.arange(1.0, n + 1.0))
    assert told.low is not None
    assert told.high is not None
    below = int(told.low)
    assert told.high == n + 1 - below
    assert 1.0 - 2.0 * binom.cdf(below - 1, n, 0.5) >= 0.90
    assert 1.0 - 2.0 * binom.cdf(below, n, 0.5) < 0.90


def test_few_conversions_have_no_median_and_no_mean() -> None:
    for made in (median, mean):
        told = made(TENANT, MONDAY, "x", np.array([1.0, 2.0, 3.0, 4.0]))
        assert (told.value, told.n) == (None, 4)
        assert told.refusal is not None
    widths = [(m.high or 0) - (m.low or 0) for m in (rate(TENANT, MONDAY, n // 20, n) for n in (100, 400, 1_600))]
    assert all(wide > narrow for wide, narrow in pairwise(widths))
