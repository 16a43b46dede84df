"""HOW, as it is stored and read: which channel converts next, and what channels are credited with.

Engines act on `channels` and `next_channel`. Sequences and attribution describe the past and decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from contracts.canonical import rounded
from contracts.errors import InvalidPatternError
from contracts.levels import Comparison

SCHEMA = 1

NO_CHANNEL = "none"
"""Stands before a lead's first touch."""


def next_key(previous: str, channel: str) -> str:
    """`email>sms`: sms after email; `none>email` for a first touch."""
    return f"{previous}>{channel}"


@dataclass(frozen=True, slots=True)
class Sequence:
    """The first channels of a lead's path, and how the leads that went it fared. Descriptive."""

    channels: tuple[str, ...]
    leads: int
    conversions: int
    rate: float  # shrunk toward the tenant's own rate


@dataclass(frozen=True, slots=True)
class Credit:
    """Conversions credited to one channel by each rule; every rule's credits sum to the conversions. Descriptive."""

    channel: str
    last: float
    first: float
    linear: float
    markov: float
    shapley: float


@dataclass(frozen=True, slots=True)
class Lift:
    """Leads reached on several channels beside those reached on one: difference of rates within strata, 90 % interval.

    randomised: channels were held out at random; otherwise the lift is an association.
    """

    difference: float
    low: float
    high: float
    single: int
    multi: int
    randomised: bool


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """Outcomes per touch, had the recommendations been followed, beside what was done; off-policy, 90 % interval.

    effective_n: effective sample size of the weights. clipped: share of weights cut off.
    """

    logged: float
    snips: float
    dr: float
    low: float
    high: float
    effective_n: float
    clipped: float


@dataclass(frozen=True, slots=True)
class HowPattern:
    """Everything that HOW learned.

    channels: levels are channels. next_channel: levels are keyed by `next_key`. None: could not be answered.
    """

    channels: Comparison | None
    next_channel: Comparison | None
    sequences: tuple[Sequence, ...] = ()
    credits: tuple[Credit, ...] = ()
    multi_channel: Lift | None = None
    value: PolicyValue | None = None

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return tuple(one for one in (self.channels, self.next_channel) if one is not None)

    def to_payload(self) -> dict[str, Any]:
        """The pattern as JSON-ready values, floats as they will be hashed."""
        payload = rounded(
            {
                "schema": SCHEMA,
                "channels": self.channels and self.channels.to_payload(),
                "next_channel": self.next_channel and self.next_channel.to_payload(),
                "sequences": [asdict(one) for one in self.sequences],
                "credits": [asdict(one) for one in self.credits],
                "multi_channel": self.multi_channel and asdict(self.multi_channel),
                "value": self.value and asdict(self.value),
            }
        )
        assert isinstance(payload, dict)
        return payload

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> HowPattern:
        """Read a stored payload; raises InvalidPatternError where an engine could not act on it."""
        try:
            if payload["schema"] != SCHEMA:
                raise InvalidPatternError(f"schema is {payload['schema']!r}, and {SCHEMA} is understood")
            channels, following = payload["channels"], payload["next_channel"]
            lift, value = payload["multi_channel"], payload["value"]
            return cls(
                channels=Comparison.from_payload(channels) if channels else None,
                next_channel=Comparison.from_payload(following) if following else None,
                sequences=tuple(
                    Sequence(**{**one, "channels": tuple(one["channels"])}) for one in payload["sequences"]
                ),
                credits=tuple(Credit(**one) for one in payload["credits"]),
                multi_channel=Lift(**lift) if lift else None,
                value=PolicyValue(**value) if value else None,
            )
        except KeyError as missing:
            raise InvalidPatternError(f"{missing.args[0]} is missing") from None
        except TypeError as mistyped:
            raise InvalidPatternError(str(mistyped)) from None
