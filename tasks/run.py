"""One run: who asked for what, as of when, with which code. Small and picklable, so that it travels to any worker."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Engine

import algorithms
import contracts
from algorithms import registry
from contracts.errors import LakeError, UserError
from contracts.learning import Learner, Ruling
from contracts.runs import LearningReport, State
from reports.records import ReportInput
from settings import Settings
from store import book, database, lake, ledger, tenants
from store.claims import Claim
from tasks.alone import alone, working
from tasks.connections import store
from tasks.request import LearningRequest

log = logging.getLogger("learnback")

FLOW = "pattern-learning"


@dataclass(frozen=True, slots=True)
class Run:
    """What every stage of a run needs to know.

    now: the wall clock when the run began; rows dated later are impossible. as_of ≤ now: later rows are unknown.
    full: every row is read, whatever an earlier run has read.
    only: the tenants that were asked for; None means all, and only then are population priors relearned.
    flow: in whose name heads are moved.
    seconds: stage → seconds, filled as stages end.
    """

    id: UUID
    as_of: datetime
    now: datetime
    dry_run: bool
    full: bool
    only: frozenset[UUID] | None
    learner_names: tuple[str, ...]
    code_version: str
    settings: Settings
    flow: str = FLOW
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def learners(self) -> tuple[Learner, ...]:
        return tuple(registry.learner(name) for name in self.learner_names)

    @property
    def groups(self) -> range:
        return range(self.settings.groups)


@cache
def code_version() -> str:
    """Hash of everything that can change a pattern: the source of contracts/ and algorithms/ (12 hex digits)."""
    digest = hashlib.sha256()
    for package in (contracts, algorithms):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root.parent).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


CLOCKS_DIFFER = timedelta(minutes=5)
"""How far two clocks may be apart before one of them counts as wrong."""


def carried_out(
    request: LearningRequest, settings: Settings, stages: Callable[[Run], ReportInput], flow: str = FLOW
) -> ReportInput:
    """One run from its claim to its last line in the ledger; a run of the same flow that is at work goes first.

    Raises UserError with one sentence for everything that a person must mend, a database that went away among it.
    """
    with database.loss_explained(), alone(settings, flow) as claim:
        run = open_run(request, settings, claim)
        with working(claim, run.id):
            return closing(run, stages)


def open_run(request: LearningRequest, settings: Settings, claim: Claim) -> Run:
    """Validate the request against the store and enter the run in the ledger.

    Raises UserError for a moment in the future and UnknownTenantError for a tenant that the store does not hold.
    """
    now = datetime.now(UTC)
    if request.as_of and request.as_of > now:
        raise UserError(
            f"as-of is {request.as_of:%Y-%m-%d %H:%M} UTC",
            wanted=f"a moment not later than now ({now:%Y-%m-%d %H:%M} UTC) is needed",
            do="Outcomes of the future are unknown: leave as-of empty to learn up to now",
        )
    engine = store(settings)
    if request.as_of is None:
        _trust_the_clock(engine, now)
    run = Run(
        id=uuid4(),
        as_of=request.as_of or now,
        now=now,
        dry_run=request.dry_run,
        full=request.full,
        only=frozenset(tenants.resolve(engine, text).id for text in request.tenants) or None,
        learner_names=tuple(dict.fromkeys(request.learners)),
        code_version=code_version(),
        settings=settings,
    )
    claim.name(run.id)
    ledger.open_run(
        engine,
        run_id=run.id,
        flow=claim.flow,
        as_of=run.as_of,
        request=request.model_dump(mode="json"),
        code_version=run.code_version,
    )
    return run


def _trust_the_clock(engine: Engine, now: datetime) -> None:
    """Raise UserError where what is in force was learned later than now: then the clock is wrong, or it was.

    Such a head would hold back every run until the clock has passed it. A run with an as-of of its own may go on.
    """
    newest = book.newest_as_of(engine)
    if newest is not None and newest > now + CLOCKS_DIFFER:
        raise UserError(
            f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC",
            wanted=f"patterns in force were learned as of {newest:%Y-%m-%d %H:%M} UTC",
            do="Set the clock right. If it was wrong then, take those patterns back: `learnback patterns list` names "
            "them, `learnback patterns rollback` moves each back",
        )


def closing(run: Run, stages: Callable[[Run], ReportInput]) -> ReportInput:
    """Go through the stages, and enter in the ledger how the run ended: with its numbers, or with its error."""
    engine = store(run.settings)
    try:
        record = stages(run)
    except BaseException as error:
        sentence = str(error) if isinstance(error, UserError) else type(error).__name__
        ledger.close_run(engine, run.id, State.FAILED, error=sentence)
        raise
    ledger.close_run(engine, run.id, State.DONE, report=_numbers(record.report))
    try:
        lake.prune(lake.open(run.settings), keep=run.settings.keep_extracts)
    except LakeError as error:  # what was learned is published: old files are no reason to fail
        log.warning("Old extracts stay in the lake: %s", error)
    return record


def _numbers(report: LearningReport) -> dict[str, object]:
    """What the ledger keeps of a report: counts and durations; tenants' verdicts have a table of their own."""
    return {
        **{ruling.value: report.count(ruling) for ruling in Ruling},
        "quarantined": len(report.quarantined),
        "rows": report.rows,
        "dropped": report.dropped,
        "seconds": {stage: round(seconds, 3) for stage, seconds in report.seconds.items()},
        "html": str(report.html),
        "dry_run": report.dry_run,
    }
