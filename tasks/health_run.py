"""One look at the health of what is published: who asked for what, as of when, and how it ended in the ledger."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, field_validator

from contracts.errors import LakeError, UserError
from contracts.health import Health, HealthReport
from contracts.runs import State
from settings import Settings
from store import lake, ledger, tenants
from tasks.connections import store
from tasks.run import Run, code_version

log = logging.getLogger("learnback")

FLOW = "pattern-health"

LAKE = "health"
"""Ends the name of the lake that a look extracts into: it never takes the place of a learning run's extracts."""


class HealthRequest(BaseModel):
    """Look at every published pattern: for whom, and whether to act on what is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenants: list[str] = Field(default_factory=list, title="Tenants", description="Names or ids. Empty: all tenants.")
    as_of: datetime | None = Field(
        default=None,
        title="As of",
        description="Look as if it were this moment (UTC unless a zone is given). Empty: now. Patterns learned later "
        "are not looked at; a moment in the future is refused.",
    )
    dry_run: bool = Field(
        default=False,
        title="Dry run",
        description="Look and tell, but take no pattern back, store no verdict and notify nobody.",
    )

    @field_validator("as_of")
    @classmethod
    def in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def open_look(request: HealthRequest, settings: Settings) -> Run:
    """Validate the request and enter the run in the ledger.

    Raises UserError for a moment in the future and UnknownTenantError for a tenant that the store does not hold.
    """
    now = datetime.now(UTC)
    if request.as_of and request.as_of > now:
        raise UserError(
            f"as-of is {request.as_of:%Y-%m-%d %H:%M} UTC",
            wanted=f"a moment not later than now ({now:%Y-%m-%d %H:%M} UTC) is needed",
            do="Leave as-of empty to look at what is known by now",
        )
    as_of = request.as_of or now
    engine = store(settings)
    only = frozenset(tenants.resolve(engine, text).id for text in request.tenants) or None
    run = Run(
        id=uuid4(),
        as_of=as_of,
        now=now,
        dry_run=True,  # of extraction and checks: what they remember belongs to the learning runs
        full=True,
        only=only,
        learner_names=(),
        code_version=code_version(),
        settings=settings.model_copy(update={"lake": f"{settings.lake_url.rstrip('/')}-{LAKE}"}),
    )
    ledger.open_run(
        engine,
        run_id=run.id,
        flow=FLOW,
        as_of=as_of,
        request=request.model_dump(mode="json"),
        code_version=run.code_version,
    )
    return run


def closing_look(run: Run, stages: Callable[[Run], HealthReport]) -> HealthReport:
    """Go through the stages, enter how the look ended, and keep its extracts until the next one only."""
    engine = store(run.settings)
    try:
        report = stages(run)
    except BaseException as error:
        sentence = str(error) if isinstance(error, UserError) else type(error).__name__
        ledger.close_run(engine, run.id, State.FAILED, error=sentence)
        raise
    ledger.close_run(engine, run.id, State.DONE, report=_numbers(report, run))
    try:
        lake.prune(lake.open(run.settings), keep=1)
    except LakeError as error:
        log.warning("Old extracts stay in the lake: %s", error)
    return report


def _numbers(report: HealthReport, run: Run) -> dict[str, object]:
    return {
        **{health.value: report.count(health) for health in Health},
        "rolled_back": sum(head.rolled_back for head in report.heads),
        "told": report.told,
        "seconds": {stage: round(seconds, 3) for stage, seconds in run.seconds.items()},
        "dry_run": report.dry_run,
    }
