"""The steps of a backfill in order of time: several are prepared ahead, and verdicts wait for those before them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.futures import PrefectFuture

from contracts.backfill import Plan
from contracts.errors import UserError
from contracts.walk_forward import Walked
from store import backfills, lake
from store.backfills import Step
from store.lake import Manifest
from tasks.backfilling.opening import Backfill
from tasks.backfilling.step import Heads, Prepared, judge, prepare
from tasks.connections import store
from tasks.passing import whole
from tasks.stages import log, stage

PROGRESS = "backfill-progress"


def walk(backfill: Backfill, history: Manifest, plan: Plan) -> list[Walked]:
    """Run what is due, oldest first; every step is written as it ends, so that a kill loses only what is at work.

    Returns every step of the chain that is done for the tenants and learners that were asked for.
    """
    fresh: list[Step] = []
    if plan.first == len(plan.moments):
        log.info("Nothing to do: all %s steps are done, and nothing that they rest on has changed", len(plan.slices))
    else:
        with stage(backfill.run, "steps", "Walking through time"):
            fresh = _walk(backfill, history, plan)
    return _all(backfill, plan, fresh)


def _walk(backfill: Backfill, history: Manifest, plan: Plan) -> list[Step]:
    """The steps that ran."""
    begin, end = max(0, plan.first - 1), len(plan.moments)  # what a step's heads met begins at the step before it
    waiting: dict[int, PrefectFuture[Prepared]] = {}
    heads: Heads = {name: {} for name in plan.begins}
    before: Prepared | None = None
    fresh: list[Step] = []
    bar = _bar()
    for place in range(begin, end):
        for ahead in range(place, min(place + backfill.at_once, end)):
            if ahead not in waiting:
                waiting[ahead] = _prepare(backfill, history, plan, ahead)
        try:
            now = waiting[place].result()
            if place >= plan.first:
                _join(backfill, plan, place, heads)
                verdicts = judge.submit(
                    whole(backfill), whole(plan), plan.moments[place], whole(now), whole(before), whole(heads)
                )
                heads, steps = verdicts.result()
                fresh += steps
                _tell(bar, place - plan.first + 1, end - plan.first, plan.moments[place])
        except Exception as error:
            _failed(backfill, plan, place, error)
            raise
        if before:
            lake.discard(history.root, before.run.id)
        before = now
    return fresh


def _prepare(backfill: Backfill, history: Manifest, plan: Plan, place: int) -> PrefectFuture[Prepared]:
    """Submit a step's preparation, for all whose heads meet it or will begin at it."""
    wanted = {tenant for at in (place, place + 1) for tenants in plan.due(at).values() for tenant in tenants}
    future: PrefectFuture[Prepared] = prepare.submit(
        whole(backfill), whole(history), plan.moments[place], whole(frozenset(wanted)), learning=place >= plan.first
    )
    return future


def _join(backfill: Backfill, plan: Plan, place: int, heads: Heads) -> None:
    """Bring in what is in force for tenants that begin at this step, where earlier steps of theirs are done."""
    for name, begins in plan.begins.items():
        joining = {tenant for tenant, begin in begins.items() if begin == place}
        if place and joining:
            stored = backfills.heads(store(backfill.run.settings), backfill.chain, name, plan.moments[place])
            heads[name] |= {tenant: head for tenant, head in stored.items() if tenant in joining}


def _failed(backfill: Backfill, plan: Plan, place: int, error: Exception) -> None:
    if backfill.run.dry_run:
        return
    sentence = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    backfills.fail(
        store(backfill.run.settings),
        backfill.chain,
        plan.due(place),
        plan.moments[place],
        run_id=backfill.run.id,
        code_version=backfill.run.code_version,
        error=sentence,
    )


def _all(backfill: Backfill, plan: Plan, fresh: list[Step]) -> list[Walked]:
    """Every step that is done, from the store; of a dry run also what was not written."""
    run = backfill.run
    found: dict[tuple[UUID, str, object], Walked] = {
        (tenant, step.learner, step.as_of): step
        for tenant, step in backfills.walked(store(run.settings), backfill.chain, run.learner_names, run.as_of)
        if tenant in plan.tenants
    }
    if run.dry_run:
        found |= {(step.tenant_id, step.learner, step.as_of): _told(step, plan) for step in fresh}
    return sorted(found.values(), key=lambda step: (step.tenant, step.learner, step.as_of))


def _told(step: Step, plan: Plan) -> Walked:
    verdict = step.verdict
    return Walked(
        tenant=plan.tenants[step.tenant_id],
        learner=step.learner,
        as_of=step.as_of,
        ruling=verdict.ruling.value if verdict else "refuse",
        reason=str(verdict.reason or "") if verdict else "quarantined",
        confidence=verdict.confidence if verdict else None,
        version=step.head.version if step.head else 0,
        explained=step.explained,
        later=step.later,
    )


def _bar() -> UUID | None:
    """A bar among the artifacts of the run in the UI."""
    bar = create_progress_artifact(0.0, key=PROGRESS, description="Steps done")
    return bar if isinstance(bar, UUID) else None


def _tell(bar: UUID | None, done: int, steps: int, moment: datetime) -> None:
    """How far the backfill is: a line of the run's log, and the bar."""
    log.info("Step %s of %s is done: %s", done, steps, f"{moment:%Y-%m-%d}")
    if bar:
        update_progress_artifact(bar, round(100.0 * done / steps, 1))
