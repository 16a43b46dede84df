"""Periods: four weeks of leads by when they were created, in which the lake keeps a tenant group's rows.

A lead lies in one period with all of its touches, whenever those happened, so that whoever counts a period sees whole
paths. Two periods are one block of algorithms.exposures, from the same Monday on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
PERIOD_DAYS = 28
"""Weeks would make four times the files, and more time than they save goes into opening those."""

ALL_TIME = "all"
"""The period of a full extraction: everything, in one."""

UNDATED = "none"
"""Leads without a usable date or id, and touches whose lead is not there."""


def period_of(moment: datetime) -> str:
    """The first day of the period that a moment lies in, as 2026-10-19."""
    number = (moment - FIRST_MONDAY) // timedelta(days=PERIOD_DAYS)
    return f"{FIRST_MONDAY + number * timedelta(days=PERIOD_DAYS):%Y-%m-%d}"


def has_settled(period: str, as_of: datetime, *, days: int) -> bool:
    """Whether a period ended so many days before `as_of`, or earlier; what has no date never settles."""
    if period in (ALL_TIME, UNDATED):
        return False
    begins = datetime.strptime(period, "%Y-%m-%d").replace(tzinfo=UTC)
    return begins + timedelta(days=PERIOD_DAYS + days) <= as_of
