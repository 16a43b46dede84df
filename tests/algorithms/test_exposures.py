"""One pass over the touches: who was at risk, what came before, what came of it. Beside a loop that cannot be wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from algorithms import exposures, templates
from algorithms.exposures import BLOCKS, EXPOSURES, RESPONSE_DAYS, block_of
from contracts.learning import LearningContext
from simulation.config import WorldConfig
from simulation.world import World, simulate

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
CONTEXT = LearningContext(as_of=AS_OF, code_version="test")
DAY = timedelta(days=1)
TENANT = b"t" * 16


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(WorldConfig(tenants=3, leads=900, early_outcome_share=0.5, base_rate=0.3), seed=3, as_of=AS_OF)


def frames(world: World) -> dict[str, pl.LazyFrame]:
    return {"touches": world.touches.lazy(), "leads": world.leads.lazy(), "tenants": world.tenants.lazy()}


def twin(world: World) -> list[dict[str, Any]]:
    """Lead by lead and touch by touch, in the words of the module."""
    tenants = {row["tenant_id"]: row for row in world.tenants.iter_rows(named=True)}
    touches: dict[tuple[bytes, bytes], list[dict[str, Any]]] = {}
    for row in world.touches.iter_rows(named=True):
        touches.setdefault((row["tenant_id"], row["lead_id"]), []).append(row)
    rows: list[dict[str, Any]] = []
    for lead in sorted(world.leads.iter_rows(named=True), key=lambda row: (row["tenant_id"], row["lead_id"])):
        tenant = tenants[lead["tenant_id"]]
        history = sorted(
            touches.get((lead["tenant_id"], lead["lead_id"]), []), key=lambda r: (r["occurred_at"], r["touch_id"])
        )
        of_lead = [
            made
            for place, touch in enumerate(history)
            if (made := twin_row(lead, tenant, history, place, touch)) is not None
        ]
        for row in of_lead[:-1]:
            row["closed"] = False
        rows += of_lead
    return rows


def twin_row(
    lead: dict[str, Any], tenant: dict[str, Any], history: list[dict[str, Any]], place: int, touch: dict[str, Any]
) -> dict[str, Any] | None:
    at, converted = touch["occurred_at"], lead["converted_at"]
    before = history[place - 1] if place else None
    after = history[place + 1]["occurred_at"] if place + 1 < len(history) else None
    until = min([moment for moment in (after, at + RESPONSE_DAYS * DAY) if moment])
    moments = [converted, touch["outcome_at"] if tenant["early_outcome"] else None]
    outcome = any(moment is not None and at < moment <= until for moment in moments)
    if converted is not None and converted <= at:
        return None
    if at + RESPONSE_DAYS * DAY > AS_OF or block_of(at) <= block_of(AS_OF) - BLOCKS:
        return None
    local = at.astimezone(ZoneInfo(lead["time_zone"])) if lead["time_zone"] else None
    known = lead["created_at"] + tenant["horizon_days"] * DAY <= AS_OF
    return {
        "tenant_id": lead["tenant_id"],
        "step": touch["touch_number"],
        "channel": touch["channel"],
        "previous": before["channel"] if before else "none",
        "gap_days": pytest.approx((at - before["occurred_at"]) / DAY, abs=2e-5) if before else None,
        "outcome": outcome,
        "closed": known and block_of(lead["created_at"]) > block_of(AS_OF) - BLOCKS,
        "block": block_of(at),
        "stratum": touch["score_stratum"],
        "hour_of_week": local.weekday() * 24 + local.hour if local else -1,
        "template_id": touch["template_id"],
    }


def test_one_pass_says_what_a_loop_over_leads_and_touches_says(world: World) -> None:
    made, wanted = exposures.make(frames(world), CONTEXT), twin(world)
    assert made.schema == EXPOSURES
    assert made.height == len(wanted) > 3000
    assert made.select(wanted[0].keys()).to_dicts() == wanted
    assert 0.02 < made["outcome"].mean() < 0.5  # type: ignore[operator]


def test_the_future_changes_nothing(world: World) -> None:
    earlier = LearningContext(as_of=AS_OF - 60 * DAY, code_version="test")
    cut = earlier.as_of
    known = frames(world) | {
        "touches": world.touches.filter(pl.col("occurred_at") <= cut)
        .with_columns(pl.when(pl.col("outcome_at") <= cut).then("outcome_at").alias("outcome_at"))
        .lazy(),
        "leads": world.leads.filter(pl.col("created_at") <= cut)
        .with_columns(pl.when(pl.col("converted_at") <= cut).then("converted_at").alias("converted_at"))
        .lazy(),
    }
    planted = known | {
        "touches": pl.concat([known["touches"], world.touches.filter(pl.col("occurred_at") > cut).lazy()])
    }
    assert exposures.make(planted, earlier).equals(exposures.make(known, earlier))


def test_rows_in_another_order_make_the_same_frame(world: World) -> None:
    shuffled = frames(world) | {
        "touches": world.touches.sample(fraction=1.0, shuffle=True, seed=5).lazy(),
        "leads": world.leads.sample(fraction=1.0, shuffle=True, seed=6).lazy(),
    }
    assert exposures.make(shuffled, CONTEXT).equals(exposures.make(frames(world), CONTEXT))


def one_lead(moments: list[datetime], converted: datetime | None = None) -> dict[str, pl.LazyFrame]:
    """A source that brings required columns only."""
    touches = pl.DataFrame(
        {
            "tenant_id": [TENANT] * len(moments),
            "touch_id": [bytes([number]) * 16 for number in range(len(moments))],
            "lead_id": [b"l" * 16] * len(moments),
            "channel": ["email"] * len(moments),
            "occurred_at": moments,
        },
        schema_overrides={
            "tenant_id": pl.Binary,
            "touch_id": pl.Binary,
            "lead_id": pl.Binary,
            "channel": pl.String,
            "occurred_at": exposures.TIME,
        },
    )
    leads = pl.DataFrame(
        {
            "tenant_id": [TENANT],
            "lead_id": [b"l" * 16],
            "created_at": [AS_OF - 100 * DAY],
            "status": ["contacted"],
            "converted_at": [converted],
        },
        schema_overrides={"created_at": exposures.TIME, "converted_at": exposures.TIME},
    )
    tenants = pl.DataFrame({"tenant_id": [TENANT], "name": ["Ada"], "horizon_days": [30], "shares_priors": [True]})
    return {"touches": touches.lazy(), "leads": leads.lazy(), "tenants": tenants.lazy()}


@pytest.mark.parametrize(
    ("days_ago", "converted_days_ago", "outcomes"),
    [
        ([20, 10], 15, [True]),  # nothing after the conversion was at risk
        ([20, 10], 11, [False]),  # nine days after the first touch, and before the second: nobody's outcome
        ([20, 19], 18, [False, True]),
        ([20, 6], None, [False]),  # the last touch may still bring an outcome
        ([20, 6], 5, [False]),  # it brought one, and others of its day may yet: it counts with them
        ([20, 7], None, [False, False]),
        ([20, 20], None, [False, False]),  # a tie in time, broken by id
    ],
)
def test_outcomes(days_ago: list[int], converted_days_ago: int | None, outcomes: list[bool]) -> None:
    converted = None if converted_days_ago is None else AS_OF - converted_days_ago * DAY
    made = exposures.make(one_lead([AS_OF - days * DAY for days in days_ago], converted), CONTEXT)
    assert made["outcome"].to_list() == outcomes
    assert made["step"].to_list() == list(range(1, len(outcomes) + 1))
    assert made["hour_of_week"].to_list() == [-1] * len(outcomes)
    assert made["stratum"].to_list() == [-1] * len(outcomes)
    assert made["policy"].cast(pl.String).to_list() == [""] * len(outcomes)


def test_no_touches_make_an_empty_frame() -> None:
    assert exposures.make(one_lead([]), CONTEXT).equals(EXPOSURES.to_frame())


def test_blocks_begin_on_mondays_and_never_move() -> None:
    monday = datetime(2026, 9, 7, tzinfo=UTC)
    first = next(monday + 7 * n * DAY for n in range(8) if block_of(monday + 7 * n * DAY) > block_of(monday))
    assert first.weekday() == 0
    assert block_of(first - timedelta(microseconds=1)) == block_of(first) - 1
    assert block_of(first + 55 * DAY) == block_of(first)


def test_a_template_says_what_its_earliest_touch_says(world: World) -> None:
    made = templates.make(frames(world), CONTEXT)
    assert made.schema == templates.TEMPLATES
    first: dict[tuple[bytes, str], dict[str, Any]] = {}
    for row in world.touches.sort("occurred_at").iter_rows(named=True):
        first.setdefault((row["tenant_id"], row["template_id"]), row)
    assert [(row["tenant_id"], row["template_id"]) for row in made.iter_rows(named=True)] == sorted(first)
    for row in made.iter_rows(named=True):
        told = first[row["tenant_id"], row["template_id"]]
        assert row == {name: told.get(name, row["first_sent"]) for name in row}
