"""WHEN, as it is stored and read: at which hour of the lead's week, at which touch, after which gap people convert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.canonical import rounded
from contracts.errors import InvalidPatternError
from contracts.levels import Comparison

SCHEMA = 1

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

GAP_BINS = ("1", "2", "3", "4-5", "6-7", "8-14", "15+")
"""Whole days between a touch and the one before it."""

GAP_EDGES = (2.0, 3.0, 4.0, 6.0, 8.0, 15.0)
"""Days at which the next bin begins."""


def hour_key(hour_of_week: int) -> str:
    """`tue-10` for 34: lead-local hours from Monday midnight, 0 … 167."""
    return f"{WEEKDAYS[hour_of_week // 24]}-{hour_of_week % 24:02d}"


def hour_of_week(key: str) -> int:
    """34 for `tue-10`; raises InvalidPatternError for anything else."""
    day, _, hour = key.partition("-")
    if day not in WEEKDAYS or not hour.isdigit() or int(hour) > 23:
        raise InvalidPatternError(f"{key!r} is not an hour of the week such as tue-10")
    return 24 * WEEKDAYS.index(day) + int(hour)


@dataclass(frozen=True, slots=True)
class TouchYield:
    """Discrete hazard of one touch number: of `n` touches at risk, `s` led to an outcome; `hazard` is shrunk."""

    touch: int
    n: int
    s: int
    hazard: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class WhenPattern:
    """Everything that WHEN learned. None: that question could not be answered (the finding's diagnostics say why).

    hours: levels keyed by `hour_key`. gaps: levels keyed by GAP_BINS. touches: yield by touch number, 1 first.
    """

    hours: Comparison | None
    gaps: Comparison | None
    touches: tuple[TouchYield, ...] = ()

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return tuple(one for one in (self.hours, self.gaps) if one is not None)

    def to_payload(self) -> dict[str, Any]:
        """The pattern as JSON-ready values, floats as they will be hashed."""
        payload = rounded(
            {
                "schema": SCHEMA,
                "hours": self.hours and self.hours.to_payload(),
                "gaps": self.gaps and self.gaps.to_payload(),
                "touches": [_touch(one) for one in self.touches],
            }
        )
        assert isinstance(payload, dict)
        return payload

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> WhenPattern:
        """Read a stored payload; raises InvalidPatternError where an engine could not act on it."""
        try:
            if payload["schema"] != SCHEMA:
                raise InvalidPatternError(f"schema is {payload['schema']!r}, and {SCHEMA} is understood")
            hours, gaps = payload["hours"], payload["gaps"]
            pattern = cls(
                hours=Comparison.from_payload(hours) if hours else None,
                gaps=Comparison.from_payload(gaps) if gaps else None,
                touches=tuple(TouchYield(**one) for one in payload["touches"]),
            )
        except KeyError as missing:
            raise InvalidPatternError(f"{missing.args[0]} is missing") from None
        except TypeError as mistyped:
            raise InvalidPatternError(str(mistyped)) from None
        for level in pattern.hours.levels if pattern.hours else ():
            hour_of_week(level.key)
        return pattern


def _touch(one: TouchYield) -> dict[str, Any]:
    return {name: getattr(one, name) for name in TouchYield.__slots__}
