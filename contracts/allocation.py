"""What the allocator may do, what it is asked, and what it answers: a lead's next touch, or why there is none.

Times are UTC; hours of the week are on the lead's own clock, 0 = Monday midnight … 167. A day is the tenant's calendar
day: caps count what leaves the tenant's house between two of its midnights, wherever the leads live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from contracts.decision import Decision
from contracts.how import NO_CHANNEL
from contracts.outcomes import CHANNELS
from contracts.refusal import Reason

WORKING_HOURS = tuple(24 * weekday + hour for weekday in range(5) for hour in range(9, 17))
"""Monday to Friday, 9:00 to 17:00: a touch may begin at 9:00 and not after 16:59."""

DAILY_CAPS = {"email": 200, "sms": 50, "linkedin": 20, "voice": 40}
"""What one small team, one mailbox and one profile can send a day without being taken for a machine."""

ADDRESS_OF = {"email": "email", "sms": "phone", "voice": "phone"}
"""The column of a lead without which a channel cannot reach it; other channels find people by themselves."""


@dataclass(frozen=True, slots=True)
class Exploration:
    """How much is tried for the sake of learning.

    share: ε, the part of every choice that is drawn evenly. salt: keys the lots; another salt draws other lots.
    """

    share: float = 0.10  # detectors.md §4: enough to keep every arm comparable, at most a tenth of the gain
    salt: str = "learnback"


@dataclass(frozen=True, slots=True)
class Policy:
    """By what rule arms are drawn. version: what touches log. exploration: None takes the best arm every time."""

    version: str = "greedy"
    exploration: Exploration | None = None


GREEDY = Policy()


@dataclass(frozen=True, slots=True)
class AllocationRules:
    """A tenant's limits. None of them is ever broken, whatever a pattern says."""

    hours: tuple[int, ...] = WORKING_HOURS  # lead-local hours of the week in which a touch may begin, ascending
    daily_caps: Mapping[str, int] = field(default_factory=lambda: dict(DAILY_CAPS))  # touches a tenant's day; a
    # channel that is not named, or has 0, is not used
    min_gap_days: float = 3.0  # days of 24 hours since the lead's last touch
    max_touches: int = 8  # a lead; those that convert have had 6 on average (the specification)
    notice_hours: float = 1.0  # nothing is planned nearer than this: senders and people need it to look
    horizon_days: int = 7  # days of 24 hours to plan ahead: every hour of the week is offered once
    paused: bool = False  # nothing is planned, and what waits is withdrawn
    addresses_elsewhere: bool = False  # e-mail addresses and telephone numbers are not kept in this store
    exploration: Exploration | None = field(default_factory=Exploration)  # None switches it off

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels that may be used at all, in the order of CHANNELS."""
        return tuple(channel for channel in CHANNELS if self.daily_caps.get(channel, 0) > 0)


@dataclass(frozen=True, slots=True)
class ChannelSituation:
    """What the engine of HOW is asked. feasible: at least one channel, in the order of CHANNELS."""

    lead: UUID
    touch: int  # number of the touch that is decided, 1 for a lead's first
    previous: str  # channel of the touch before, or NO_CHANNEL
    feasible: tuple[str, ...]
    now: datetime
    policy: Policy = GREEDY


@dataclass(frozen=True, slots=True)
class Slot:
    """One hour in which a touch could begin. day: the tenant's, whose cap it takes from."""

    at: datetime
    hour_of_week: int
    day: date


@dataclass(frozen=True, slots=True)
class TimeSituation:
    """What the engine of WHEN is asked. feasible: at least one slot, in order of time. last: the touch before."""

    lead: UUID
    touch: int
    last: datetime | None
    feasible: tuple[Slot, ...]
    now: datetime
    policy: Policy = GREEDY


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelChoice(Decision):
    """The channel of a touch.

    propensity: of this choice among `probabilities`, which sum to 1 over the feasible channels. explored: it owes
    more of its propensity to the even part than to being perhaps the best.
    """

    channel: str
    propensity: float
    probabilities: Mapping[str, float]
    explored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeChoice(Decision):
    """The hour of a touch, and the gap that comes with it.

    gap: the bin of GAP_BINS that was chosen first, None where WHEN claims nothing about gaps. propensity: that of the
    gap times that of the hour within it. probabilities: of the hours within the gap, by UTC instant.
    """

    slot: Slot
    propensity: float
    gap: str | None
    gap_propensity: float
    hour_propensity: float
    probabilities: Mapping[datetime, float]
    explored: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A lead that waits for its next touch. touches, previous, last: how many it had, the channel and time of the last.

    score: orders the leads, best first; a lead without one comes last.
    """

    lead: UUID
    score: float | None = None
    touches: int = 0
    previous: str = NO_CHANNEL
    last: datetime | None = None
    opted_out: bool = False
    has_email: bool = True
    has_phone: bool = True
    time_zone: str | None = None


Full = frozenset[tuple[str, date]]
"""Channels and days whose cap is used up."""


@dataclass(frozen=True, slots=True)
class Feasible:
    """What a lead could get at its turn. The rules and the moment of planning then give every channel and hour.

    reach: channels that reach the lead. time_zone: by which its hours were read. earliest: no touch before it.
    """

    reach: tuple[str, ...]
    time_zone: str
    earliest: datetime
    full: Full = frozenset()


@dataclass(frozen=True, slots=True)
class PlannedTouch:
    """One touch to be made: on which channel, when, by which lead's clock, with what probability it was chosen."""

    channel: str
    scheduled_at: datetime
    hour_of_week: int
    day: date
    time_zone: str
    channel_propensity: float
    gap_propensity: float
    hour_propensity: float

    @property
    def propensity(self) -> float:
        """Of the whole choice, conditional on what was feasible at the lead's turn."""
        return self.channel_propensity * self.gap_propensity * self.hour_propensity


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation(Decision):
    """The allocator's decision about one lead. Exactly one of `touch` and `refused` is set.

    pattern_version, fallback: of HOW; those of WHEN are in `when`.
    """

    lead: UUID
    touch_number: int
    policy_version: str
    touch: PlannedTouch | None = None
    refused: Reason | None = None
    feasible: Feasible | None = None
    how: ChannelChoice | None = None
    when: TimeChoice | None = None


class TouchState(StrEnum):
    """How far a planned touch has come; it only goes forward, but for one that its sender gives back."""

    WAITING = "waiting"  # for its hour
    TAKEN = "taken"  # by a sender, which has not yet said that it is sent
    SENT = "sent"  # it is an activity now
    WITHDRAWN = "withdrawn"  # Withdrawal says why


class Withdrawal(StrEnum):
    """Why a planned touch was not made."""

    PAUSED = "paused"  # its tenant asked for quiet
    OPTED_OUT = "opted_out"  # its lead asked not to be contacted
    CLOSED = "closed"  # its lead converted, was lost, or began to talk to a person
    MISSED = "missed"  # nobody sent it within its hour; a later one would break the working hours
