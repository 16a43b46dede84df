"""A backfill's parts without a flow: what was known then, which steps must run, and what a step writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import polars as pl
import pytest
from sqlalchemy import Engine

from contracts.backfill import Chain, Plan, Remembered, SliceState
from contracts.errors import UserError
from contracts.outcomes import EXTRACTS
from settings import Settings
from simulation.config import WorldConfig
from simulation.world import World, simulate
from store import backfills, extract, lake, loading, scratch
from tasks.backfilling import history, planning
from tasks.backfilling.opening import Backfill, draft
from tasks.backfilling.request import BackfillRequest, last_weekly_moment, read, span
from tasks.backfilling.step import Heads, Prepared, judge, prepared

AS_OF = datetime(2026, 3, 1, 2, tzinfo=UTC)
WEEK = timedelta(days=7)
LEARNERS = ("who", "what", "when", "how")
WORLD = WorldConfig(
    tenants=3,
    leads=3_000,
    newcomers=1,
    newcomer_leads=60,
    base_rate=0.25,
    slope=10.0,
    weight_centre=(0.05, 0.05, 0.05, 0.8, 0.05),
    weight_concentration=40.0,
    no_signal_share=0.0,
    incumbent_share=0.0,
    early_outcome_share=1.0,
    touches_per_lead=3.0,
    touches_most=6,
)


@pytest.fixture(scope="module")
def world(settings: Settings, engine: Engine) -> World:
    drawn = simulate(WORLD, seed=2, as_of=AS_OF)
    loading.load_tenants(engine, drawn.tenants)
    loading.load_leads(engine, drawn.leads)
    loading.load_touches(engine, drawn.touches)
    return drawn


@pytest.fixture
def backfill(settings: Settings, world: World) -> Iterator[Backfill]:
    """Three weekly steps up to AS_OF, of all four learners."""
    request = BackfillRequest(start=AS_OF - 2 * WEEK, end=AS_OF)
    drawn = draft(request, settings.model_copy(update={"groups": 2}))
    with scratch.kept(drawn.lake):
        yield drawn


def test_one_extraction_serves_every_earlier_moment(backfill: Backfill, settings: Settings) -> None:
    """The built-in queries, asked as of random moments, return the rows that looking back from the last one gives."""
    whole = history.extract_history(backfill)
    for days in (0, 3.3, 61, 250):
        as_of = AS_OF - timedelta(days=days)
        looked_back = history.as_known(whole, backfill.step_run(as_of))
        asked = extract.extract(backfill.lake, run_id=uuid4(), as_of=as_of, now=history.FOREVER)
        for name, declared in EXTRACTS.items():
            keys = [column.name for column in declared.columns if column.required][:2]
            one, other = (lake.scan(manifest, name).collect().sort(keys) for manifest in (looked_back, asked))
            assert one.equals(other), (name, days)
    assert looked_back.rows()["touches"] > 0


def test_the_scratch_lake_goes_with_its_backfill(settings: Settings) -> None:
    kept = scratch.beside(settings, uuid4())
    assert kept.lake is not None
    with scratch.kept(kept):
        lake.open(kept)
        assert kept.lake.startswith(f"{settings.lake_url}-backfill/")
    assert not list(settings.root.glob("lake-backfill/*"))


def _walk(backfill: Backfill, plan: Plan, whole: lake.Manifest) -> list[backfills.Step]:
    heads: Heads = {name: {} for name in plan.begins}
    before: Prepared | None = None
    steps = []
    for moment in plan.moments:
        now = prepared(backfill, whole, moment, frozenset(plan.tenants), learning=True)
        heads, some = judge.fn(backfill, plan, moment, now, before, heads)
        steps += some
        before = now
    return steps


def test_steps_are_written_and_found_again(backfill: Backfill, engine: Engine, world: World) -> None:
    whole = history.extract_history(backfill)
    plan = planning.draw(backfill, whole)
    assert [one.state for one in plan.slices] == [SliceState.TO_RUN] * 12
    assert (plan.first, plan.seconds) == (0, 12 * planning.SECONDS)
    steps = _walk(backfill, plan, whole)
    assert len(steps) == 3 * 4 * 3

    again = planning.draw(backfill, whole)
    assert [one.state for one in again.slices] == [SliceState.DONE] * 12
    assert (again.first, again.seconds, again.due(2)) == (3, 0.0, {})
    told = backfills.walked(engine, backfill.chain, LEARNERS, AS_OF)
    assert {(tenant, one.learner, one.as_of) for tenant, one in told} == {
        (one.tenant_id, one.learner, one.as_of) for one in steps
    }
    assert [one.later for _, one in told if one.later]
    for name in LEARNERS:
        last = {step.tenant_id: step.head for step in steps if step.learner == name and step.as_of == AS_OF}
        stored = backfills.heads(engine, backfill.chain, name, AS_OF + WEEK)
        assert set(stored) == {tenant for tenant, head in last.items() if head}
        for tenant, head in stored.items():
            known = last[tenant]
            assert known is not None
            assert (head.version, head.payload_sha256, head.valid_until, head.as_of) == (
                known.version, known.payload_sha256, known.valid_until, known.as_of,
            )  # fmt: skip
    assert backfills.heads(engine, backfill.chain, "who", backfill.moments[0]) == {}
    assert backfills.heads(engine, backfill.chain, "who", AS_OF + WEEK)

    cheaper = planning.draw(replace(backfill, run=replace(backfill.run, code_version="newer")), whole)
    assert [one.state for one in cheaper.slices] == [SliceState.STALE] * 12
    assert 0 < cheaper.seconds < 12 * 60


def test_two_cannot_walk_one_chain(engine: Engine) -> None:
    chain = Chain(AS_OF, 7)
    with backfills.only_one(engine, chain):
        running = pytest.raises(UserError, match="a backfill from 2026-03-01 02:00 UTC in steps of 7 days is running")
        with running, backfills.only_one(engine, chain):
            pass
        with backfills.only_one(engine, Chain(AS_OF, 14)):
            pass
    with backfills.only_one(engine, chain):
        pass


TENANT = UUID(int=1)


def planned(backfill: Backfill, **done: Remembered) -> Plan:
    """The plan of one tenant and WHO, with hashes a, b, c at its moments. done: `at_0` → what is known of it."""
    known = {("who", TENANT, backfill.moments[int(name[-1])]): step for name, step in done.items()}
    return planning.planned(backfill, {TENANT: "Acme"}, {"who": {TENANT: ("a", "b", "c")}}, known)


def remembered(backfill: Backfill, input_hash: str, *, done: bool = True, code: str = "") -> Remembered:
    return Remembered(done, input_hash, code or backfill.run.code_version, 3.0 if done else None)


def test_what_must_run_follows_from_what_is_known(backfill: Backfill) -> None:
    def told(**done: Remembered) -> list[str]:
        return [one.state.value for one in planned(backfill, **done).slices]

    a, b, c = (remembered(backfill, name) for name in "abc")
    assert told() == ["to run"] * 3
    assert told(at_0=a, at_1=b, at_2=c) == ["done"] * 3
    assert told(at_0=a, at_1=b) == ["done", "done", "to run"]
    assert told(at_0=remembered(backfill, "other"), at_1=b, at_2=c) == ["stale"] * 3, "each rests on those before it"
    assert told(at_0=a, at_1=remembered(backfill, "b", code="older"), at_2=c) == ["done", "stale", "stale"]
    assert told(at_0=a, at_1=remembered(backfill, "", done=False), at_2=c) == ["done", "failed", "stale"]
    assert planned(backfill, at_0=a).seconds == 6.0, "two steps of three seconds, as the one that was measured"


def test_moments_follow_the_weekly_schedule_unless_told_otherwise() -> None:
    now = datetime(2026, 3, 4, 15, tzinfo=UTC)
    assert last_weekly_moment(now) == AS_OF
    assert last_weekly_moment(datetime(2026, 3, 1, 1, 59, tzinfo=UTC)) == AS_OF - WEEK
    chain, moments = span(BackfillRequest(), now)
    assert (len(moments), moments[0], moments[-1]) == (52, AS_OF - 51 * WEEK, AS_OF)
    assert chain == Chain(AS_OF - 51 * WEEK, 7)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    longer, moments = span(BackfillRequest(start=start, end=start + timedelta(days=30), step_days=14), now)
    assert moments == (start, start + 2 * WEEK, start + 4 * WEEK)
    assert longer.id == Chain(start, 14).id != chain.id


def test_a_request_without_a_zone_is_in_utc() -> None:
    assert read({"start": "2026-01-01", "end": "2026-02-01T03:00:00+02:00"}) == BackfillRequest(
        start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 2, 1, 1, tzinfo=UTC)
    )


def test_frames_of_a_step_hold_no_later_row(backfill: Backfill) -> None:
    whole = history.extract_history(backfill)
    as_of = AS_OF - 2 * WEEK
    manifest = history.as_known(whole, backfill.step_run(as_of))
    assert manifest.now == manifest.as_of == as_of
    for name, column in (("leads", "created_at"), ("leads", "converted_at"), ("touches", "outcome_at")):
        newest = lake.scan(manifest, name).select(pl.col(column).max()).collect().item()
        assert newest is None or newest <= as_of
