"""Whole frames in: what is in the store is what was in the frame; twice is once; all or nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import polars as pl
import pytest
from sqlalchemy import Engine, Row, text

from contracts.errors import UnknownTenantError, UserError
from contracts.outcomes import COMPONENTS, CONTENT_FEATURES
from store import loading, scoring, tenants
from store.scope import learner_scope, tenant_scope

START = datetime(2026, 3, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
TENANTS = 9
LEADS, TOUCHES = 90, 300

AWKWARD = ["", "\\N", 'a "quoted", comma', "line\nbreak", "ünïcode 🙂", None]


@pytest.fixture
def tenant_ids(engine: Engine) -> list[bytes]:
    """Fresh tenants, loaded from a frame."""
    ids = [uuid4().bytes for _ in range(TENANTS)]
    frame = pl.DataFrame(
        {
            "tenant_id": ids,
            "name": [f"loaded {UUID(bytes=each)}" for each in ids],
            "horizon_days": [None, *range(31, 30 + TENANTS)],
            "shares_priors": [each % 2 == 0 for each in range(TENANTS)],
        }
    )
    assert loading.load_tenants(engine, frame) == TENANTS
    assert loading.load_tenants(engine, frame) == 0
    return ids


def leads(tenant_ids: list[bytes]) -> pl.DataFrame:
    moments = [START + timedelta(hours=n, microseconds=n) for n in range(LEADS)]
    floats = [None if n % 7 == 0 else n / 97 for n in range(LEADS)]
    return pl.DataFrame(
        {
            "tenant_id": [tenant_ids[n % TENANTS] for n in range(LEADS)],
            "lead_id": [uuid4().bytes for _ in range(LEADS)],
            "created_at": moments,
            "status": ["converted" if n % 10 == 0 else "contacted" for n in range(LEADS)],
            "converted_at": [moments[n] + timedelta(days=20) if n % 10 == 0 else None for n in range(LEADS)],
            "scored_at": [None if n % 3 == 0 else moments[n] for n in range(LEADS)],
            **dict.fromkeys(COMPONENTS, floats),
            "title": [AWKWARD[n % len(AWKWARD)] for n in range(LEADS)],
            "employee_count": [None if n % 4 == 0 else n for n in range(LEADS)],
            "opted_out": [None if n % 5 == 0 else n % 2 == 0 for n in range(LEADS)],
        },
        schema_overrides={"created_at": TIME, "converted_at": TIME, "scored_at": TIME},
    )


def touches(leads: pl.DataFrame) -> pl.DataFrame:
    picked = [leads.row(n % LEADS, named=True) for n in range(TOUCHES)]
    moments = [lead["created_at"] + timedelta(days=n // LEADS, hours=1) for n, lead in enumerate(picked)]
    flags = [[None, True, False][n % 3] for n in range(TOUCHES)]
    words = [AWKWARD[n % len(AWKWARD)] for n in range(TOUCHES)]
    features = {name: flags if name in CONTENT_FEATURES[5:] else words for name in CONTENT_FEATURES}
    return pl.DataFrame(
        {
            "tenant_id": [lead["tenant_id"] for lead in picked],
            "touch_id": [uuid4().bytes for _ in range(TOUCHES)],
            "lead_id": [lead["lead_id"] for lead in picked],
            "channel": ["email"] * TOUCHES,
            "occurred_at": moments,
            "scheduled_at": [None if n % 2 else moment for n, moment in enumerate(moments)],
            "score_at_touch": [n / 7 for n in range(TOUCHES)],
            "score_stratum": [n % 10 for n in range(TOUCHES)],
            **features,
            "content_snapshot": [json.dumps({"text": words[n], "n": n / 3}) for n in range(TOUCHES)],
        },
        schema_overrides={"occurred_at": TIME, "scheduled_at": TIME},
    )


def held(engine: Engine, table: str, frame: pl.DataFrame, columns: list[str]) -> list[tuple[object, ...]]:
    """The rows of the frame's tenants as the store holds them, uuids as bytes."""
    wanted = {"tenants": [UUID(bytes=each) for each in frame["tenant_id"].unique()]}
    query = text(f"SELECT {', '.join(columns)} FROM {table} WHERE tenant_id = ANY (:tenants)")
    with learner_scope(engine) as connection:
        return sorted((plain(row) for row in connection.execute(query, wanted)), key=repr)


def plain(row: Row[tuple[object, ...]]) -> tuple[object, ...]:
    return tuple(value.bytes if isinstance(value, UUID) else value for value in row)


def test_tenants_take_defaults_for_what_is_missing(engine: Engine, tenant_ids: list[bytes]) -> None:
    first, second = (tenants.resolve(engine, str(UUID(bytes=each))) for each in tenant_ids[:2])
    assert (first.horizon_days, first.shares_priors) == (30, True)
    assert (second.horizon_days, second.shares_priors) == (31, False)


def test_loaded_leads_are_the_frame(engine: Engine, tenant_ids: list[bytes]) -> None:
    frame = leads(tenant_ids)
    assert loading.load_leads(engine, frame) == LEADS
    columns = [name for name in frame.columns if name not in ("lead_id", "scored_at", "opted_out")]
    expected = frame.select(*columns, "lead_id", "scored_at", pl.col("opted_out").fill_null(False))
    assert held(engine, "leads", frame, [*columns, "id", "components_at", "opted_out"]) == sorted(
        expected.rows(), key=repr
    )
    with learner_scope(engine) as connection:
        id_, components = connection.execute(
            text("SELECT id, als_components FROM leads WHERE tenant_id = :t AND als_components IS NOT NULL LIMIT 1"),
            {"t": UUID(bytes=tenant_ids[1])},
        ).one()
    row = frame.filter(pl.col("lead_id") == id_.bytes).row(0, named=True)
    assert components == {name: row[name] for name in COMPONENTS}


def test_loaded_touches_are_the_frame(engine: Engine, tenant_ids: list[bytes]) -> None:
    people = leads(tenant_ids)
    frame = touches(people)
    loading.load_leads(engine, people)
    assert loading.load_touches(engine, frame) == TOUCHES
    columns = [name for name in frame.columns if name not in ("touch_id", "content_snapshot")]
    expected = [
        (*row[:-1], json.loads(str(row[-1]))) for row in frame.select(*columns, "touch_id", "content_snapshot").rows()
    ]
    found = held(engine, "activities", frame, [*columns, "id", "content_snapshot"])
    assert found == sorted(expected, key=repr)


def test_leads_that_came_in_converted_get_their_touch_marked(engine: Engine, tenant_ids: list[bytes]) -> None:
    people = leads(tenant_ids)
    frame = touches(people)
    loading.load_leads(engine, people)
    loading.load_touches(engine, frame)
    expected = (
        frame.join(people.select("lead_id", "converted_at"), on="lead_id")
        .filter(pl.col("occurred_at") <= pl.col("converted_at"))
        .sort("occurred_at", "touch_id")
        .group_by("lead_id")
        .agg(pl.col("touch_id").last())
    )
    query = text("SELECT id FROM activities WHERE led_to_booking AND tenant_id = ANY (:t)")
    with learner_scope(engine) as connection:
        found = {each.bytes for each in connection.scalars(query, {"t": [UUID(bytes=each) for each in tenant_ids]})}
    assert found == set(expected["touch_id"])
    assert len(found) == LEADS // 10


def test_loading_again_changes_nothing_and_changes_are_taken(engine: Engine, tenant_ids: list[bytes]) -> None:
    people = leads(tenant_ids)
    frame = touches(people)
    loading.load_leads(engine, people)
    loading.load_touches(engine, frame)
    marks = held(engine, "activities", frame, ["id", "led_to_booking", "row_xid::text"])
    assert loading.load_leads(engine, people) == 0
    assert loading.load_touches(engine, frame) == 0
    assert held(engine, "activities", frame, ["id", "led_to_booking", "row_xid::text"]) == marks
    third = people.with_columns(
        status=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("lost")).otherwise("status")
    )
    assert loading.load_leads(engine, third) == LEADS // 3
    assert [row[0] for row in held(engine, "leads", third, ["status"])].count("lost") == LEADS // 3


def test_a_frame_with_a_fault_leaves_nothing_behind(engine: Engine, tenant_ids: list[bytes]) -> None:
    people = leads(tenant_ids)
    last, new = people.tail(1), pl.lit(uuid4().bytes)
    for frame, error, sentence in (
        (pl.concat([people, last]), UserError, "2 rows for leads share their id with another"),
        (
            pl.concat([people, last.with_columns(lead_id=new, status=None)]),
            UserError,
            "have no status",
        ),
        (
            pl.concat([people, last.with_columns(tenant_id=new)]),
            UnknownTenantError,
            "tenants that the store does not hold",
        ),
        (people.with_columns(shoe_size=pl.lit(42)), ValueError, "leads has no column shoe_size"),
    ):
        with pytest.raises(error, match=sentence):
            loading.load_leads(engine, frame)
        assert held(engine, "leads", people, ["id"]) == []


def test_scores_are_written_to_their_tenant_and_only_where_they_differ(engine: Engine, tenant_ids: list[bytes]) -> None:
    people = leads(tenant_ids)
    loading.load_leads(engine, people)
    mine = UUID(bytes=tenant_ids[1])
    components = scoring.read_leads(engine, mine).select("tenant_id", "lead_id", *COMPONENTS)
    expected = people.filter(pl.col("tenant_id") == mine.bytes).select("tenant_id", "lead_id", *COMPONENTS)
    assert components.sort("lead_id").equals(expected.sort("lead_id"))
    scored = components.select("lead_id", score=pl.int_range(pl.len()) / 3, tier=pl.lit("warm"))
    weights = (0.1, 0.2, 0.3, 0.2, 0.2)
    everyone = pl.concat([scored, people.filter(pl.col("tenant_id") == tenant_ids[0]).select("lead_id").with_columns(
        score=pl.lit(99.0), tier=pl.lit("hot"))])  # fmt: skip
    write = {"weights": weights, "version": 3, "scored_at": START}
    assert scoring.write_scores(engine, mine, everyone, **write) == components.height
    assert scoring.write_scores(engine, mine, everyone, **{**write, "scored_at": START + timedelta(days=1)}) == 0
    assert scoring.write_scores(engine, mine, everyone, **{**write, "version": 4}) == components.height
    with tenant_scope(engine, mine) as connection:
        row = connection.execute(text("SELECT * FROM leads WHERE als_tier = 'warm' ORDER BY als_score LIMIT 1")).one()
    assert (row.als_score, row.score_version, row.scored_at) == (0.0, "who:4", START)
    assert row.als_weights_used == dict(zip(COMPONENTS, weights, strict=True))
    with tenant_scope(engine, UUID(bytes=tenant_ids[0])) as connection:
        assert connection.scalar(text("SELECT count(als_score) FROM leads")) == 0
