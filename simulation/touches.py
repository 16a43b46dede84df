"""When leads are touched, and which touch books them: a discrete hazard, one chance per touch at risk.

For touch j of lead i, with `quality` the lead's own log-odds (slope · w·z, what sellers see besides, its source):

    P(touch j books lead i | not booked before) = expit(intercept + quality_i + channel + pair + hour + weekday
                                                        + text + drift + fatigue · (j − 1))

A lead books by one touch, after it and before the next; the rest of its sequence is never sent. Over a whole sequence
1 − P(booked) = Π (1 − hazard), so that log(−log(1 − P)) is linear in `quality`; at the rates of outreach that is its
log-odds. The intercept is set so that the tenant's mean P is its base rate.

Touches lie in one flat array, ordered by lead and then by step; `first` marks where each lead begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulation.config import WorldConfig
from simulation.people import ZONES
from simulation.policy import Choices
from simulation.truth import HOURS, NO_CHANNEL, TenantTruth

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

DAY = 86_400_000_000  # microseconds, as all times here, counted from 1970 in UTC
HOUR = DAY // 24
RESPONSE_DAYS = 7  # a touch can book within so many days, if no other follows before
WEEKEND_KEPT = 0.25  # share of touches due on a weekend that go out then; the others wait for Monday
REPLY_ODDS = 1.5  # log-odds by which a reply is likelier than a booking, where tenants record replies
TOLERANCE = 1e-9  # of the intercept, log-odds


@dataclass(frozen=True)
class Plan:
    """What would be sent if nobody booked. lead: its row. step: 0 for its first touch. day: local, since 1970."""

    lead: Index
    step: Index
    day: Index
    first: Index  # (leads with a plan,) where each begins

    def keep(self, mask: NDArray[np.bool_]) -> Plan:
        """The touches in `mask`, which must cut sequences only at their ends."""
        lead = self.lead[mask]
        return Plan(lead, self.step[mask], self.day[mask], np.flatnonzero(np.diff(lead, prepend=-1)))


def plan_touches(created: Index, config: WorldConfig, rng: np.random.Generator) -> Plan:
    """Sequences of steps and days within the horizon. created: (leads,) microseconds."""
    steps = 1 + rng.poisson(config.touches_per_lead - 1, len(created))
    steps = np.minimum(steps, config.touches_most)
    lead = np.repeat(np.arange(len(created)), steps)
    starts = np.cumsum(steps) - steps
    step = np.arange(len(lead)) - starts[lead]
    gaps = np.minimum(1 + rng.poisson(config.gap_days - 1, len(lead)), 14)
    running = np.cumsum(gaps)
    day = created[lead] // DAY + 2 + running - running[starts][lead]  # two, for zones that are ahead of UTC
    day = _after_weekends(lead, step, day, rng)
    plan = Plan(lead, step, day, starts)
    return plan.keep((step == 0) | (day < created[lead] // DAY + config.horizon_days - 1))


def _after_weekends(lead: Index, step: Index, day: Index, rng: np.random.Generator) -> Index:
    """Most weekend touches wait for Monday, and push what follows so that a lead gets one touch a day at most."""
    weekday = (day + 3) % 7  # day 0 was a Thursday
    waits = (weekday >= 5) & (rng.random(len(day)) > WEEKEND_KEPT)
    moved = day + np.where(waits, 7 - weekday, 0)
    fence = lead * 1_000_000  # running maxima must not leak from one lead into the next
    pushed: Index = np.maximum.accumulate(moved - step + fence) + step - fence
    return pushed


@cache
def _zone_offsets(first_day: int, last_day: int) -> NDArray[np.int64]:
    """(zones, days) microseconds by which noon in the zone is ahead of UTC, for each day of the span."""
    noon = datetime(1970, 1, 1, 12)
    days = [noon + timedelta(days=day) for day in range(first_day, last_day + 1)]
    second = timedelta(seconds=1)
    return (
        np.array(
            [[(d.replace(tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()) // second for d in days] for zone in ZONES],
            dtype=np.int64,
        )
        * 1_000_000
    )


def moments(plan: Plan, choices: Choices, place: NDArray[np.int16], rng: np.random.Generator) -> Index:
    """(touches,) UTC microseconds of local day and hour. Clocks change at night, so noon's offset holds all day."""
    low, high = int(plan.day.min()), int(plan.day.max())
    offset = _zone_offsets(low, high)[place[plan.lead], plan.day - low]
    within = rng.integers(0, HOUR, len(plan.day))
    local: Index = plan.day * DAY + np.array(HOURS)[choices.hour] * HOUR + within
    return local - offset


def touch_effects(
    truth: TenantTruth, config: WorldConfig, plan: Plan, choices: Choices, block: Index, rng: np.random.Generator
) -> Floats:
    """(touches,) log-odds that the touch itself adds to the lead's. block: (touches,) of drift, 0 … drift_blocks−1."""
    previous = np.where(plan.step == 0, NO_CHANNEL, np.roll(choices.channel, 1))
    weekday = (plan.day + 3) % 7
    effects: Floats = (
        truth.channels[choices.channel]
        + truth.pairs[previous, choices.channel]
        + truth.hours[choices.hour]
        + truth.weekdays[weekday]
        + truth.template_effects()[choices.channel, choices.template]
        + config.fatigue * plan.step
    )
    if config.drift and truth.kind == "planted":
        effects += _drift(config, truth, choices, weekday, block, rng)
    return effects


def _drift(
    config: WorldConfig,
    truth: TenantTruth,
    choices: Choices,
    weekday: Index,
    block: Index,
    rng: np.random.Generator,
) -> Floats:
    """Channels, weekdays and texts gain or lose anew in every block; hours do so as a wave around the clock."""
    blocks, per_channel = config.drift_blocks, config.templates_per_channel
    channels, weekdays = rng.normal(size=(blocks, len(truth.channels))), rng.normal(size=(blocks, 7))
    texts = rng.normal(size=(blocks, len(truth.channels), per_channel))
    wave, angle = rng.normal(size=(blocks, 2)), 2 * np.pi * np.array(HOURS)[choices.hour] / 24
    drifted: Floats = config.drift * (
        channels[block, choices.channel]
        + weekdays[block, weekday]
        + texts[block, choices.channel, choices.template]
        + wave[block, 0] * np.cos(angle)
        + wave[block, 1] * np.sin(angle)
    )
    return drifted


def find_intercept(log_odds: Floats, first: Index, base_rate: float) -> float:
    """The intercept at which leads book at `base_rate` on average. log_odds: (touches,) without it; Newton, guarded."""
    low, high = -40.0, 40.0
    guess = float(np.log(base_rate / len(log_odds) * len(first)) - log_odds.mean())
    for _ in range(100):
        hazard = expit(log_odds + guess)
        unbooked = np.exp(np.add.reduceat(np.log1p(-hazard), first))
        excess = (1 - unbooked).mean() - base_rate
        low, high = (guess, high) if excess < 0 else (low, guess)
        step = excess / max((unbooked * np.add.reduceat(hazard, first)).mean(), 1e-12)
        previous, guess = guess, guess - step
        if not low < guess < high:
            guess = (low + high) / 2
        if abs(guess - previous) < TOLERANCE:
            break
    return guess


@dataclass(frozen=True)
class Outcomes:
    """What the sequences led to. sent: (touches,) the lead had not booked before. booked_by: (touches,) it books now.

    answered_at: (touches,) microseconds of booking or, where `replied`, of a reply; meaningless elsewhere.
    """

    sent: NDArray[np.bool_]
    booked_by: NDArray[np.bool_]
    replied: NDArray[np.bool_]
    answered_at: Index


def draw_outcomes(plan: Plan, at: Index, log_odds: Floats, deadline: Index, rng: np.random.Generator) -> Outcomes:
    """at: (touches,) moments. log_odds: (touches,) of the hazard. deadline: (touches,) nothing is answered after it."""
    lucky = rng.random(len(at))
    booking = lucky < expit(log_odds)
    reply = lucky < expit(log_odds + REPLY_ODDS)  # the same draw: whoever books has replied
    earlier: Index = np.cumsum(booking) - booking
    earlier = earlier - np.repeat(earlier[plan.first], np.diff(plan.first, append=len(at)))
    sent: NDArray[np.bool_] = earlier == 0
    last = np.r_[plan.lead[1:] != plan.lead[:-1], True]
    until = np.where(last, deadline, np.roll(at, -1))
    window = np.clip(np.minimum(until, deadline) - at, 2, RESPONSE_DAYS * DAY)
    answered = at + 1 + (rng.random(len(at)) ** 2 * (window - 2)).astype(np.int64)  # soon, or not at all
    return Outcomes(sent, booking & sent, reply & sent, answered)


def expit(x: Floats) -> Floats:
    """1 / (1 + exp(−x)), without overflow."""
    logistic: Floats = 0.5 * (1 + np.tanh(0.5 * x))
    return logistic
