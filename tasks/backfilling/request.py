"""What an operator may ask of a backfill. The UI builds its form from this model; the flow validates it again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from contracts.backfill import Chain
from contracts.errors import UserError
from tasks.request import LearnerName

SUNDAY, HOUR = 6, 2
"""When the weekly schedule runs, UTC: the moments of a backfill are those of its runs, unless others are asked for."""

YEAR = 52
"""Steps of a backfill that names no beginning."""

MOST_STEPS = 1_000
"""Steps of one backfill: more are a slip of the pen."""


class BackfillRequest(BaseModel):
    """Learn as if it were each of these moments in turn, each time from what was known then."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenants: list[str] = Field(default_factory=list, title="Tenants", description="Names or ids. Empty: all tenants.")
    start: datetime | None = Field(
        default=None,
        title="From",
        description="The first moment (UTC unless a zone is given). Empty: 52 steps that end with To.",
    )
    end: datetime | None = Field(
        default=None,
        title="To",
        description="No moment is later than this. Empty: the last Sunday at 02:00 UTC, when the weekly run was due.",
    )
    step_days: int = Field(default=7, ge=1, le=366, title="Step", description="Days from one moment to the next.")
    learners: list[LearnerName] = Field(
        default_factory=lambda: list(LearnerName), min_length=1, title="Learners", description="Which questions to ask."
    )
    dry_run: bool = Field(default=False, title="Dry run", description="Learn and report, but write no history.")
    publish_last: bool = Field(
        default=False,
        title="Publish the last step",
        description="Judge what the last moment's step learned against what is in force today, and publish what holds "
        "up. Without it no live pattern is touched.",
    )
    at_once: int = Field(
        default=2, ge=1, le=16, title="At once", description="Steps that are prepared at the same time."
    )

    @field_validator("start", "end")
    @classmethod
    def in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


FIELDS = {name: str(field.title) for name, field in BackfillRequest.model_fields.items()}


def read(given: BackfillRequest | Mapping[str, Any]) -> BackfillRequest:
    """The request as a model; raises UserError with one clause for each value that cannot be read."""
    if isinstance(given, BackfillRequest):
        return given
    try:
        return BackfillRequest.model_validate(dict(given))
    except ValidationError as error:
        faults = "; ".join(_fault(dict(fault)) for fault in error.errors())
        raise UserError(f"this backfill cannot be started: {faults}", do="Correct it and start it again") from None


def _fault(fault: Mapping[str, Any]) -> str:
    name, *_ = fault["loc"] or ("",)
    said = FIELDS.get(str(name), f"`{name}`")
    if "datetime" in fault["type"] or "date" in fault["type"]:
        return f"{said} is {fault['input']!r}, and a date such as 2026-03-01 is wanted"
    return f"{said} is {fault['input']!r} ({fault['msg'][0].lower()}{fault['msg'][1:]})"


def span(request: BackfillRequest, now: datetime) -> tuple[Chain, tuple[datetime, ...]]:
    """The chain that a request continues, and its moments; raises UserError where there are none, or far too many."""
    end = request.end or last_weekly_moment(now)
    step = timedelta(days=request.step_days)
    start = request.start or end - (YEAR - 1) * step
    if end > now:
        raise UserError(
            f"To is {_clock(end)}",
            wanted=f"a moment not later than now ({_clock(now)}) is needed",
            do="Outcomes of the future are unknown",
        )
    if start > end:
        raise UserError(f"From is {_clock(start)}", wanted=f"it must not be later than To ({_clock(end)})")
    chain = Chain(start, request.step_days)
    moments = chain.moments(end)
    if len(moments) > MOST_STEPS:
        raise UserError(
            f"from {_clock(start)} to {_clock(end)} there are {len(moments):,} steps of {request.step_days} days",
            wanted=f"at most {MOST_STEPS:,} are possible",
            do="Choose a longer step or a later beginning",
        )
    return chain, moments


def last_weekly_moment(now: datetime) -> datetime:
    """The last Sunday 02:00 UTC at or before `now`."""
    sunday = now - timedelta(days=(now.weekday() - SUNDAY) % 7)
    moment = sunday.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return moment if moment <= now else moment - timedelta(days=7)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
