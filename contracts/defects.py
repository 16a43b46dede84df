"""What can be wrong with a tenant's data, and what happens then: 25 defects, each with its declared treatment.

A future date is a broken clock, not bad data: rows dated after the run's real time are counted and dropped, enter no
other count, and never quarantine, since nothing later than as-of may change a result.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Older times are a null or a zero that some system wrote as a date: no outreach data begins before 1990."""

BULK_CONVERSIONS = 20
BULK_SHARE = 0.5
"""At least this many conversions at one instant, and more than this share of all, are an import, not outcomes."""

VOLUME_FLOOR = 0.5
VOLUME_ROWS = 100
"""Below this share of the last run's rows an extract has lost data; judged where the last run had that many rows."""


class Treatment(StrEnum):
    DROP = "drop"  # the rows go (or only the values named in `blanks`); the tenant learns from the rest
    DROP_UP_TO = "drop_up_to"  # the same up to a share of the tenant's rows; above it the tenant is quarantined
    QUARANTINE = "quarantine"  # the tenant is quarantined at once


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that can be wrong.

    extract: whose rows it counts; 'all' for rows of leads and touches alike.
    sentence: continues "3 % of touches …".
    threshold: share of the tenant's rows (DROP_UP_TO), rows (QUARANTINE), or share of the last run's rows.
    metric: column of the quality table that the expectation suite looks at; None where no tenant can be judged by it.
    blanks: columns to blank instead of dropping the row, where the row is sound without them.
    """

    code: str
    extract: Literal["leads", "touches", "all"]
    sentence: str
    treatment: Treatment
    threshold: float = 0.0
    metric: str | None = None
    blanks: tuple[str, ...] = ()


SHARE = "_share"
"""A share's column is the defect's code with this ending; a count's column is the code itself."""


def _drop(code: str, extract: Literal["leads", "touches", "all"], sentence: str, *blanks: str) -> Defect:
    return Defect(code, extract, sentence, Treatment.DROP, blanks=blanks)


def _up_to(share: float, code: str, extract: Literal["leads", "touches"], sentence: str) -> Defect:
    return Defect(code, extract, sentence, Treatment.DROP_UP_TO, share, code + SHARE)


def _never(code: str, extract: Literal["leads", "touches"], sentence: str) -> Defect:
    return Defect(code, extract, sentence, Treatment.QUARANTINE, 0.0, code)


DEFECTS = (
    _up_to(0.05, "lead_id_not_unique", "leads", "have no id, or the id of another lead of the tenant"),
    _up_to(0.05, "created_at_unusable", "leads", "have no creation time, or one before 1990"),
    _drop("created_in_future", "leads", "were created later than now"),
    _drop("converted_in_future", "leads", "converted later than now: they count as not converted", "converted_at"),
    _up_to(0.05, "converted_before_created", "leads", "converted before they were created"),
    _up_to(0.05, "converted_without_time", "leads", "have the status converted and no conversion time"),
    _up_to(0.05, "status_unknown", "leads", "have no status, or one that is not in the contract"),
    _drop("time_zone_unknown", "leads", "have a time zone that the IANA list lacks: it counts as unknown", "time_zone"),
    _up_to(0.20, "components_partial", "leads", "have some of the five score components and lack others"),
    _up_to(0.05, "component_out_of_range", "leads", "have a score component that is no number from 0 to 1"),
    _drop("employees_negative", "leads", "have fewer than 0 employees: the count is blanked", "employee_count"),
    _up_to(0.05, "scored_before_created", "leads", "were scored before they were created"),
    _never("conversions_bulk_stamped", "leads", "converted at one and the same instant, more than half of all"),
    _up_to(0.05, "touch_id_not_unique", "touches", "have no id, or the id of another touch of the tenant"),
    _up_to(0.05, "occurred_at_unusable", "touches", "have no time, or one before 1990"),
    _drop("occurred_in_future", "touches", "happened later than now"),
    _up_to(0.05, "channel_unknown", "touches", "have no channel, or one that is not in the contract"),
    _up_to(0.05, "touch_without_lead", "touches", "have no lead"),
    _up_to(0.05, "touch_before_lead", "touches", "happened before their lead was created"),
    _never("touch_of_other_tenant", "touches", "belong to a lead of another tenant"),
    _up_to(0.05, "score_out_of_range", "touches", "logged a score outside 0 to 100, or a stratum outside 0 to 9"),
    _up_to(0.05, "propensity_out_of_range", "touches", "logged a probability that is not above 0 and at most 1"),
    _up_to(
        0.05,
        "booking_contradicted",
        "touches",
        "are marked as the converting touch of a lead that never converted, or had converted before",
    ),
    _drop("tenant_unknown", "all", "belong to a tenant that the tenants extract lacks"),
    Defect(
        "volume_collapsed",
        "all",
        "of the last run's rows came this time",
        Treatment.QUARANTINE,
        VOLUME_FLOOR,
        "volume_vs_last_run",
    ),
)

CATALOGUE = {defect.code: defect for defect in DEFECTS}
