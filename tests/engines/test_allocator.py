"""The next touch of a lead, situation by situation; and what its limits are worth."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from contracts.allocation import AllocationRules, Candidate
from contracts.refusal import Reason
from contracts.when import hour_key
from engines.allocator import decide, next_touch
from engines.allocator_hours import open_hours
from tests.engines.level_patterns import comparison, how_head, when_head
from tests.engines.planning_worlds import HOW, NOW, WHEN, planning
from tests.engines.tables import table

GREEDY = AllocationRules(exploration=None)
LEAD = Candidate(UUID(int=9), score=70.0, time_zone="Europe/Berlin")
LEADS = {
    "fresh lead": LEAD,
    "e-mailed yesterday": replace(LEAD, touches=1, previous="email", last=NOW - timedelta(days=1)),
    "e-mailed a month ago": replace(LEAD, touches=1, previous="email", last=NOW - timedelta(days=30)),
    "no e-mail address": replace(LEAD, has_email=False),
    "no address at all": replace(LEAD, has_email=False, has_phone=False),
    "unknown zone": replace(LEAD, time_zone="Nowhere/Land"),
    "no zone": replace(LEAD, time_zone=None),
    "opted out": replace(LEAD, opted_out=True),
    "eight touches": replace(LEAD, touches=8, previous="email", last=NOW - timedelta(days=30)),
    "in New York": replace(LEAD, time_zone="America/New_York"),
}
RULES = {
    "usual": GREEDY,
    "paused": replace(GREEDY, paused=True),
    "voice only": replace(GREEDY, daily_caps={"voice": 10, "email": 0}),
    "e-mail and sms": replace(GREEDY, daily_caps={"email": 10, "sms": 10}),
    "addresses elsewhere": replace(GREEDY, addresses_elsewhere=True),
    "gap of 14 days": replace(GREEDY, min_gap_days=14.0),
    "no channel": replace(GREEDY, daily_caps={}),
}
HOW["email and voice"] = how_head(comparison("channels", {"email": 0.2, "voice": 0.31, "sms": 0.1}))
WHEN["tue-10"] = when_head(comparison("hours", {"tue-10": 0.31, "fri-15": 0.2, "thu-14": 0.1}))
CLAIMED = ("email and voice", "tue-10")


@table("""
    lead                 | rules               | channel | local time   | because
    fresh lead           | usual               | voice   | Tue 01 10:00 | voice first: +.31 by version 3; Tue 10:00: +.31 by version 5; Europe/Berlin time
    e-mailed yesterday   | usual               | voice   | Tue 01 10:00 | voice after email: +.31 by version 3; Tue 10:00: +.31 by version 5; Europe/Berlin time
    e-mailed a month ago | e-mail and sms      | email   | Tue 01 10:00 | email after email: +.20 by version 3; Tue 10:00: +.31 by version 5; Europe/Berlin time
    no e-mail address    | e-mail and sms      | sms     | Tue 01 10:00 | sms first: +.10 by version 3; Tue 10:00: +.31 by version 5; Europe/Berlin time
    no address at all    | addresses elsewhere | voice   | Tue 01 10:00 | voice first: +.31 by version 3; Tue 10:00: +.31 by version 5; Europe/Berlin time
    in New York          | usual               | voice   | Tue 01 10:00 | voice first: +.31 by version 3; Tue 10:00: +.31 by version 5; America/New_York time
    unknown zone         | usual               | voice   | Tue 01 10:00 | voice first: +.31 by version 3; Tue 10:00: +.31 by version 5; Europe/London time, the tenant's: the lead's zone is not known
    no zone              | usual               | voice   | Tue 01 10:00 | voice first: +.31 by version 3; Tue 10:00: +.31 by version 5; Europe/London time, the tenant's: the lead's zone is not known
    fresh lead           | paused              | paused  |              | this tenant asked for quiet
    opted out            | usual               | opted_out |            | this lead asked not to be contacted
    opted out            | paused              | paused  |              | this tenant asked for quiet
    eight touches        | usual               | max_touches |          | it has had 8 touches, and 8 are allowed
    no address at all    | voice only          | no_feasible |          | it has no address for voice
    fresh lead           | no channel          | no_feasible |          | its tenant's daily caps allow no channel
    e-mailed yesterday   | gap of 14 days      | no_feasible |          | no open hour in 7 days comes 14 days after its last touch
""")  # fmt: skip  # noqa: E501
def test_next_touch(row: dict[str, str]) -> None:
    plan = planning(RULES[row["rules"]], heads=CLAIMED)
    decided = next_touch(LEADS[row["lead"]], plan)
    assert decided.because == row["because"]
    assert decided.policy_version == "how3 when5 greedy"
    if decided.touch is None:
        assert decided.refused == row["channel"]
        return
    assert decided.refused is None
    local = decided.touch.scheduled_at.astimezone(ZoneInfo(decided.touch.time_zone))
    assert (decided.touch.channel, f"{local:%a %d %H:%M}") == (row["channel"], row["local time"])
    assert decided.touch.propensity == 1.0
    assert decided.touch.hour_of_week == local.weekday() * 24 + local.hour
    assert (decided.pattern_version, decided.fallback) == (3, None)


@table("""
    what is full on Tuesday  | and on other days | channel | local time
    nothing                  |                   | voice   | Tue 10:00
    voice                    |                   | voice   | Fri 15:00
    voice                    | voice             | email   | Tue 10:00
    voice email              | voice             | email   | Fri 15:00
""")
def test_a_full_day_gives_way_to_the_next_best(row: dict[str, str]) -> None:
    plan = planning(GREEDY, heads=CLAIMED)
    days = {slot.day for slot in open_hours(GREEDY, NOW, "Europe/Berlin", "Europe/London")}
    tuesday = datetime(2025, 4, 1).date()
    full = {(channel, tuesday) for channel in row["what is full on Tuesday"].split() if channel != "nothing"}
    full |= {(channel, day) for channel in row["and on other days"].split() for day in days - {tuesday}}
    touch = next_touch(LEAD, plan, frozenset(full)).touch
    assert touch is not None
    local = touch.scheduled_at.astimezone(ZoneInfo("Europe/Berlin"))
    assert (touch.channel, f"{local:%a %H:%M}") == (row["channel"], row["local time"])
    everything = frozenset((channel, day) for channel in GREEDY.channels for day in days)
    refused = next_touch(LEAD, plan, everything)
    assert refused.refused is Reason.NO_FEASIBLE
    assert refused.because == "every day that it could have is full on every channel that reaches it"


def test_without_patterns_the_documented_defaults_decide_and_say_so() -> None:
    decided = next_touch(LEAD, planning(GREEDY))
    assert decided.because == (
        "email first, default cadence: nothing has been published for this tenant yet; "
        "Mon 10:00, any hour that is open: nothing has been published for this tenant yet; Europe/Berlin time"
    )
    assert (decided.pattern_version, decided.fallback) == (0, Reason.NO_PATTERN)
    assert decided.when is not None
    assert decided.when.fallback is Reason.NO_PATTERN
    assert decided.policy_version == "how0 when0 greedy"


def test_a_decision_is_repeated_from_what_was_feasible() -> None:
    plan = planning(AllocationRules(), heads=CLAIMED)
    decided = next_touch(LEAD, plan, frozenset({("voice", datetime(2025, 4, 1).date())}))
    assert decided.feasible is not None
    assert decide(LEAD, decided.feasible, plan) == decided


NIGHTS = AllocationRules(hours=tuple(range(168)), notice_hours=0.0, horizon_days=3)


@table("""
    zone                | begins           | hours | missing       | why
    Europe/Berlin       | 2025-03-29T00:00 | 72    | 30 02         | clocks jump from 2:00 to 3:00
    America/New_York    | 2025-03-08T12:00 | 72    | 09 02         | clocks jump from 2:00 to 3:00
    Europe/Berlin       | 2025-10-25T00:00 | 71    |               | 2:00 comes twice, and is offered once
    America/New_York    | 2025-11-01T12:00 | 71    |               | 1:00 comes twice, and is offered once
    Australia/Lord_Howe | 2025-10-04T12:00 | 71    | 05 02         | clocks jump from 2:00 to 2:30
    Asia/Kolkata        | 2025-03-29T00:00 | 72    |               | no summer time, half an hour beside the others
""")
def test_hours_on_the_days_on_which_clocks_change(row: dict[str, str]) -> None:
    begins, zone = datetime.fromisoformat(row["begins"]).replace(tzinfo=UTC), ZoneInfo(row["zone"])
    slots = open_hours(NIGHTS, begins, row["zone"], "UTC")
    local = [slot.at.astimezone(zone) for slot in slots]
    assert [24 * at.weekday() + at.hour for at in local] == [slot.hour_of_week for slot in slots]
    assert all((at.minute, at.second) == (0, 0) for at in local)
    assert len({(at.date(), at.hour) for at in local}) == len(slots)
    assert [slot.at for slot in slots] == sorted({slot.at for slot in slots})
    assert len(slots) == int(row["hours"])
    assert row["missing"] not in {f"{at:%d %H}" for at in local}


def test_a_lead_on_a_day_of_23_hours_gets_an_hour_that_exists() -> None:
    """Every hour from 1:00 to 4:00 on the Sunday: 2:00 does not exist in Berlin on that day."""
    rules = replace(GREEDY, hours=tuple(range(145, 149)), notice_hours=0.0)
    spread = {next_touch(replace(LEAD, lead=UUID(int=n)), planning(rules)).touch for n in range(1, 200)}
    found = {hour_key(touch.hour_of_week) for touch in spread if touch}
    assert found == {"sun-01", "sun-03", "sun-04"}


@table("""
    planned at       | begins
    2025-03-27T08:00 | 2025-03-27T09:00
    2025-03-27T08:01 | 2025-04-03T08:00
""")
def test_notice_is_kept(row: dict[str, str]) -> None:
    """Thursdays at 10:00 in Berlin, an hour's notice: a minute late is a week late, and in summer time."""
    now, begins = (datetime.fromisoformat(row[name]).replace(tzinfo=UTC) for name in ("planned at", "begins"))
    touch = next_touch(LEAD, planning(replace(GREEDY, hours=(82,), notice_hours=1.0, horizon_days=7), now=now)).touch
    assert touch is not None
    assert touch.scheduled_at == begins
