"""What does not change until a moment counts alike at every moment before it; at the moment itself, it may not."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from algorithms import registry
from algorithms.exposures import BLOCK_DAYS, FIRST_MONDAY
from algorithms.stability import NEVER, stable_until
from contracts import periods
from contracts.learning import LearningContext
from contracts.outcomes import CHANNELS, COMPONENTS, EXTRACTS

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = {"uuid": pl.Binary(), "text": pl.String(), "int": pl.Int64(), "float": pl.Float64(), "bool": pl.Boolean()}


def frame(extract: str, rows: Sequence[Mapping[str, object]]) -> pl.LazyFrame:
    schema = {c.name: KINDS.get(c.kind, pl.Datetime("us", "UTC")) for c in EXTRACTS[extract].columns}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema).lazy()


def world(seed: int) -> dict[str, pl.LazyFrame]:
    draw = random.Random(seed)
    tenants = [{"tenant_id": bytes([n]) * 16, "name": str(n), "horizon_days": 10 * n, "shares_priors": True,
                "early_outcome": "reply" if n == 1 else None} for n in (1, 3)]  # fmt: skip
    leads, touches = [], []
    for number in range(12):
        created = NOW - timedelta(days=draw.uniform(-3, 500))
        tenant, lead = draw.choice(tenants)["tenant_id"], bytes([number]) * 16
        won = draw.choice((None, created + draw.uniform(0, 40) * DAY))
        leads.append({"tenant_id": tenant, "lead_id": lead, "created_at": created, "converted_at": won,
                      "status": "new", "title": "owner", "scored_at": created + draw.choice((0, 9)) * DAY,
                      **dict.fromkeys(COMPONENTS, 0.5)})  # fmt: skip
        for place in range(draw.randint(0, 4)):
            at = created + draw.uniform(0, 60) * DAY
            touches.append({"tenant_id": tenant, "lead_id": lead, "touch_id": bytes([number, place]) * 8,
                            "channel": draw.choice(CHANNELS), "occurred_at": at, "template_id": "t",
                            "outcome_at": draw.choice((None, at + draw.uniform(0, 9) * DAY))})  # fmt: skip
    named = {"tenants": frame("tenants", tenants), "leads": frame("leads", leads), "touches": frame("touches", touches)}
    return named | {"message_tests": frame("message_tests", [])}


def counted(extracts: dict[str, pl.LazyFrame], as_of: datetime) -> dict[str, pl.DataFrame]:
    context = LearningContext(as_of, "x")
    frames = {**extracts, **{d.name: d.make(extracts, context).lazy() for d in registry.DERIVED}}
    return {
        one.name: one.summarise({name: frames[name] for name in (*one.reads, "tenants")}, context)
        for one in registry.LEARNERS
    }


@pytest.mark.parametrize("seed", range(6))
def test_summaries_stay_the_same_until_then(seed: int) -> None:
    extracts = world(seed)
    as_of = NOW
    for _ in range(3):
        until = stable_until(extracts["leads"], extracts["touches"], extracts["tenants"], as_of)
        assert until > as_of
        if until == NEVER:
            break
        before = counted(extracts, as_of)
        last = counted(extracts, until - timedelta(microseconds=1))
        assert all(before[name].equals(last[name]) for name in before)
        as_of = until


def test_every_thing_that_is_waited_for_is_named() -> None:
    lead = {"tenant_id": b"a", "created_at": NOW - 5 * DAY}
    tenants = frame("tenants", [{"tenant_id": b"a", "horizon_days": 30}])
    none = frame("touches", [])

    def until(touch: dict[str, object] | None = None, **more: object) -> datetime:
        touches = frame("touches", [touch]) if touch else none
        return stable_until(frame("leads", [lead | more]), touches, tenants, NOW)

    assert until() == NOW + 25 * DAY
    assert until(converted_at=NOW + DAY) == NOW + DAY
    assert until(scored_at=NOW + 2 * DAY) == NOW + 2 * DAY
    assert until({"occurred_at": NOW - 3 * DAY}) == NOW + 4 * DAY
    assert until({"occurred_at": NOW - 3 * DAY, "outcome_at": NOW + DAY}) == NOW + DAY
    assert until({"occurred_at": NOW + DAY}) == NOW + DAY


def test_what_is_old_waits_for_its_block_to_leave_and_then_for_nothing() -> None:
    tenants = frame("tenants", [{"tenant_id": b"a", "horizon_days": 30}])
    leads = frame("leads", [{"tenant_id": b"a", "created_at": NOW - 100 * DAY}])
    leaves = stable_until(leads, frame("touches", []), tenants, NOW)
    assert (leaves - FIRST_MONDAY).days % BLOCK_DAYS == 0
    assert stable_until(leads, frame("touches", []), tenants, leaves) == NEVER


def test_two_periods_are_a_block() -> None:
    assert (periods.FIRST_MONDAY, 2 * periods.PERIOD_DAYS) == (FIRST_MONDAY, BLOCK_DAYS)
    assert periods.period_of(NOW) == "2026-02-16"
