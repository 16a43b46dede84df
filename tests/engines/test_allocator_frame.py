"""Whole plans: no limit is ever broken, many leads are planned as one after the other, a logged day can be replayed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from scipy.stats import chisquare

from algorithms.local_time import zone_info
from contracts.allocation import AllocationRules, Candidate, Exploration, Feasible
from contracts.outcomes import CHANNELS
from contracts.refusal import Reason
from engines.allocator import Planning, decide
from engines.allocator_cohort import BITS
from engines.allocator_frame import TO_PLAN, plan
from engines.allocator_hours import open_hours
from engines.allocator_words import DECIDED, OF_THE_TOUCH
from tests.engines.planning_worlds import NOW, frame, one_by_one, planning, worlds

ADDRESSES = {"email": "has_email", "sms": "has_phone", "voice": "has_phone"}

World = tuple[list[Candidate], Planning, dict[tuple[str, date], int]]


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_no_limit_is_ever_broken(world: World) -> None:
    leads, planned, taken = world
    rules, by_id = planned.rules, {each.lead.bytes: each for each in leads}
    decisions = plan(frame(leads), planned, taken).decisions
    used = Counter(taken)
    for row in decisions.filter(pl.col("refused").is_null()).iter_rows(named=True):
        lead, at = by_id[row["lead_id"]], row["scheduled_at"]
        zone = lead.time_zone if lead.time_zone and zone_info(lead.time_zone) else planned.time_zone
        local = at.astimezone(ZoneInfo(zone))
        assert not rules.paused
        assert not lead.opted_out
        assert lead.touches < rules.max_touches
        assert rules.daily_caps.get(row["channel"], 0) > 0
        assert rules.addresses_elsewhere or getattr(lead, ADDRESSES.get(row["channel"], "lead"))
        assert 24 * local.weekday() + local.hour in rules.hours
        assert (local.minute, local.second, local.microsecond) == (0, 0, 0)
        assert at >= planned.now + timedelta(hours=rules.notice_hours)
        assert at < planned.now + timedelta(days=rules.horizon_days)
        assert lead.last is None or at - lead.last >= timedelta(days=rules.min_gap_days)
        used[row["channel"], at.astimezone(ZoneInfo(planned.time_zone)).date()] += 1
    for (channel, day), count in used.items():
        assert count <= max(rules.daily_caps.get(channel, 0), taken.get((channel, day), 0))


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_everybody_gets_a_touch_or_a_reason(world: World) -> None:
    leads, planned, taken = world
    made = plan(frame(leads), planned, taken).decisions
    assert sorted(made["lead_id"]) == sorted(each.lead.bytes for each in leads)
    assert made["because"].str.len_chars().gt(0).all()
    touched = made["scheduled_at"].is_not_null()
    assert (touched == made["refused"].is_null()).all()
    for name in OF_THE_TOUCH:
        assert made.filter(~touched)[name].is_null().all()
    assert set(made["refused"].drop_nulls()) <= {
        Reason.PAUSED, Reason.OPTED_OUT, Reason.MAX_TOUCHES, Reason.NO_FEASIBLE
    }  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_a_plan_is_one_lead_after_the_other(world: World) -> None:
    """The fast plan against its slow twin: same turns, choices, reasons, and the same bits in every propensity."""
    leads, planned, taken = world
    made = plan(frame(leads), planned, taken)
    singly, closings = one_by_one(leads, planned, taken)
    rows = made.decisions.to_dicts()
    assert [row["lead_id"] for row in rows] == [each.lead.bytes for each in singly]
    for row, each in zip(rows, singly, strict=True):
        assert (row["because"], row["refused"], row["touch_number"]) == (each.because, each.refused, each.touch_number)
        if each.touch is None or each.how is None or each.when is None:
            assert row["channel"] is None
            continue
        touch = each.touch
        assert (row["channel"], row["scheduled_at"], row["day"]) == (touch.channel, touch.scheduled_at, touch.day)
        assert (row["hour_of_week"], row["gap"], row["zone"]) == (touch.hour_of_week, each.when.gap, touch.time_zone)
        assert (row["channel_propensity"], row["gap_propensity"], row["hour_propensity"], row["propensity"]) == (
            touch.channel_propensity, touch.gap_propensity, touch.hour_propensity, touch.propensity
        )  # fmt: skip
        assert (row["how_fallback"], row["when_fallback"]) == (each.how.fallback, each.when.fallback)
        assert row["explored"] == (each.how.explored or each.when.explored)
        assert sum(each.how.probabilities.values()) == pytest.approx(1.0, abs=1e-12)
        assert sum(each.when.probabilities.values()) == pytest.approx(1.0, abs=1e-12)
    assert list(made.closings[len(made.closings) - len(closings) :]) == closings


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_a_logged_day_is_replayed_with_identical_choices_and_propensities(world: World) -> None:
    """Each decision anew from what was logged with it: whom, when last, which touch, and what was feasible."""
    leads, planned, taken = world
    made = plan(frame(leads), planned, taken)
    for row in made.decisions.filter(pl.col("refused").is_null()).iter_rows(named=True):
        reach = tuple(channel for channel, bit in zip(CHANNELS, BITS, strict=True) if row["reach"] & bit)
        room = Feasible(reach, row["zone"], row["earliest"], made.full(row["closings"]))
        logged = Candidate(
            UUID(bytes=row["lead_id"]), None, row["touch_number"] - 1, row["previous"], row["last"]
        )  # fmt: skip
        again = decide(logged, room, planned).touch
        assert again is not None
        assert (again.channel, again.scheduled_at, again.propensity) == (
            row["channel"], row["scheduled_at"], row["propensity"]
        )  # fmt: skip


def crowd(count: int, seed: int = 4) -> pl.DataFrame:
    """Leads of three zones who were never touched, or some days ago."""
    rng = np.random.default_rng(seed)
    touches = rng.integers(0, 4, count)
    previous = np.where(touches > 0, np.array(CHANNELS)[rng.integers(0, 3, count)], "none")
    last = [NOW - timedelta(days=float(ago)) if had else None for ago, had in zip(rng.uniform(0, 9, count), touches)]  # noqa: B905
    return pl.DataFrame(
        {
            "lead_id": [UUID(int=int(number)).bytes for number in rng.permutation(count)],
            "score": rng.uniform(0, 100, count).round(),
            "touches": touches,
            "previous": previous,
            "last": last,
            "opted_out": rng.random(count) < 0.02,
            "has_email": rng.random(count) < 0.9,
            "has_phone": rng.random(count) < 0.5,
            "time_zone": np.array(["Europe/Berlin", "America/New_York", "Asia/Kolkata"])[rng.integers(0, 3, count)],
        },
        schema=TO_PLAN,
    )


def test_a_plan_does_not_depend_on_the_order_of_its_rows() -> None:
    leads, planned = crowd(3_000), planning(AllocationRules(), heads=("claimed", "gaps"))
    made, again = plan(leads, planned), plan(leads.sample(fraction=1.0, shuffle=True, seed=1), planned)
    assert made.decisions.equals(again.decisions)
    assert made.closings == again.closings
    assert len(made.closings) > 10


def test_the_best_leads_choose_first() -> None:
    planned = planning(AllocationRules(daily_caps={"linkedin": 5}))
    made = plan(crowd(500), planned).decisions
    waiting = made.filter(pl.col("because").str.starts_with("every day"))
    assert made["score"].is_sorted(descending=True)
    assert len(made.filter(pl.col("channel").is_not_null())) == 5 * len({
        slot.day for slot in open_hours(planned.rules, NOW, "Europe/Berlin", "Europe/London")
    })  # fmt: skip
    planned_scores = made.filter(pl.col("channel").is_not_null())["score"]
    assert planned_scores.min() > waiting["score"].quantile(0.9)


def test_what_happens_is_what_was_logged() -> None:
    """Chi-square per channel and per hour of the week, expected counts being sums of logged probabilities."""
    leads = crowd(8_000).with_columns(touches=pl.lit(0), previous=pl.lit("none"), last=pl.lit(None), has_email=True,
                                      has_phone=True, opted_out=False, time_zone=pl.lit("Europe/Berlin"))  # fmt: skip
    rules = AllocationRules(daily_caps=dict.fromkeys(CHANNELS, 100_000), exploration=Exploration(share=0.2))
    planned = planning(rules, heads=("channels", "claimed"))
    made = plan(leads.cast(dict(TO_PLAN)), planned).decisions
    room = Feasible(rules.channels, "Europe/Berlin", NOW + timedelta(hours=1))
    one = decide(Candidate(UUID(int=1), time_zone="Europe/Berlin"), room, planned)
    assert one.how is not None
    assert one.when is not None
    counts = dict(made["channel"].value_counts().iter_rows())
    expected = {channel: p * made.height for channel, p in one.how.probabilities.items()}
    assert chisquare([counts[channel] for channel in expected], list(expected.values())).pvalue > 0.01
    hours = dict(made["scheduled_at"].value_counts().iter_rows())
    expected_hours = [p * made.height for p in one.when.probabilities.values()]
    assert chisquare([hours.get(at, 0) for at in one.when.probabilities], expected_hours).pvalue > 0.01


def test_another_salt_draws_other_lots_and_names_itself() -> None:
    leads = crowd(1_000)
    first, second = (
        planning(replace(AllocationRules(), exploration=Exploration(salt=salt)), heads=("claimed", "claimed"))
        for salt in ("spring", "summer")
    )
    assert first.policy.version != second.policy.version
    assert not plan(leads, first).decisions["channel"].equals(plan(leads, second).decisions["channel"])


def test_nobody_to_plan_for_is_an_empty_plan() -> None:
    made = plan(pl.DataFrame(schema=TO_PLAN), planning(AllocationRules()))
    assert made.decisions.schema == {**TO_PLAN, **DECIDED}
    assert made.decisions.is_empty()
    assert made.closings == ()


def test_days_that_are_full_already_are_left_alone() -> None:
    rules = AllocationRules(daily_caps={"linkedin": 20})
    planned = planning(rules)
    days = sorted({slot.day for slot in open_hours(rules, NOW, "Europe/Berlin", "Europe/London")})
    taken = {("linkedin", days[0]): 20, ("linkedin", days[1]): 18}
    made = plan(crowd(500), planned, taken)
    counts = dict(made.decisions["day"].drop_nulls().value_counts().iter_rows())
    assert counts == {days[1]: 2} | dict.fromkeys(days[2:], 20)
    assert made.closings[0] == ("linkedin", days[0])


def test_a_tenants_day_is_counted_by_its_own_calendar() -> None:
    """Leads in Auckland and Los Angeles, a tenant in London: the cap holds between London's midnights."""
    leads = crowd(2_000).with_columns(
        time_zone=pl.Series(["Pacific/Auckland", "America/Los_Angeles"] * 1_000), opted_out=pl.lit(False)
    )
    made = plan(leads, planning(AllocationRules(hours=tuple(range(168)), daily_caps={"linkedin": 30}))).decisions
    london = made["scheduled_at"].drop_nulls().dt.convert_time_zone("Europe/London").dt.date()
    assert london.equals(made["day"].drop_nulls(), check_names=False)
    assert max(london.value_counts()["count"]) == 30


def test_times_are_in_utc_to_the_microsecond() -> None:
    made = plan(crowd(10), planning(AllocationRules())).decisions
    assert made.schema["scheduled_at"] == pl.Datetime("us", "UTC")
    assert made["scheduled_at"].drop_nulls().min() > datetime(2025, 3, 27, 12, 20, tzinfo=UTC)
