"""One step: what a learning run would have done at that moment, from rows to verdict, and what the heads did then.

The work is that of the learning flow's own tasks, called as functions: a step is one task, since a backfill has dozens
and each is a matter of seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE

from algorithms import registry
from contracts.backfill import ChainHead, Plan
from contracts.canonical import content_hash, rounded
from contracts.errors import UserError
from contracts.learning import Finding, Incumbent, PriorBook, Ruling, Verdict
from contracts.refusal import Refusal
from contracts.runs import State, group_of
from contracts.walk_forward import InForce, Later
from store import backfills, ledger, priors
from store.lake import Manifest
from tasks.backfilling.history import as_known
from tasks.backfilling.opening import STEP, Backfill
from tasks.check import Checked, check_group, conclude, select
from tasks.connections import store
from tasks.judge import judge_slice
from tasks.learn import NOTHING_RESOLVED, Said, learn_slice
from tasks.publish import valid_until
from tasks.run import Run
from tasks.summarise import Summaries, summarise_slice

Heads = dict[str, dict[UUID, ChainHead]]
"""Learner → tenant → what is in force in the chain; tenants under the defaults are left out."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A step before its verdicts. said: learner → tenant → finding; empty where only the counts were wanted."""

    run: Run
    checked: Checked
    summaries: Summaries
    said: Mapping[str, Mapping[UUID, Said]]
    priors: Mapping[str, PriorBook]
    seconds: float


@task(name="prepare", task_run_name="prepare {as_of:%Y-%m-%d}", cache_policy=NO_CACHE)
def prepare(
    backfill: Backfill, history: Manifest, as_of: datetime, tenants: frozenset[UUID], *, learning: bool
) -> Prepared:
    """Check, count and learn as of one moment. learning: false where the step only supplies the next one's start."""
    return prepared(backfill, history, as_of, tenants, learning=learning)


def prepared(
    backfill: Backfill, history: Manifest, as_of: datetime, tenants: frozenset[UUID], *, learning: bool
) -> Prepared:
    """`prepare` as a function."""
    run = replace(backfill.step_run(as_of), only=tenants)
    ledger.open_run(
        store(run.settings),
        run_id=run.id,
        flow=STEP,
        as_of=as_of,
        request={"backfill": str(backfill.run.id)},
        code_version=run.code_version,
    )
    with _closed_where_it_fails(run):
        return _prepared(run, history, learning=learning)


@contextmanager
def _closed_where_it_fails(run: Run) -> Iterator[None]:
    """The ledger learns of an error that ends a step."""
    try:
        yield
    except BaseException as error:
        sentence = str(error) if isinstance(error, UserError) else type(error).__name__
        ledger.close_run(store(run.settings), run.id, State.FAILED, error=sentence)
        raise


def _prepared(run: Run, history: Manifest, *, learning: bool) -> Prepared:
    started = time.perf_counter()
    manifest = as_known(history, run)
    checks = [check_group.fn(manifest, group, {}) for group in run.groups]
    checked = select(run, conclude.fn(run, manifest, checks))
    paths: dict[str, dict[int, str]] = {name: {} for name in run.learner_names}
    for group in run.groups:
        for name, path in summarise_slice.fn(run, checked, group).paths.items():
            paths[name][group] = path
    summaries = Summaries(checked.manifest.root, paths)
    books = {name: priors.read(store(run.settings), name, as_of=run.as_of) for name in run.learner_names}
    learners = run.learner_names if learning else ()
    said = {name: _learned(run, checked, summaries, name, books[name]) for name in learners}
    return Prepared(run, checked, summaries, said, books, time.perf_counter() - started)


def _learned(run: Run, checked: Checked, summaries: Summaries, name: str, book: PriorBook) -> dict[UUID, Said]:
    said: dict[UUID, Said] = dict.fromkeys(checked.passed, NOTHING_RESOLVED)
    for group in run.groups:
        said.update(learn_slice.fn(run, summaries, name, group, book))
    return said


@task(name="judge", task_run_name="judge {as_of:%Y-%m-%d}", cache_policy=NO_CACHE)
def judge(
    backfill: Backfill, plan: Plan, as_of: datetime, now: Prepared, before: Prepared | None, heads: Heads
) -> tuple[Heads, list[backfills.Step]]:
    """Hold a step's findings against the chain's heads, and write what came of it. Returns the heads afterwards."""
    with _closed_where_it_fails(now.run):
        started = time.perf_counter()
        after, steps = _judged(plan, plan.moments.index(as_of), now, before, heads)
        seconds = (now.seconds + time.perf_counter() - started) / max(1, len({step.learner for step in steps}))
        if not backfill.run.dry_run:
            written = [replace(step, seconds=round(seconds, 3)) for step in steps]
            backfills.write(store(now.run.settings), backfill.chain, written)
    ledger.close_run(store(now.run.settings), now.run.id, State.DONE, report={"steps": len(steps)})
    return after, steps


def _judged(
    plan: Plan, place: int, now: Prepared, before: Prepared | None, heads: Heads
) -> tuple[Heads, list[backfills.Step]]:
    """The heads after a step, and what is written of every learner and tenant that was due."""
    steps: list[backfills.Step] = []
    after: Heads = {name: dict(of) for name, of in heads.items()}
    for name, tenants in plan.due(place).items():
        ruled = verdicts(now, name, {tenant: head.incumbent for tenant, head in heads[name].items()})
        later = met(now, before, name, heads[name]) if before else {}
        for tenant in sorted(tenants):
            head, verdict = heads[name].get(tenant), ruled.get(tenant)
            moved = _moved(head, now.said[name].get(tenant), verdict, now.run.as_of)
            if moved:
                after[name][tenant] = moved
            steps.append(_step(plan, place, name, tenant, now, verdict, head, moved, later.get(tenant)))
    return after, steps


def verdicts(now: Prepared, name: str, incumbents: Mapping[UUID, Incumbent]) -> dict[UUID, Verdict]:
    """One learner's verdicts on all of its findings, against these incumbents."""
    said, groups = now.said[name], len(now.run.groups)
    ruled = {
        tenant: Verdict(Ruling.REFUSE, refusal=refusal)
        for tenant, refusal in said.items()
        if isinstance(refusal, Refusal)
    }
    for group in now.run.groups:
        of_group = {tenant: one for tenant, one in said.items() if group_of(tenant, groups) == group}
        ruled.update(judge_slice.fn(now.run, now.summaries, name, group, of_group, incumbents, now.priors[name]))
    return ruled


def met(now: Prepared, before: Prepared, name: str, heads: Mapping[UUID, ChainHead]) -> dict[UUID, Later]:
    """What the heads that were still valid at the step before met until this one."""
    learner, since = registry.learner(name), before.run.as_of
    in_force = {
        tenant: InForce(head.version, head.payload, head.confidence, head.judged_on, head.replaced)
        for tenant, head in heads.items()
        if head.valid_until > since
    }
    if learner.follow is None or not in_force:
        return {}
    found: dict[UUID, Later] = {}
    for group in now.run.groups:
        earlier, later = before.summaries.read(name, group), now.summaries.read(name, group)
        found.update(learner.follow(in_force, earlier, later, since))
    return found


def _moved(head: ChainHead | None, said: Said | None, verdict: Verdict | None, as_of: datetime) -> ChainHead | None:
    """The head after a verdict, as publishing would have moved the live one; None where it stays the defaults."""
    if verdict is None:
        return head
    until = valid_until(as_of, verdict)
    if verdict.ruling is Ruling.PUBLISH and isinstance(said, Finding):
        return ChainHead(
            version=head.version + 1 if head else 1,
            payload=said.payload,
            inputs_sha256=said.inputs_sha256,
            payload_sha256=content_hash(dict(said.payload)),
            valid_until=until,
            as_of=as_of,
            confidence=verdict.confidence,
            judged_on=rounded(dict(verdict.judged_on)),  # as the store will give it to a run that goes on here
            replaced=head.payload if head else None,
        )
    if head and verdict.ruling is Ruling.HOLD and verdict.incumbent_healthy:
        return replace(head, valid_until=max(head.valid_until, until))
    return head


def _step(
    plan: Plan,
    place: int,
    name: str,
    tenant: UUID,
    now: Prepared,
    verdict: Verdict | None,
    head: ChainHead | None,
    moved: ChainHead | None,
    later: Later | None,
) -> backfills.Step:
    said = now.said[name].get(tenant)
    new = moved is not None and moved.as_of == now.run.as_of and isinstance(said, Finding)
    left_out = {one.tenant_id: one.reason for one in now.checked.quarantined}
    return backfills.Step(
        tenant_id=tenant,
        learner=name,
        as_of=now.run.as_of,
        input_hash=plan.hashes[name][tenant][place],
        code_version=now.run.code_version,
        run_id=now.run.id,
        seconds=0.0,
        verdict=verdict,
        left_out=left_out.get(tenant, ""),
        head=moved,
        published=(head.version if head else 0, cast("Finding", said).evidence) if new else None,
        explained=registry.learner(name).explain(cast("Finding", said).payload) if new else "",
        later=later,
    )
