"""Which hours could a touch begin in? A zone's open hours from now to the end of what is planned.

An hour that the clocks skip is no hour; of an hour that they show twice, the first is offered (as algorithms.local_time
reads them). Instants are UTC, and each hour knows the tenant's day that it lies in, for the caps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from algorithms.local_time import EPOCH, local_to_utc, zone_info
from contracts.allocation import AllocationRules, Slot

FALLBACK_ZONE = "UTC"
MICROSECOND = timedelta(microseconds=1)
NO_HOUR = -1
"""Fills rows of zones that have fewer open hours than others: an instant that lies before every earliest."""

Ints = NDArray[np.int64]


def usable_zone(wanted: str | None, instead: str | None) -> str:
    """The lead's zone where it is one, else the tenant's, else UTC."""
    return next((zone for zone in (wanted, instead) if zone and zone_info(zone)), FALLBACK_ZONE)


def open_hours(rules: AllocationRules, now: datetime, zone: str, tenant_zone: str) -> tuple[Slot, ...]:
    """The hours of one zone in order of time. Both zones must be usable."""
    begin = now + timedelta(hours=rules.notice_hours)
    return _open_hours(rules.hours, begin, now + timedelta(days=rules.horizon_days), zone, tenant_zone)


@lru_cache(maxsize=4096)
def _open_hours(
    hours: tuple[int, ...], begin: datetime, end: datetime, zone: str, tenant_zone: str
) -> tuple[Slot, ...]:
    clock, house = zone_info(zone), zone_info(tenant_zone)
    assert clock is not None
    assert house is not None
    day, last = begin.astimezone(clock).date(), end.astimezone(clock).date()
    slots = []
    while day <= last:
        for hour in (hour for hour in hours if hour // 24 == day.weekday()):
            at = local_to_utc(day, hour % 24, zone)
            if begin <= at < end and at.astimezone(clock).replace(tzinfo=None) == datetime.combine(
                day, time(hour % 24)
            ):
                slots.append(Slot(at, hour, at.astimezone(house).date()))
        day += timedelta(days=1)
    return tuple(slots)


@dataclass(frozen=True, slots=True)
class Grid:
    """The open hours of several zones as arrays of (zones, hours), filled up with NO_HOUR.

    at: microseconds since 1970 in UTC. hour: of the week. day: place in `days`. last: (zones, days) the last open hour
    of a day, NO_HOUR where there is none.
    """

    at: Ints
    hour: NDArray[np.int16]
    day: NDArray[np.int8]
    last: Ints
    days: tuple[date, ...]


def grid(rules: AllocationRules, now: datetime, zones: Sequence[str], tenant_zone: str) -> Grid:
    """The open hours of each zone, as `open_hours` lists them."""
    found = [open_hours(rules, now, zone, tenant_zone) for zone in zones]
    house = zone_info(tenant_zone)
    days = tuple(sorted({slot.day for slots in found for slot in slots})) or (now.astimezone(house).date(),)
    shape = (len(zones), max(1, max(map(len, found), default=0)))
    at, hour, day = np.full(shape, NO_HOUR, np.int64), np.zeros(shape, np.int16), np.zeros(shape, np.int8)
    last = np.full((len(zones), len(days)), NO_HOUR, np.int64)
    for row, slots in enumerate(found):
        for column, slot in enumerate(slots):
            place = days.index(slot.day)
            at[row, column], hour[row, column], day[row, column] = microseconds(slot.at), slot.hour_of_week, place
            last[row, place] = microseconds(slot.at)
    return Grid(at, hour, day, last, days)


def microseconds(moment: datetime) -> int:
    """Since 1970, in UTC."""
    return (moment - EPOCH) // MICROSECOND
