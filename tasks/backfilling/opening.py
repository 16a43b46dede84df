"""One backfill: for whom, along which moments, with which code. Small and picklable, like a run, which it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

from contracts.backfill import Chain
from contracts.errors import UserError
from contracts.runs import State
from settings import Settings
from store import backfills, ledger, scratch, tenants
from tasks.backfilling.request import BackfillRequest, span
from tasks.connections import store
from tasks.run import Run, code_version

FLOW = "pattern-backfill"
STEP = "pattern-backfill step"
"""As which the ledger keeps the run of each step."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backfill:
    """What every stage of a backfill needs to know.

    run: of the whole, as of its last moment. lake: the settings with a lake of the backfill's own, which ends with it:
    its files are no extracts for `learnback sql`, and no increment begins from them.
    """

    run: Run
    chain: Chain
    moments: tuple[datetime, ...]
    publish_last: bool
    at_once: int
    lake: Settings

    def step_run(self, as_of: datetime) -> Run:
        """A run as of one moment, which is its present: nobody then knew of anything later."""
        return replace(self.run, id=uuid4(), as_of=as_of, now=as_of, dry_run=True, seconds={})


def draft(request: BackfillRequest, settings: Settings) -> Backfill:
    """The backfill that a request asks for; nothing is entered anywhere.

    Raises UserError for moments that cannot be, and UnknownTenantError for a tenant that the store does not hold.
    """
    now = datetime.now(UTC)
    chain, moments = span(request, now)
    engine = store(settings)
    run = Run(
        id=uuid4(),
        as_of=moments[-1],
        now=now,
        dry_run=request.dry_run,
        full=True,
        only=frozenset(tenants.resolve(engine, text).id for text in request.tenants) or None,
        learner_names=tuple(dict.fromkeys(str(name) for name in request.learners)),
        code_version=code_version(),
        settings=settings,
        flow=FLOW,
    )
    return Backfill(run, chain, moments, request.publish_last, request.at_once, scratch.beside(settings, run.id))


def opened(request: BackfillRequest, settings: Settings, stages: Callable[[Backfill], T]) -> T:
    """Go through the stages of a backfill, alone on its chain, and enter in the ledger how it ended."""
    backfill = draft(request, settings)
    run, engine = backfill.run, store(settings)
    with backfills.only_one(engine, backfill.chain), scratch.kept(backfill.lake):
        ledger.open_run(
            engine,
            run_id=run.id,
            flow=FLOW,
            as_of=run.as_of,
            request=request.model_dump(mode="json"),
            code_version=run.code_version,
        )
        try:
            done = stages(backfill)
        except BaseException as error:
            sentence = str(error) if isinstance(error, UserError) else type(error).__name__
            ledger.close_run(engine, run.id, State.FAILED, error=sentence)
            raise
        ledger.close_run(engine, run.id, State.DONE, report={"steps": len(backfill.moments), "seconds": run.seconds})
        return done
