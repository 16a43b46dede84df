"""Leads that wait for a touch, heads and rules: by hand, at random, and as frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import polars as pl
from hypothesis import strategies as st

from contracts.allocation import Allocation, AllocationRules, Candidate, Exploration
from contracts.how import NO_CHANNEL, next_key
from contracts.outcomes import CHANNELS
from contracts.when import GAP_BINS, hour_key
from engines import how, when
from engines.allocator import Planning, next_touch
from engines.allocator_frame import TO_PLAN
from tests.engines.level_patterns import NOTHING, comparison, how_head, when_head

NOW = datetime(2025, 3, 27, 11, 20, tzinfo=UTC)
"""A Thursday, three days before Europe's clocks go forward."""

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Nowhere/Land", "", None)
AFTER = comparison("next_channel", {
    next_key(before, channel): 0.1 * place - 0.3 * (before == channel)
    for before in (*CHANNELS, NO_CHANNEL) for place, channel in enumerate(CHANNELS[:4])
})  # fmt: skip
HOURS = comparison("hours", {hour_key(hour): 0.4 - 0.05 * abs(hour % 24 - 10) for hour in range(168)})
GAPS = comparison("gaps", {name: 0.2 - 0.1 * abs(place - 3) for place, name in enumerate(GAP_BINS[:6])})

HOW = {
    "none": NOTHING,
    "claimed": how_head(next_channel=AFTER),
    "channels": how_head(comparison("channels", {"email": 0.1, "voice": 0.3})),
    "usual": how_head(comparison("channels", {"email": 0.1, "sms": 0.3}, claimed=False)),
}
WHEN = {
    "none": NOTHING,
    "claimed": when_head(HOURS),
    "gaps": when_head(HOURS, GAPS),
    "gaps only": when_head(None, GAPS),
    "one hour": when_head(comparison("hours", {"tue-10": 0.3})),
}


def planning(
    rules: AllocationRules,
    *,
    heads: tuple[str, str] = ("none", "none"),
    now: datetime = NOW,
    zone: str = "Europe/London",
) -> Planning:
    return Planning(now, rules, zone, how.advise(HOW[heads[0]], now), when.advise(WHEN[heads[1]], now))


def frame(candidates: Sequence[Candidate]) -> pl.DataFrame:
    rows = [{**asdict(each), "lead_id": each.lead.bytes} for each in candidates]
    return pl.DataFrame([{name: row[name] for name in TO_PLAN} for row in rows], schema=TO_PLAN)


def one_by_one(
    candidates: Sequence[Candidate], plan: Planning, taken: dict[tuple[str, date], int] | None = None
) -> tuple[list[Allocation], list[tuple[str, date]]]:
    """The slow twin of `allocator_frame.plan`: each lead in its turn, caps counted in a dictionary."""
    caps = plan.rules.daily_caps
    days = [plan.now.date() + timedelta(days=number) for number in range(-1, plan.rules.horizon_days + 2)]
    used = Counter(taken or {})
    full = [(channel, day) for channel in plan.rules.channels for day in days if used[channel, day] >= caps[channel]]
    before = len(full)
    decisions = []
    for lead in sorted(candidates, key=lambda each: (each.score is None, -(each.score or 0.0), each.lead.bytes)):
        decided = next_touch(lead, plan, frozenset(full))
        if decided.touch:
            cell = (decided.touch.channel, decided.touch.day)
            used[cell] += 1
            if used[cell] >= caps[cell[0]]:
                full.append(cell)
        decisions.append(decided)
    return decisions, full[before:]


moments = st.datetimes(datetime(2025, 1, 1), datetime(2025, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))
touched = st.builds(
    lambda touches, previous, ago: (touches, previous, ago) if touches else (0, NO_CHANNEL, None),
    st.integers(0, 4), st.sampled_from(CHANNELS), st.floats(0.0, 20.0),
)  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Candidate], Planning, dict[tuple[str, date], int]]:
    """Up to 40 leads of one tenant, its rules and heads, and what its channels have planned already."""
    now = draw(st.one_of(st.just(NOW), moments))
    hours = draw(st.lists(st.integers(0, 167), min_size=1, max_size=60, unique=True))
    rules = AllocationRules(
        hours=tuple(sorted(hours)),
        daily_caps=draw(st.dictionaries(st.sampled_from(CHANNELS), st.integers(0, 4), max_size=5)),
        min_gap_days=draw(st.sampled_from([0.0, 0.5, 3.0, 10.0])),
        max_touches=draw(st.integers(1, 4)),
        notice_hours=draw(st.sampled_from([0.0, 1.0, 30.0])),
        horizon_days=draw(st.integers(1, 9)),
        paused=draw(st.integers(0, 9)) == 0,
        addresses_elsewhere=draw(st.booleans()),
        exploration=draw(st.one_of(st.none(), st.builds(Exploration, share=st.sampled_from([0.0, 0.1, 1.0])))),
    )
    leads = [
        Candidate(
            UUID(int=number + 1), score, touches, previous, None if ago is None else now - timedelta(days=ago),
            opted_out, has_email, has_phone, zone,
        )
        for number, (score, (touches, previous, ago), opted_out, has_email, has_phone, zone) in enumerate(draw(st.lists(
            st.tuples(st.sampled_from([None, 10.0, 50.0, 90.0]), touched, st.integers(0, 9).map(lambda x: x == 0),
                      st.booleans(), st.booleans(), st.sampled_from(ZONES)), max_size=40)))
    ]  # fmt: skip
    zone = draw(st.sampled_from(["Europe/London", "Pacific/Auckland", "UTC"]))
    taken = {
        (channel, now.date() + timedelta(days=ahead)): count
        for channel, ahead, count in draw(st.lists(
            st.tuples(st.sampled_from(CHANNELS), st.integers(-1, 8), st.integers(0, 5)), max_size=6))
    }  # fmt: skip
    heads = (draw(st.sampled_from(sorted(HOW))), draw(st.sampled_from(sorted(WHEN))))
    return leads, planning(rules, heads=heads, now=now, zone=zone), taken
