"""What each defect looks like in one row, as Polars expressions; what needs other rows is in `marks`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import available_timezones

import polars as pl

from contracts.defects import EARLIEST
from contracts.outcomes import CHANNELS, COMPONENTS, STATUSES

COMPONENT_COUNT = len(COMPONENTS)


@dataclass(frozen=True)
class Rule:
    """A defect that one row shows by itself, as an expression without nulls."""

    code: str
    holds: pl.Expr


LOOKS_AT: dict[str, tuple[str, ...]] = {
    "lead_id_not_unique": ("created_at",),
    "created_at_unusable": ("created_at",),
    "created_in_future": ("created_at",),
    "converted_in_future": ("converted_at",),
    "converted_before_created": ("created_at", "converted_at"),
    "converted_without_time": ("status", "converted_at"),
    "status_unknown": ("status",),
    "time_zone_unknown": ("time_zone",),
    "components_partial": COMPONENTS,
    "component_out_of_range": COMPONENTS,
    "employees_negative": ("employee_count",),
    "scored_before_created": ("created_at", "scored_at"),
    "touch_id_not_unique": ("occurred_at",),
    "occurred_at_unusable": ("occurred_at",),
    "occurred_in_future": ("occurred_at",),
    "channel_unknown": ("channel",),
    "touch_without_lead": (),
    "touch_before_lead": ("occurred_at",),
    "touch_of_other_tenant": (),
    "score_out_of_range": ("score_at_touch", "score_stratum"),
    "propensity_out_of_range": ("propensity",),
    "booking_contradicted": ("occurred_at", "led_to_booking"),
    "tenant_unknown": (),
}
"""The columns that show a defect to a person, beside the row's ids."""


@cache
def zones() -> frozenset[str]:
    """Every name of the IANA list on this machine."""
    return frozenset(available_timezones())


def future(column: str, now: datetime) -> pl.Expr:
    """Dated later than the run's real time. Null is not the future."""
    return (pl.col(column) > now).fill_null(False)


def of_leads(now: datetime) -> tuple[Rule, ...]:
    """Rules for `outcomes.LEADS`; all are meant for rows that were not created in the future."""
    created = pl.col("created_at")
    missing = pl.sum_horizontal(pl.col(name).is_null() for name in COMPONENTS)
    usable = created >= EARLIEST
    return (
        _rule("created_at_unusable", ~usable | created.is_null()),
        _rule("converted_in_future", pl.col("converted_at") > now),
        _rule("converted_before_created", usable & (pl.col("converted_at") < created)),
        _rule("converted_without_time", (pl.col("status") == "converted") & pl.col("converted_at").is_null()),
        _rule("status_unknown", ~_within("status", STATUSES)),
        _rule("time_zone_unknown", pl.col("time_zone").is_not_null() & ~_within("time_zone", sorted(zones()))),
        _rule("components_partial", (missing > 0) & (missing < COMPONENT_COUNT)),
        _rule("component_out_of_range", pl.any_horizontal(~pl.col(name).is_between(0, 1) for name in COMPONENTS)),
        _rule("employees_negative", pl.col("employee_count") < 0),
        _rule("scored_before_created", usable & (pl.col("scored_at") < created)),
    )


def of_touches() -> tuple[Rule, ...]:
    """Rules for `outcomes.TOUCHES`; all are meant for rows that do not lie in the future."""
    occurred = pl.col("occurred_at")
    propensity = pl.col("propensity")
    return (
        _rule("occurred_at_unusable", (occurred < EARLIEST) | occurred.is_null()),
        _rule("channel_unknown", ~_within("channel", CHANNELS)),
        _rule(
            "score_out_of_range",
            ~pl.col("score_at_touch").is_between(0, 100) | ~pl.col("score_stratum").is_between(0, 9),
        ),
        _rule("propensity_out_of_range", ~((propensity > 0) & (propensity <= 1))),
    )


def _rule(code: str, holds: pl.Expr) -> Rule:
    return Rule(code, holds.fill_null(False).alias(code))


def _within(column: str, values: tuple[str, ...] | list[str]) -> pl.Expr:
    """In the list; null is not."""
    return pl.col(column).is_in(values).fill_null(False)
