"""A sequence of touches from WHEN and HOW: made by rules, and the check that every sequence has to pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from contracts.designs import Channel, DesignLimits, Known, SequenceDesign, Step, Weekday
from contracts.how import NO_CHANNEL, next_key
from contracts.levels import Comparison
from contracts.when import GAP_BINS, GAP_EDGES, WEEKDAYS, hour_key, hour_of_week
from engines.how import CADENCE

USUAL_TOUCHES = 4
"""Where WHEN knows no yields: the specification's aim is fewer than five touches to a conversion."""

WORTH_A_TOUCH = 0.25
"""A touch is made while its yield is at least this share of the first one's."""

WINDOW_HOURS = 3
"""Length of a window where no hour is claimed; long enough that a day's touches fit into it."""

PURPOSES = (
    "Introduce yourself and name one problem that people like this have",
    "Follow up with one proof that it can be solved",
    "Offer something that is useful without a meeting",
    "Ask whether somebody else is the right person",
)
LAST_PURPOSE = "Close the loop politely, and leave the door open"


def design(known: Known, limits: DesignLimits) -> SequenceDesign:
    """The plain sequence: claimed channels, hour and gap; the default cadence where nothing is claimed."""
    gap = _gap(known.claims.get("gaps"), limits)
    touches = _touches(known, limits, gap)
    channels = _channels(known, limits.rules.channels, touches)
    weekday, start, end = _window(known.claims.get("hours"), limits.rules.hours)
    steps = [
        Step(
            channel=channel,
            day=place * gap,
            weekday=weekday,
            from_hour=start,
            until_hour=end,
            purpose=LAST_PURPOSE if place == touches - 1 > 0 else PURPOSES[place % len(PURPOSES)],
        )
        for place, channel in enumerate(channels)
    ]
    return SequenceDesign(name="By rules", steps=tuple(steps), because=_because(known, steps, gap))


def faults(proposed: SequenceDesign, limits: DesignLimits) -> Iterator[str]:
    """What the limits hold against a sequence, one sentence each."""
    rules, steps = limits.rules, proposed.steps
    if len(steps) > rules.max_touches:
        yield f"There are {len(steps)} steps, and a lead gets at most {rules.max_touches} touches."
    for number, step in enumerate(steps, start=1):
        yield from _step_faults(number, step, limits)
    for number, (before, after) in enumerate(pairwise(steps), start=2):
        gap = after.day - before.day
        if gap < limits.min_gap_days:
            yield f"Step {number} comes {gap} days after the one before, and at least {limits.min_gap_days} are wanted."


def _step_faults(number: int, step: Step, limits: DesignLimits) -> Iterator[str]:
    allowed = limits.rules.channels
    if step.channel not in allowed:
        yield f"Step {number} uses {step.channel}, and this tenant uses {', '.join(allowed)}."
    if step.day > limits.max_days:
        yield f"Step {number} comes on day {step.day}, and the last day is {limits.max_days}."
    if step.from_hour >= step.until_hour:
        yield f"Step {number} has the window {step.from_hour} to {step.until_hour}, which holds no hour."
        return
    days = WEEKDAYS if step.weekday is None else (step.weekday,)
    closed = [
        hour for hour in range(step.from_hour, step.until_hour) if not any(_open(limits, day, hour) for day in days)
    ]
    if closed:
        where = f"on {step.weekday}" if step.weekday else "on any day"
        yield f"Step {number} may go out at {', '.join(map(str, closed))} o'clock {where}, outside the working hours."


def _open(limits: DesignLimits, weekday: str, hour: int) -> bool:
    return 24 * WEEKDAYS.index(weekday) + hour in limits.rules.hours


def _gap(claim: Comparison | None, limits: DesignLimits) -> int:
    """Whole days between touches: the first of the claimed bin, never fewer than the limits allow."""
    if claim is None or claim.recommendation.key not in GAP_BINS:
        return limits.min_gap_days
    starts = (1, *(int(edge) for edge in GAP_EDGES))
    return max(limits.min_gap_days, starts[GAP_BINS.index(claim.recommendation.key)])


def _touches(known: Known, limits: DesignLimits, gap: int) -> int:
    """How many touches are worth making, within the limits."""
    most = min(limits.rules.max_touches, 1 + limits.max_days // gap)
    if not known.yields:
        return max(1, min(USUAL_TOUCHES, most))
    first = known.yields[0].hazard
    worth = 0
    for one in known.yields:
        if one.hazard < WORTH_A_TOUCH * first:
            break
        worth += 1
    return max(1, min(worth, most))


def _channels(known: Known, usable: Sequence[str], touches: int) -> list[Channel]:
    """Channel by channel: claimed after the one before, claimed at all, or next in the default cadence."""
    chosen: list[Channel] = []
    for _ in range(touches):
        before = chosen[-1] if chosen else NO_CHANNEL
        following = {channel: next_key(before, channel) for channel in usable}
        best = _best(known.claims.get("next_channel"), following) or _cadence(before, usable)
        if not chosen:
            best = _best(known.claims.get("channels"), {channel: channel for channel in usable}) or best
        chosen.append(best)  # type: ignore[arg-type]  # usable channels are channels
    return chosen


def _best(claim: Comparison | None, keys: dict[str, str]) -> str | None:
    """The channel whose level gains most, where a claim knows one that gains anything."""
    if claim is None:
        return None
    gains = {channel: level.gain for channel, key in keys.items() if (level := claim.level(key)) is not None}
    best = max(gains, key=lambda channel: gains[channel], default=None)
    return best if best is not None and gains[best] > 0 else None


def _cadence(before: str, usable: Iterable[str]) -> str:
    order = [channel for channel in CADENCE if channel in usable]
    return order[(order.index(before) + 1) % len(order)] if before in order else order[0]


def _window(claim: Comparison | None, hours: Sequence[int]) -> tuple[Weekday | None, int, int]:
    """The open hour that gains most where WHEN claims one; otherwise the first hours that are open on the first day."""
    allowed = set(hours)
    known = [level for level in claim.levels if hour_of_week(level.key) in allowed and level.gain > 0] if claim else []
    if known:
        best = hour_of_week(max(known, key=lambda level: level.gain).key)
        return WEEKDAYS[best // 24], best % 24, best % 24 + 1  # type: ignore[return-value]
    first = min(hours)
    end = first
    while end + 1 in allowed and end + 1 - first < WINDOW_HOURS:
        end += 1
    return None, first % 24, end % 24 + 1


def _because(known: Known, steps: Sequence[Step], gap: int) -> str:
    """What is followed, by the values that were chosen: limits may have left another hour, or a longer gap."""
    first, told = steps[0], []
    if first.weekday is not None:
        best = known.claims["hours"].recommendation.key
        chosen = hour_key(24 * WEEKDAYS.index(first.weekday) + first.from_hour)
        told.append(f"hour {chosen}" if chosen == best else f"hour {chosen}, since {best} is outside the working hours")
    if "gaps" in known.claims:
        told.append(f"{gap} days between touches, where {known.claims['gaps'].recommendation.key} does best")
    told += [name.replace("_", " ") for name in ("channels", "next_channel") if name in known.claims]
    return f"Follows what is claimed: {'; '.join(told)}." if told else "Nothing is claimed: the default cadence."
