"""A tenant's touches from plan to activity, on a real store: limits, log, replay, withdrawal, sending."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import pytest
from sqlalchemy import Engine, text

from contracts.allocation import AllocationRules, Exploration, Withdrawal
from contracts.errors import UserError
from contracts.learning import Evidence, Finding, Ruling, Verdict
from store import book, due_touches, loading, planning, tenants
from store.scope import tenant_scope
from store.tenants import Tenant
from tasks.plan_touches import Planned, beginning, plan_touches, replay, rules_of
from tests.engines.level_patterns import comparison, how_head, when_head

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
"""A Monday morning."""

DAY = timedelta(days=1)
EVERYTHING = AllocationRules(daily_caps={"email": 1000, "sms": 1000, "linkedin": 1000, "voice": 1000})


@pytest.fixture
def tenant(engine: Engine) -> Tenant:
    created = tenants.create(engine, f"Tenant {uuid4()}")
    return tenants.choose(engine, created.id, actor="test", time_zone="Europe/Berlin")


def lead(tenant: Tenant, **values: object) -> dict[str, object]:
    usual = {
        "tenant_id": tenant.id.bytes, "lead_id": uuid4().bytes, "created_at": NOW - 30 * DAY, "status": "new",
        "converted_at": None, "email": "ada@corp.example", "phone": "+49 1", "opted_out": False,
        "time_zone": "Europe/Berlin", "als_score": 50.0, "score_version": "default",
    }  # fmt: skip
    return {**usual, **values}


def touch(tenant: Tenant, lead_id: object, at: datetime, channel: str = "email") -> dict[str, object]:
    return {
        "tenant_id": tenant.id.bytes, "touch_id": uuid4().bytes, "lead_id": lead_id, "channel": channel,
        "occurred_at": at,
    }  # fmt: skip


def load(engine: Engine, leads: list[dict[str, object]], touches: list[dict[str, object]] | None = None) -> None:
    loading.load_leads(engine, pl.DataFrame(leads, infer_schema_length=None))
    if touches:
        loading.load_touches(engine, pl.DataFrame(touches, infer_schema_length=None))


def planned(engine: Engine, tenant: Tenant, rules: AllocationRules = EVERYTHING, **how: Any) -> Planned:
    (made,) = plan_touches(engine, [tenant], rules, **{"now": NOW, **how})
    return made


def rows(engine: Engine, tenant: Tenant, statement: str, **values: object) -> list[Any]:
    with tenant_scope(engine, tenant.id) as connection:
        return list(connection.execute(text(statement), values))


def waiting(engine: Engine, tenant: Tenant) -> list[Any]:
    return rows(engine, tenant, "SELECT * FROM planned_touches WHERE state = 'waiting' ORDER BY scheduled_at, id")


def test_a_plan_is_written_with_a_decision_for_every_touch(engine: Engine, tenant: Tenant) -> None:
    fresh, again = lead(tenant), lead(tenant, als_score=80.0)
    others = [{"opted_out": True}, {"status": "opted_out"}, {"converted_at": NOW - DAY}, {"status": "meeting"},
              {"created_at": NOW + DAY}]  # fmt: skip
    past = [touch(tenant, again["lead_id"], NOW - 9 * DAY), touch(tenant, again["lead_id"], NOW - 5 * DAY, "sms")]
    load(engine, [fresh, again, *(lead(tenant, **each) for each in others)], past)
    made = planned(engine, tenant)
    assert (made.leads, made.touches, made.refused) == (4, 2, {"opted_out": 2})
    assert sum(made.cells.values()) == sum(made.hours.values()) == 2
    assert made.decided_by == {"how": {"no_pattern": 2}, "when": {"no_pattern": 2}}
    found = {row.lead_id.bytes: row for row in waiting(engine, tenant)}
    assert set(found) == {fresh["lead_id"], again["lead_id"]}
    assert found[fresh["lead_id"]].touch_number == 1
    assert found[again["lead_id"]].touch_number == 3
    assert (found[again["lead_id"]].score_at_touch, found[again["lead_id"]].score_stratum) == (80.0, 9)
    assert (found[fresh["lead_id"]].score_stratum, found[fresh["lead_id"]].score_version) == (5, "default")
    for row in found.values():
        (decision,) = rows(engine, tenant, "SELECT * FROM decisions WHERE id = :id", id=row.id)
        assert (decision.lead_id, decision.engine, decision.fallback) == (row.lead_id, "allocator", "no_pattern")
        assert decision.policy_version == row.policy_version == "how0 when0 explore0.1 salt9476a0"
        assert decision.propensity == row.propensity
        assert datetime.fromisoformat(decision.chosen["scheduled_at"]) == row.scheduled_at
        assert decision.feasible["plan"] == str(made.plan)
        assert "default cadence" in decision.reason


def test_caps_hold_over_plans_and_over_what_was_sent(engine: Engine, tenant: Tenant) -> None:
    rules = replace(EVERYTHING, daily_caps={"linkedin": 3}, horizon_days=2)
    stranger = lead(tenant, status="lost")
    load(engine, [lead(tenant) for _ in range(4)] + [stranger],
         [touch(tenant, stranger["lead_id"], NOW - timedelta(minutes=5), "linkedin")])  # fmt: skip
    first = planned(engine, tenant, rules)
    load(engine, [lead(tenant) for _ in range(20)])
    second = planned(engine, tenant, rules)
    cells = Counter(first.cells) + Counter(second.cells)
    assert cells == {("linkedin", date(2026, 3, 2)): 2, ("linkedin", date(2026, 3, 3)): 3}
    assert first.touches == 4
    assert second.refused == {"no_feasible": 19}


def test_planning_again_leaves_planned_leads_alone(engine: Engine, tenant: Tenant) -> None:
    load(engine, [lead(tenant) for _ in range(5)])
    assert planned(engine, tenant).touches == 5
    before = waiting(engine, tenant)
    assert planned(engine, tenant).leads == 0
    assert waiting(engine, tenant) == before


def test_a_dry_run_writes_and_withdraws_nothing(engine: Engine, tenant: Tenant) -> None:
    load(engine, [lead(tenant) for _ in range(3)])
    dry = planned(engine, tenant, dry_run=True)
    assert (dry.touches, dry.plan) == (3, None)
    assert waiting(engine, tenant) == []
    planned(engine, tenant)
    paused = planned(engine, tenant, replace(EVERYTHING, paused=True), dry_run=True)
    assert paused.withdrawn == {Withdrawal.PAUSED: 3}
    assert len(waiting(engine, tenant)) == 3


def test_a_pause_withdraws_what_waits_and_plans_nothing(engine: Engine, tenant: Tenant) -> None:
    load(engine, [lead(tenant) for _ in range(3)])
    planned(engine, tenant)
    made = planned(engine, tenant, replace(EVERYTHING, paused=True))
    assert (made.withdrawn, made.touches, made.refused) == ({Withdrawal.PAUSED: 3}, 0, {"paused": 3})
    assert waiting(engine, tenant) == []
    assert planned(engine, tenant).touches == 3


def publish(engine: Engine, tenant: Tenant) -> None:
    """HOW says sms after e-mail, WHEN says Tuesday at ten."""
    how = how_head(comparison("channels", {"email": 0.1, "sms": 0.3}))
    when = when_head(comparison("hours", {"tue-10": 0.31, "wed-15": 0.2}))
    verdict = Verdict(Ruling.PUBLISH, confidence=0.9)
    for kind, head in (("how", how), ("when", when)):
        finding = Finding(head.payload or {}, Evidence(100, 10), inputs_sha256=kind)
        publication = book.Publication(tenant.id, kind, finding, verdict, NOW + 20 * DAY, "test")
        book.publish(engine, [publication], run_id=uuid4(), as_of=NOW, actor="test")


def test_a_logged_plan_is_replayed_after_everything_has_changed(engine: Engine, tenant: Tenant) -> None:
    """Identical choices and propensities, although leads, heads and rules are others by then."""
    publish(engine, tenant)
    leads = [lead(tenant, als_score=float(score), time_zone=zone) for score in range(40)
             for zone in ("Europe/Berlin", "America/New_York", None)]  # fmt: skip
    load(engine, leads, [touch(tenant, each["lead_id"], NOW - 4.3 * DAY) for each in leads[:60]])
    rules = AllocationRules(daily_caps={"email": 9, "sms": 7, "linkedin": 5}, exploration=Exploration(share=0.3))
    made = planned(engine, tenant, rules)
    assert set(made.decided_by["how"]) == {"version 1", "not_claimed"}  # linkedin, when the others were full
    assert made.refused["no_feasible"] > 10
    load(engine, [{**each, "als_score": 99.0, "time_zone": "Asia/Tokyo"} for each in leads])
    book.rollback(engine, tenant.id, "how", actor="test", reason="test")
    again = replay(engine, tenant)
    assert (again.plan, again.touches, again.different) == (made.plan, made.touches, ())


def test_a_replay_notices_a_log_that_was_changed(engine: Engine, tenant: Tenant) -> None:
    load(engine, [lead(tenant) for _ in range(4)])
    planned(engine, tenant)
    record, logged = planning.read_plan(engine, tenant.id)
    plan_id = uuid4()
    with planning.planning(engine, tenant.id) as connection:
        connection.execute(text("UPDATE planned_touches SET state = 'withdrawn'"))
        touches = planning.candidates(connection, NOW).with_columns(
            channel=pl.lit("email"), scheduled_at=pl.lit(NOW + DAY), touch_number=1, propensity=0.5, hour_of_week=34,
            channel_propensity=1.0, gap_propensity=1.0, hour_propensity=0.5, explored=False, gap=pl.lit(""), turn=1,
            when_fallback=pl.lit(""), how_fallback=pl.lit(""), earliest=pl.lit(NOW), zone=pl.lit("Europe/Berlin"),
            reach=pl.lit(1), closings=pl.lit(0), because=pl.lit("forged"),
        )  # fmt: skip
        planning.record(connection, tenant.id, replace(record, id=plan_id), touches)
    assert len(logged) == 4
    assert len(replay(engine, tenant, plan_id).different) == 4
    assert replay(engine, tenant, record.id).different == ()


def test_a_plan_that_there_is_not(engine: Engine, tenant: Tenant) -> None:
    with pytest.raises(UserError, match="there is no such plan of this tenant"):
        replay(engine, tenant)


def test_a_sent_touch_carries_all_that_its_decision_logged(engine: Engine, tenant: Tenant) -> None:
    load(engine, [lead(tenant, als_score=80.0)])
    planned(engine, tenant)
    (plan,) = waiting(engine, tenant)
    assert due_touches.take_due(engine, tenant.id, plan.scheduled_at - timedelta(seconds=1)) == []
    (due,) = due_touches.take_due(engine, tenant.id, plan.scheduled_at)
    assert (due.id, due.lead_id, due.channel) == (plan.id, plan.lead_id, plan.channel)
    assert due_touches.take_due(engine, tenant.id, plan.scheduled_at) == []
    sent_at = plan.scheduled_at + timedelta(minutes=7)
    content = {"template_id": "t1", "cta": "book", "has_question": True, "content_snapshot": {"subject": "Hello"}}
    assert due_touches.record_sent(engine, tenant.id, due.id, sent_at, content)
    assert not due_touches.record_sent(engine, tenant.id, due.id, sent_at, content)
    (row,) = rows(engine, tenant, "SELECT * FROM activities")
    for name in ("lead_id", "channel", "scheduled_at", "touch_number", "policy_version", "propensity",
                 "score_at_touch", "score_stratum", "score_version"):  # fmt: skip
        assert getattr(row, name) == getattr(plan, name), name
    assert (row.id, row.decision_id, row.occurred_at) == (plan.id, plan.id, sent_at)
    assert (row.template_id, row.cta, row.has_question) == ("t1", "book", True)
    assert row.content_snapshot == {"subject": "Hello"}
    with pytest.raises(TypeError, match="has no subject to record"):
        due_touches.record_sent(engine, tenant.id, due.id, sent_at, {"subject": "Hello"})


def test_without_exploration_no_activity_claims_to_have_been_drawn(engine: Engine, tenant: Tenant) -> None:
    """Learners read a propensity as randomisation; the decision keeps that the channel was certain."""
    load(engine, [lead(tenant)])
    planned(engine, tenant, replace(EVERYTHING, exploration=None))
    (plan,) = waiting(engine, tenant)
    (decision,) = rows(engine, tenant, "SELECT * FROM decisions")
    assert plan.propensity is None
    assert (decision.chosen["channel_propensity"], decision.policy_version) == (1.0, "how0 when0 greedy")
    assert decision.propensity == decision.chosen["hour_propensity"] < 1.0


def test_a_touch_that_did_not_leave_waits_again(engine: Engine, tenant: Tenant) -> None:
    load(engine, [lead(tenant)])
    planned(engine, tenant)
    (plan,) = waiting(engine, tenant)
    (due,) = due_touches.take_due(engine, tenant.id, plan.scheduled_at)
    due_touches.give_back(engine, tenant.id, due.id)
    assert due_touches.take_due(engine, tenant.id, plan.scheduled_at) == [due]


@pytest.mark.parametrize(
    ("change", "later", "because"),
    [
        ({"opted_out": True}, timedelta(0), Withdrawal.OPTED_OUT),
        ({"converted_at": NOW}, timedelta(0), Withdrawal.CLOSED),
        ({"status": "replied"}, timedelta(0), Withdrawal.CLOSED),
        ({}, timedelta(hours=1), Withdrawal.MISSED),
    ],
)
def test_what_must_not_be_sent_any_more_is_withdrawn(
    engine: Engine, tenant: Tenant, change: dict[str, object], later: timedelta, because: Withdrawal
) -> None:
    someone = lead(tenant)
    load(engine, [someone])
    planned(engine, tenant)
    (plan,) = waiting(engine, tenant)
    load(engine, [{**someone, **change}])
    assert due_touches.take_due(engine, tenant.id, plan.scheduled_at + later) == []
    assert [(row.state, row.settled_because) for row in rows(engine, tenant, "SELECT * FROM planned_touches")] == [
        ("withdrawn", because)
    ]


def test_two_senders_never_take_the_same(engine: Engine, tenant: Tenant) -> None:
    load(engine, [lead(tenant) for _ in range(6)])
    planned(engine, tenant, replace(EVERYTHING, hours=(34,)))
    (at,) = {row.scheduled_at for row in waiting(engine, tenant)}
    taken = [due_touches.take_due(engine, tenant.id, at, limit=4) for _ in range(3)]
    assert [len(each) for each in taken] == [4, 2, 0]
    assert len({touch.id for each in taken for touch in each}) == 6


def test_tenants_do_not_see_each_others_plans(engine: Engine, tenant: Tenant) -> None:
    other = tenants.create(engine, f"Tenant {uuid4()}")
    load(engine, [lead(tenant), lead(other)])
    made = {each.tenant: each for each in plan_touches(engine, [tenant, other], EVERYTHING, now=NOW)}
    assert [made[each.name].touches for each in (tenant, other)] == [1, 1]
    assert [len(waiting(engine, each)) for each in (tenant, other)] == [1, 1]
    assert due_touches.take_due(engine, other.id, NOW + 20 * DAY) == []
    assert [row.state for row in rows(engine, tenant, "SELECT state FROM planned_touches")] == ["waiting"]


def test_a_day_begins_at_the_tenants_midnight(tenant: Tenant) -> None:
    assert beginning(tenant, date(2026, 3, 2)) == datetime(2026, 3, 1, 23, tzinfo=UTC)


def test_rules_come_from_a_file_or_are_the_defaults(tmp_path: Path) -> None:
    assert rules_of(None) == AllocationRules()
    (tmp_path / "rules.toml").write_text("max_touches = 3")
    assert rules_of(tmp_path / "rules.toml").max_touches == 3
    (tmp_path / "broken.toml").write_text("max_touches: 3")
    with pytest.raises(UserError, match=r"broken\.toml is no TOML: .*line 1"):
        rules_of(tmp_path / "broken.toml")
    with pytest.raises(UserError, match=r"there are no rules at .*missing\.toml"):
        rules_of(tmp_path / "missing.toml")


def test_the_store_reads_what_the_allocator_wants() -> None:
    from engines.allocator_frame import TO_PLAN

    assert dict(planning.CANDIDATES.items()) | dict(TO_PLAN.items()) == dict(planning.CANDIDATES.items())
    first, other = (planning.touch_id(UUID(int=number), UUID(int=7).bytes) for number in (1, 2))
    assert first == planning.touch_id(UUID(int=1), UUID(int=7).bytes) != other
