"""The Allocator: for each lead the next touch, its channel by HOW and its hour by WHEN, under a tenant's limits.

    planning = Planning(now, rules, tenant's zone, how.advise(head of HOW, now), when.advise(head of WHEN, now))
    next_touch(candidate, planning, full) → one lead's Allocation; `full` are the channels and days whose cap is used
    allocator_frame.plan(leads, planning, taken) → all leads of a tenant, best score first, caps counted

What was feasible at a lead's turn is part of its decision. `decide` takes that and gives the same choice with the same
propensity again: a logged plan can be replayed from its decisions. No clock, no store, no learning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.allocation import (
    ADDRESS_OF,
    Allocation,
    AllocationRules,
    Candidate,
    ChannelSituation,
    Feasible,
    Full,
    PlannedTouch,
    Policy,
    Slot,
    TimeSituation,
)
from contracts.refusal import Reason
from engines import exploration, how, when
from engines.allocator_hours import open_hours, usable_zone


@dataclass(frozen=True, slots=True)
class Planning:
    """Everything that one plan of one tenant is decided by. time_zone: the tenant's; leads without one are given it."""

    now: datetime
    rules: AllocationRules
    time_zone: str
    how: how.Advice
    when: when.Advice

    @property
    def policy(self) -> Policy:
        return exploration.policy(self.how.version, self.when.version, self.rules.exploration)


def next_touch(lead: Candidate, planning: Planning, full: Full = frozenset()) -> Allocation:
    """One lead's next touch, or the reason why there is none."""
    refused = refusal(lead, planning.rules)
    if refused:
        because = refusal_in_words(refused, lead.touches, planning.rules)
        return _refused(lead, planning, refused, because, None)
    return decide(lead, feasible(lead, planning, full), planning)


def refusal(lead: Candidate, rules: AllocationRules) -> Reason | None:
    """Why nothing may be planned for a lead, whatever is free."""
    if rules.paused:
        return Reason.PAUSED
    if lead.opted_out:
        return Reason.OPTED_OUT
    return Reason.MAX_TOUCHES if lead.touches >= rules.max_touches else None


def feasible(lead: Candidate, planning: Planning, full: Full) -> Feasible:
    """What the lead could get now: the part of its decision that limits make."""
    rules = planning.rules
    notice = planning.now + timedelta(hours=rules.notice_hours)
    rested = lead.last + timedelta(days=rules.min_gap_days) if lead.last else notice
    return Feasible(
        reach=tuple(channel for channel in rules.channels if reaches(channel, lead, rules)),
        time_zone=usable_zone(lead.time_zone, planning.time_zone),
        earliest=max(notice, rested),
        full=full,
    )


def reaches(channel: str, lead: Candidate, rules: AllocationRules) -> bool:
    """Whether the lead has the address that a channel needs."""
    known: Mapping[str | None, bool] = {"email": lead.has_email, "phone": lead.has_phone, None: True}
    return rules.addresses_elsewhere or known[ADDRESS_OF.get(channel)]


def decide(lead: Candidate, room: Feasible, planning: Planning) -> Allocation:
    """Channel, then gap, then hour, each by its engine among what is feasible."""
    hours = [
        slot
        for slot in open_hours(planning.rules, planning.now, room.time_zone, planning.time_zone)
        if slot.at >= room.earliest
    ]
    free = {channel: _free(hours, channel, room.full) for channel in room.reach}
    channels = tuple(channel for channel in room.reach if free[channel])
    if not channels:
        because = no_room_in_words(planning.rules, reachable=bool(room.reach), rested=bool(hours))
        return _refused(lead, planning, Reason.NO_FEASIBLE, because, room)
    policy, touch = planning.policy, lead.touches + 1
    channel = how.pick(planning.how, ChannelSituation(lead.lead, touch, lead.previous, channels, planning.now, policy))
    time = when.pick(
        planning.when, TimeSituation(lead.lead, touch, lead.last, free[channel.channel], planning.now, policy)
    )
    zone = zone_in_words(room.time_zone, own=room.time_zone == lead.time_zone)
    return Allocation(
        lead=lead.lead,
        touch_number=touch,
        policy_version=policy.version,
        touch=PlannedTouch(
            channel=channel.channel,
            scheduled_at=time.slot.at,
            hour_of_week=time.slot.hour_of_week,
            day=time.slot.day,
            time_zone=room.time_zone,
            channel_propensity=channel.propensity,
            gap_propensity=time.gap_propensity,
            hour_propensity=time.hour_propensity,
        ),
        feasible=room,
        how=channel,
        when=time,
        because=f"{channel.because}; {time.because}; {zone}",
        pattern_version=channel.pattern_version,
        fallback=channel.fallback,
    )


def zone_in_words(zone: str, *, own: bool) -> str:
    """By which clock the hour was read, and whether it is the lead's own."""
    return f"{zone} time" if own else f"{zone} time, the tenant's: the lead's zone is not known"


def refusal_in_words(reason: Reason, touches: int, rules: AllocationRules) -> str:
    """Why nothing may be planned for a lead that has had so many touches."""
    if reason is Reason.PAUSED:
        return "this tenant asked for quiet"
    if reason is Reason.OPTED_OUT:
        return "this lead asked not to be contacted"
    return f"it has had {touches} touches, and {rules.max_touches} are allowed"


def no_room_in_words(rules: AllocationRules, *, reachable: bool, rested: bool) -> str:
    """Why limits leave nothing. reachable: a channel reaches the lead. rested: an open hour comes after its gap."""
    if not rules.channels:
        return "its tenant's daily caps allow no channel"
    if not reachable:
        return f"it has no address for {' or '.join(rules.channels)}"
    if not rested:
        return f"no open hour in {rules.horizon_days} days comes {rules.min_gap_days:g} days after its last touch"
    return "every day that it could have is full on every channel that reaches it"


def _free(hours: list[Slot], channel: str, full: Full) -> tuple[Slot, ...]:
    return tuple(slot for slot in hours if (channel, slot.day) not in full)


def _refused(lead: Candidate, planning: Planning, reason: Reason, because: str, room: Feasible | None) -> Allocation:
    return Allocation(
        lead=lead.lead,
        touch_number=lead.touches + 1,
        policy_version=planning.policy.version,
        refused=reason,
        feasible=room,
        because=because,
        pattern_version=planning.how.version,
    )
