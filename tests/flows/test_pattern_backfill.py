"""A backfill end to end: steps that see only their own past, a history of its own, and nothing done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from adapters.prefect_environment import APPLIED
from cli import backfilling
from contracts.backfill import Plan, SliceState
from contracts.errors import UserError
from contracts.runs import State
from flows.pattern_backfill import pattern_backfill
from reports.walk_forward import WalkReport
from store import book, ledger, loading
from store.scope import batch_scope, learner_scope
from tasks.backfilling.opening import FLOW
from tests.flows.conftest import AS_OF, Agency

STEPS = 3
START = AS_OF - timedelta(days=7 * (STEPS - 1))
MOMENTS = [START + timedelta(days=7 * place) for place in range(STEPS)]

TWO = ["who", "how"]
"""One learner of leads and one of touches; all four are walked in tests/tasks/test_backfill_steps.py."""

Backfill = Callable[..., WalkReport]


@pytest.fixture
def backfill(agency: Agency) -> Backfill:
    """Run the flow as a user would; of the last three weeks of the easy world, unless told otherwise."""

    def run(**asked: Any) -> WalkReport:
        return backfilling.run_flow({"start": START, "end": AS_OF, **asked})

    return run


def plan(**asked: Any) -> Plan:
    return backfilling.plan({"start": START, "end": AS_OF, **asked})


def states(drawn: Plan) -> dict[str, int]:
    return {state.value: drawn.count(state) for state in SliceState if drawn.count(state)}


def written(agency: Agency) -> dict[tuple[object, ...], dict[str, Any]]:
    """Every step as the store holds it, without what says when and by which run it was written."""
    with learner_scope(agency.engine) as connection:
        rows = connection.execute(text("SELECT * FROM backfill_steps")).mappings()
        told = [{key: value for key, value in row.items() if key not in TRANSIENT} for row in rows]
    return {(row["tenant_id"], row["pattern_type"], row["as_of"]): row for row in told}


TRANSIENT = {"run_id", "finished_at", "seconds"}


def live(agency: Agency) -> list[tuple[str, str, int, datetime | None]]:
    return [(head.tenant, head.pattern_type, head.version, head.valid_until) for head in book.list_heads(agency.engine)]


def test_a_backfill_writes_history_and_moves_no_live_head(agency: Agency, backfill: Backfill) -> None:
    agency.learn(as_of=START - timedelta(days=7), tenants=tuple(agency.of_kind("planted")))
    before = live(agency)
    assert before, "there are live heads that a backfill could move"
    assert states(plan(learners=TWO)) == {"to run": 2 * STEPS}
    report = backfill(learners=TWO)

    assert live(agency) == before
    assert report.ran == report.slices == 2 * STEPS
    assert {step.as_of for step in report.walked} == set(MOMENTS)
    assert len(report.walked) == 2 * STEPS * 4
    of_planted = [s for s in report.walked if s.learner == "who" and s.tenant in agency.of_kind("planted")]
    assert {step.tenant for step in of_planted if step.ruling == "publish"} == set(agency.of_kind("planted"))
    first = [step for step in report.walked if step.as_of == START]
    assert all(step.version == (step.ruling == "publish") and step.later is None for step in first), (
        "the chain starts at the defaults"
    )
    assert {step.version for step in report.walked if step.tenant in agency.of_kind("no_signal")} == {0}
    met = [step for step in of_planted if step.later]
    assert met
    assert all(step.later and step.later.ranked for step in met)
    page = report.html
    assert page is not None
    assert agency.of_kind("planted")[0].replace("&", "&amp;") in page.read_text()
    last = ledger.latest_run(agency.engine, FLOW)
    assert last is not None
    assert (last.state, last.as_of) == (State.DONE, AS_OF)
    assert not list((agency.settings.root).glob("lake-backfill/*/*")), "its lake goes when it ends"

    again = backfill(learners=TWO)
    assert (again.ran, len(again.walked)) == (0, len(report.walked))
    assert again.walked == report.walked
    assert states(plan(learners=TWO)) == {"done": 2 * STEPS}
    longer = plan(end=AS_OF + timedelta(days=7), learners=TWO)
    assert states(longer) == {"done": 2 * STEPS, "to run": 2}, "a later end continues the chain"


def test_each_step_sees_only_what_was_known_then(agency: Agency, backfill: Backfill, later: pl.DataFrame) -> None:
    backfill(learners=TWO)
    before = written(agency)
    loading.load_leads(agency.engine, later)
    assert states(plan(learners=TWO)) == {"done": 2 * STEPS}, "what came after the last step changes nothing"

    late = MOMENTS[1] - timedelta(days=1)  # after the first step, and before the second
    planted = later.with_columns(
        lead_id=pl.col("lead_id").bin.slice(0, 12) + pl.lit(b"then"),
        created_at=pl.lit(late),
        converted_at=pl.lit(late + timedelta(hours=1)),
        components_at=pl.lit(late),
    )
    loading.load_leads(agency.engine, planted)
    touched = plan(learners=TWO)
    assert states(touched) == {"done": 2, "stale": 4}
    report = backfill(learners=TWO)
    assert report.ran == 4
    after = written(agency)
    early = {key for key in before if key[2] < late}  # type: ignore[operator]
    assert {key: after[key] for key in early} == {key: before[key] for key in early}
    assert len(early) == 2 * 4
    assert any(after[key]["input_hash"] != before[key]["input_hash"] for key in before if key not in early)


def test_killed_and_started_again_it_ends_as_if_nothing_had_happened(agency: Agency, backfill: Backfill) -> None:
    command = ["backfill", "--from", f"{START:%Y-%m-%dT%H:%M}", "--to", f"{AS_OF:%Y-%m-%dT%H:%M}"]
    on_our_server = {name: value for name, value in os.environ.items() if name != APPLIED}  # else it starts its own
    killed = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *command, "--learner", "who"],
        env=on_our_server, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        limit = time.monotonic() + 240
        while not written(agency) and time.monotonic() < limit and killed.poll() is None:
            time.sleep(0.05)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        said = killed.communicate()[1]
    left = written(agency)
    assert left, said.decode()
    drawn = plan(learners=["who"])
    assert drawn.count(SliceState.DONE) == len(left) // 4
    report = backfill(learners=["who"])
    assert report.ran == STEPS - len(left) // 4
    resumed = written(agency)
    with batch_scope(agency.engine) as batch:  # as if another version had written it, so that all of it runs again
        forget = "UPDATE backfill_steps SET code_version = 'older', payload = '{}' WHERE tenant_id = %(tenant)s"
        batch.each_tenant(forget, ((tenant, {}) for tenant in {key[0] for key in resumed}))  # type: ignore[misc]
    assert backfill(learners=["who"]).ran == STEPS
    undisturbed = written(agency)
    assert set(undisturbed) == set(resumed)
    unlike = [
        (key, column, value, resumed[key][column])
        for key, row in undisturbed.items()
        for column, value in row.items()
        if value != resumed[key][column]
    ]
    assert unlike == []


def test_the_last_step_is_published_where_that_was_asked_for(agency: Agency, backfill: Backfill) -> None:
    agency.learn(as_of=START - timedelta(days=7), tenants=(agency.of_kind("planted")[0],))
    name = agency.of_kind("planted")[1]
    before = {head[:2]: head for head in live(agency)}
    report = backfill(start=AS_OF, learners=["who"], tenants=[name], publish_last=True)
    assert report.published == {"who": {name: 1}}
    after = {head[:2]: head for head in live(agency)}
    assert set(after) - set(before) == {(name, "who")}
    assert {key: after[key] for key in before} == before
    assert after[name, "who"][3] == AS_OF + timedelta(days=28)


def test_a_dry_run_reports_and_writes_nothing(agency: Agency, backfill: Backfill) -> None:
    report = backfill(start=AS_OF - timedelta(days=7), learners=["who"], dry_run=True)
    assert written(agency) == {}
    assert {step.ruling for step in report.walked if step.tenant in agency.of_kind("planted")} >= {"publish"}
    assert any(step.later for step in report.walked)
    assert live(agency) == []


WRONG = [
    ({"tenants": ["nobody"]}, "there is no tenant `nobody`"),
    (
        {"start": "2026-03-01T02:00", "end": "2026-02-01"},
        "From is 2026-03-01 02:00 UTC, and it must not be later than To (2026-02-01 00:00 UTC).",
    ),
    ({"end": "2999-01-01"}, "Outcomes of the future are unknown."),
    (
        {"start": "2018-03-01", "end": "2026-03-01", "step_days": 1},
        "there are 2,923 steps of 1 days, and at most 1,000 are possible.",
    ),
    ({"start": "nope"}, "this backfill cannot be started: From is 'nope', and a date such as 2026-03-01 is wanted."),
    ({"step_days": 0}, "Step is 0 (input should be greater than or equal to 1). Correct it and start it again."),
    ({"weeks": 3}, "`weeks` is 3 (extra inputs are not permitted)."),
    ({"learners": ["whom"]}, "Learners is 'whom' (input should be 'who', 'what', 'when' or 'how')."),
]


def test_what_the_form_cannot_check_the_flow_answers_in_one_sentence(agency: Agency) -> None:
    """Prefect's server takes any text for a date: the run ends as failed, with the sentence as its message."""
    for given, said in WRONG:
        state = pattern_backfill(given, return_state=True)
        assert state.is_failed()
        assert said in (state.message or "")
    with pytest.raises(UserError, match="there is no tenant `nobody`"):
        backfilling.run_flow({"tenants": ["nobody"]})
