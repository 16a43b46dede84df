"""Which steps must run? Those never done, those that failed, and those whose input or code has changed since.

A step's input hash is made of what was known of its tenant then, of the population prior valid then, of seed and suite
of expectations, and of the hash of the step before it. A change of early facts thus reaches every later step, as it
must: each step is judged against what the steps before it put in force.
"""

from __future__ import annotations

import hashlib
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from prefect.artifacts import create_table_artifact

from contracts.backfill import Plan, PlannedSlice, Remembered, SliceState
from contracts.canonical import content_hash
from contracts.learning import PriorBook
from store import backfills, priors
from store.backfills import Key
from store.lake import Manifest
from tasks.backfilling.history import fingerprints
from tasks.backfilling.opening import Backfill
from tasks.checking import groups, suite
from tasks.connections import store
from tasks.stages import log

SECONDS = 2.0
"""What a step of one learner is expected to take where none was measured yet: the demo's on two cores."""


def draw(backfill: Backfill, history: Manifest) -> Plan:
    """The plan of a backfill, from one extraction of its history."""
    engine, run = store(backfill.run.settings), backfill.run
    prints = fingerprints(backfill, history)
    names = {UUID(bytes=row["tenant_id"]): row["name"] for row in groups.read_tenants(history).iter_rows(named=True)}
    asked = {tenant: name for tenant, name in names.items() if run.only is None or tenant in run.only}
    settled = content_hash([run.settings.seed, _digest(backfill)])
    hashes = {}
    for name in run.learner_names:
        known = [_valid(priors.read(engine, name, as_of=run.as_of), moment) for moment in backfill.moments]
        hashes[name] = {tenant: _chained(prints[tenant], known, settled) for tenant in asked}
    done = backfills.remembered(engine, backfill.chain, run.learner_names, run.as_of)
    return planned(backfill, asked, hashes, done)


def planned(
    backfill: Backfill,
    tenants: Mapping[UUID, str],
    hashes: Mapping[str, Mapping[UUID, tuple[str, ...]]],
    done: Mapping[Key, Remembered],
) -> Plan:
    """The plan that follows from what is known of the steps."""
    code, moments = backfill.run.code_version, backfill.moments
    begins: dict[str, dict[UUID, int]] = {}
    slices: list[tuple[datetime, PlannedSlice]] = []
    for name, of_tenant in hashes.items():
        steps = {tenant: [done.get((name, tenant, moment)) for moment in moments] for tenant in of_tenant}
        begins[name] = {tenant: _begin(steps[tenant], of_tenant[tenant], code) for tenant in of_tenant}
        cost = _cost(step for one in steps.values() for step in one)
        for place, moment in enumerate(moments):
            states = [_state(steps[tenant][place], place >= begins[name][tenant]) for tenant in of_tenant]
            slices.append((moment, _slice(moment, name, states, cost)))
    ordered = tuple(one for _, one in sorted(slices, key=lambda pair: pair[0]))  # stable: learners stay in order
    return Plan(backfill.chain, moments, tenants, begins, hashes, ordered)


def _chained(prints: Sequence[str], known: Sequence[list[str]], settled: str) -> tuple[str, ...]:
    hashes: list[str] = []
    for fingerprint, versions in zip(prints, known, strict=True):
        hashes.append(content_hash([hashes[-1] if hashes else "", settled, versions, fingerprint]))
    return tuple(hashes)


def _valid(book: PriorBook, moment: datetime) -> list[str]:
    """Versions of the priors that a step at this moment may use: the newest, and older ones for its folds."""
    return [prior.version for prior in book.priors if prior.learned_as_of <= moment]


def _digest(backfill: Backfill) -> str:
    return hashlib.sha256(suite.path_of(backfill.run.settings).read_bytes()).hexdigest()


def _begin(steps: Sequence[Remembered | None], hashes: Sequence[str], code: str) -> int:
    """Place of the first step that must run; their number where none must."""
    current = [
        step is not None and step.done and step.input_hash == wanted and step.code_version == code
        for step, wanted in zip(steps, hashes, strict=True)
    ]
    return current.index(False) if False in current else len(current)


def _state(step: Remembered | None, due: bool) -> SliceState:
    if step is None:
        return SliceState.TO_RUN
    if not step.done:
        return SliceState.FAILED
    return SliceState.STALE if due else SliceState.DONE


def _slice(moment: datetime, learner: str, states: Sequence[SliceState], cost: float) -> PlannedSlice:
    """The worst of the tenants' states speaks for the slice."""
    worst = next(
        (state for state in (SliceState.FAILED, SliceState.STALE, SliceState.TO_RUN) if state in states),
        SliceState.DONE,
    )
    due = sum(state is not SliceState.DONE for state in states)
    return PlannedSlice(moment, learner, worst, due, len(states), cost if due else 0.0)


def _cost(steps: Iterable[Remembered | None]) -> float:
    """Median seconds of a step that was done before."""
    measured = [step.seconds for step in steps if step is not None and step.seconds is not None]
    return statistics.median(measured) if measured else SECONDS


def by_learner(plan: Plan) -> dict[str, dict[SliceState, int]]:
    """Learner → state → how many of its slices are in it."""
    counts: dict[str, dict[SliceState, int]] = defaultdict(lambda: dict.fromkeys(SliceState, 0))
    for one in plan.slices:
        counts[one.learner][one.state] += 1
    return dict(counts)


def tell(plan: Plan) -> None:
    """The plan in the run's log, and as a table among its artifacts."""
    counts = {state: plan.count(state) for state in SliceState if plan.count(state)}
    told = ", ".join(f"{count} {state.value}" for state, count in counts.items())
    log.info("%s slices: %s; about %.0f s to go", len(plan.slices), told, plan.seconds)
    rows = [
        {
            "as of": f"{one.as_of:%Y-%m-%d %H:%M}",
            "learner": one.learner,
            "state": one.state.value,
            "tenants": f"{one.tenants} of {one.of}",
            "seconds": round(one.seconds, 1),
        }
        for one in plan.slices
    ]
    create_table_artifact(table=rows, key="backfill-plan", description="What runs, and what is done already")
