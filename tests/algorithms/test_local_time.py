"""Lead-local hours against zoneinfo itself, one row at a time, where clocks are odd; and the way back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import polars as pl
import pytest

from algorithms.local_time import UNKNOWN_HOUR, hour_of_week, local_to_utc

ODD = (
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",  # half-hour offset; changed at 00:01 until 2011
    "Australia/Lord_Howe",  # clocks move by half an hour
    "Asia/Kathmandu",  # 05:45 ahead
    "Pacific/Apia",  # skipped 2011-12-30
    "Pacific/Kwajalein",  # skipped 1993-08-21
    "Africa/Casablanca",  # summer time pauses for a month
    "America/Cambridge_Bay",  # changed twice within a week in 1999
    "Antarctica/Troll",  # moves by two hours
    "UTC",
)


def slow(at: datetime | None, zone: str | None) -> int:
    """The obvious twin."""
    if at is None or zone is None:
        return UNKNOWN_HOUR
    local = at.astimezone(ZoneInfo(zone))
    return 24 * local.weekday() + local.hour


def fast(at: list[datetime | None], zone: list[str | None]) -> list[int]:
    instants = pl.Series(at, dtype=pl.Datetime("us", "UTC"))
    return hour_of_week(instants, pl.Series(zone, dtype=pl.String)).to_list()


@pytest.mark.parametrize("year", [1970, 1993, 1999, 2009, 2011, 2012, 2024, 2026, 2037, 2038, 2060])
def test_every_half_hour_of_a_year_in_odd_zones(year: int) -> None:
    begin = datetime(year, 1, 1, tzinfo=UTC)
    at = [begin + timedelta(minutes=29.99 * step) for step in range(2 * 24 * 366)]
    rng = np.random.default_rng(year)
    zone = [ODD[i] for i in rng.integers(0, len(ODD), len(at))]
    assert fast(at, zone) == [slow(*row) for row in zip(at, zone, strict=True)]


def test_every_zone_around_the_changes_of_any() -> None:
    """Seconds around the instants at which some zone's clocks changed in 2011, in zones drawn from all there are."""
    names = sorted(available_timezones())
    begin = datetime(2011, 1, 1, tzinfo=UTC)
    days = [begin + timedelta(days=day) for day in range(366)]
    busy = {
        before
        for name in names
        for before, after in pairwise(days)
        if before.astimezone(ZoneInfo(name)).utcoffset() != after.astimezone(ZoneInfo(name)).utcoffset()
    }
    around = [
        day + timedelta(minutes=15 * q, seconds=s) for day in sorted(busy) for q in range(96) for s in (-1, 0, 61)
    ]
    rng = np.random.default_rng(1)
    at: list[datetime | None] = [around[i] for i in rng.integers(0, len(around), 40_000)]
    zone: list[str | None] = [names[i] for i in rng.integers(0, len(names), 40_000)]
    assert fast(at, zone) == [slow(*row) for row in zip(at, zone, strict=True)]


def test_unknown_is_minus_one_and_rows_keep_their_order() -> None:
    noon = datetime(2026, 7, 6, 12, tzinfo=UTC)  # a Monday
    zones = [None, "Europe/Berlin", "Mars/Olympus", "", "America", "../etc/passwd", "/etc/passwd", "UTC", "Asia/Tokyo"]
    assert fast([noon] * 9, zones) == [-1, 14, -1, -1, -1, -1, -1, 12, 21]
    assert fast([None, noon], ["UTC", "UTC"]) == [-1, 12]
    assert fast([None, noon], [None, None]) == [-1, -1]
    assert fast([datetime(1969, 12, 31, 23, tzinfo=UTC), datetime(2150, 1, 1, tzinfo=UTC), noon], ["UTC"] * 3) == [
        -1,
        -1,
        12,
    ]
    assert fast([], []) == []


def test_categories_and_coarser_instants_read_the_same() -> None:
    at = pl.Series([datetime(2026, 7, 5, 23, tzinfo=UTC)] * 3, dtype=pl.Datetime("ms", "UTC"))
    zone = pl.Series(["Europe/Berlin", None, "America/New_York"])
    expected = [1, -1, 6 * 24 + 19]
    assert hour_of_week(at, zone).to_list() == expected
    assert hour_of_week(at, zone.cast(pl.Categorical)).to_list() == expected
    assert hour_of_week(at, zone.cast(pl.Enum(["America/New_York", "Europe/Berlin"]))).to_list() == expected
    assert hour_of_week(at, zone).dtype == pl.Int16


@pytest.mark.parametrize(
    ("day", "hour", "zone", "utc", "why"),
    [
        (date(2026, 7, 7), 10, "Europe/Berlin", "2026-07-07T08:00", "summer"),
        (date(2026, 1, 6), 10, "Europe/Berlin", "2026-01-06T09:00", "winter"),
        (date(2026, 3, 29), 2, "Europe/Berlin", "2026-03-29T01:00", "skipped: becomes 03:00"),
        (date(2026, 10, 25), 2, "Europe/Berlin", "2026-10-25T00:00", "shown twice: the first"),
        (date(2026, 10, 4), 2, "Australia/Lord_Howe", "2026-10-03T15:30", "skips half an hour: becomes 02:30"),
        (date(2026, 4, 5), 1, "Australia/Lord_Howe", "2026-04-04T14:00", "01:30 is shown twice, 01:00 once"),
        (date(2011, 12, 30), 10, "Pacific/Apia", "2011-12-30T20:00", "a skipped day: 10:00 of the 31st"),
        (date(2026, 5, 1), 9, "Asia/Kathmandu", "2026-05-01T03:15", "quarter hours"),
    ],
)
def test_local_hours_become_instants(day: date, hour: int, zone: str, utc: str, why: str) -> None:
    assert local_to_utc(day, hour, zone) == datetime.fromisoformat(utc).replace(tzinfo=UTC), why


def test_there_and_back_for_every_hour_that_exists() -> None:
    wrong = []
    for zone in ODD:
        for step in range(24 * 366):
            day, hour = date(2026, 1, 1) + timedelta(days=step // 24), step % 24
            at = local_to_utc(day, hour, zone)
            local = at.astimezone(ZoneInfo(zone))
            if (local.date(), local.hour) != (day, hour):
                wrong.append((zone, local.replace(tzinfo=None) - datetime(day.year, day.month, day.day, hour)))
    assert all(timedelta(0) < moved <= timedelta(hours=2) for _, moved in wrong)
    assert len(wrong) <= 2 * len(ODD), "only hours that clocks skip in spring"


def test_an_unknown_zone_is_no_instant() -> None:
    with pytest.raises(ValueError, match="IANA"):
        local_to_utc(date(2026, 1, 1), 9, "Mars/Olympus")
