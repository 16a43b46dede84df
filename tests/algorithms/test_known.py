"""What was known at an earlier moment, and fingerprints that tell whether any of it has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import numpy as np
import polars as pl
import pytest

from algorithms.known import fingerprints, known_at
from contracts.outcomes import COMPONENTS, EXTRACTS
from store.lake import arrow_schema

BEGAN = datetime(2026, 1, 4, 2, tzinfo=UTC)
MOMENTS = [BEGAN + timedelta(days=7 * week) for week in range(6)]
TENANTS = [UUID(int=1).bytes, UUID(int=2).bytes]

Frames = dict[str, pl.DataFrame]


def fitted(name: str, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Rows with all columns of an extract; those that are not given are null."""
    schema = pl.DataFrame(pl.from_arrow(arrow_schema(EXTRACTS[name]).empty_table())).schema
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)


@pytest.fixture
def extracts() -> Frames:
    """Two tenants whose leads come, convert, are scored and touched on all days of six weeks, at times that tie."""
    generator = np.random.default_rng(5)

    def at(days: float = 40.0) -> datetime:
        return BEGAN - timedelta(days=3) + timedelta(hours=int(generator.integers(0, int(24 * days))))

    leads, touches = [], []
    for number in range(200):
        created = at()
        converted = created + timedelta(hours=int(generator.integers(1, 600))) if generator.random() < 0.4 else None
        leads.append(
            {
                "tenant_id": TENANTS[number % 2],
                "lead_id": UUID(int=number).bytes,
                "created_at": created if number else None,
                "status": "converted" if converted else "replied",
                "converted_at": converted,
                "scored_at": at() if number % 3 else None,
                "title": "cfo",
                **dict.fromkeys(COMPONENTS, 0.25),
            }
        )
        for place in range(int(generator.integers(0, 4))):
            touched = created + timedelta(hours=int(generator.integers(0, 300)))
            touches.append(
                {
                    "tenant_id": TENANTS[number % 2],
                    "touch_id": UUID(int=1000 + 4 * number + place).bytes,
                    "lead_id": UUID(int=number).bytes,
                    "channel": "email",
                    "occurred_at": touched,
                    "outcome_at": touched + timedelta(hours=30) if generator.random() < 0.3 else None,
                    "led_to_booking": bool(converted and place == 0),
                }
            )
    tests = [
        {
            "tenant_id": TENANTS[0],
            "test": "t",
            "text": str(n),
            "shown": 9,
            "converted": n,
            "tested_at": at() if n else None,
        }
        for n in range(9)
    ]
    tenants = [{"tenant_id": t, "name": str(t[-1]), "horizon_days": 30, "shares_priors": True} for t in TENANTS]
    return {
        "tenants": fitted("tenants", tenants),
        "leads": fitted("leads", leads),
        "touches": fitted("touches", touches),
        "message_tests": fitted("message_tests", tests),
    }


def lazy(frames: Frames) -> dict[str, pl.LazyFrame]:
    return {name: frame.lazy() for name, frame in frames.items()}


def known(frames: Frames, as_of: datetime) -> Frames:
    return {name: frame.collect() for name, frame in known_at(lazy(frames), as_of).items()}


def test_rows_are_those_that_a_slow_look_finds(extracts: Frames) -> None:
    """Row by row, in Python, by the rules as they are written down."""
    for as_of in MOMENTS:
        found = known(extracts, as_of)
        conversions = {row["lead_id"]: row["converted_at"] for row in extracts["leads"].to_dicts()}
        leads = []
        for row in extracts["leads"].to_dicts():
            if row["created_at"] and row["created_at"] > as_of:
                continue
            if row["converted_at"] and row["converted_at"] > as_of:
                row |= {"converted_at": None, "status": "contacted"}
            if row["scored_at"] and row["scored_at"] > as_of:
                row |= dict.fromkeys(("scored_at", *COMPONENTS))
            leads.append(row)
        touches = []
        for row in extracts["touches"].to_dicts():
            if row["occurred_at"] > as_of:
                continue
            if row["outcome_at"] and row["outcome_at"] > as_of:
                row["outcome_at"] = None
            converted = conversions[row["lead_id"]]
            row["led_to_booking"] = row["led_to_booking"] and not (converted and converted > as_of)
            touches.append(row)
        assert found["leads"].to_dicts() == leads
        assert found["touches"].to_dicts() == touches
        assert found["message_tests"].height == sum(
            row["tested_at"] is None or row["tested_at"] <= as_of for row in extracts["message_tests"].to_dicts()
        )


def test_to_look_back_twice_is_to_look_back_once(extracts: Frames) -> None:
    for early, late in pairwise(MOMENTS):
        once, twice = known(extracts, early), known(known(extracts, late), early)
        assert all(once[name].equals(twice[name]) for name in once)


def test_fingerprints_are_equal_where_what_was_known_is_equal(extracts: Frames) -> None:
    """Of all moments together, and of each by itself from the rows that were known then."""
    together = fingerprints(lazy(extracts), MOMENTS)
    for place, moment in enumerate(MOMENTS):
        alone = fingerprints(lazy(known(extracts, moment)), [moment])
        assert {tenant: prints[place] for tenant, prints in together.items()} == {t: p[0] for t, p in alone.items()}
    assert all(len(set(prints)) == len(MOMENTS) for prints in together.values())


def test_order_and_slices_change_no_fingerprint(extracts: Frames) -> None:
    shuffled = {name: frame.sample(fraction=1.0, shuffle=True, seed=1) for name, frame in extracts.items()}
    assert fingerprints(lazy(shuffled), MOMENTS) == fingerprints(lazy(extracts), MOMENTS)
    first = {name: frame.filter(pl.col("tenant_id") == TENANTS[0]) for name, frame in extracts.items()}
    whole = fingerprints(lazy(extracts), MOMENTS)
    assert fingerprints(lazy(first), MOMENTS) == {UUID(int=1): whole[UUID(int=1)]}


@pytest.mark.parametrize(
    ("extract", "key", "column", "value", "dated"),
    [
        ("leads", "lead_id", "title", "ceo", "created_at"),
        ("leads", "lead_id", "timing", 0.9, "scored_at"),
        ("leads", "lead_id", "converted_at", None, "converted_at"),
        ("touches", "touch_id", "channel", "sms", "occurred_at"),
        ("touches", "touch_id", "outcome_at", None, "outcome_at"),
    ],
)
def test_a_change_is_seen_from_its_own_date_on(
    extracts: Frames, extract: str, key: str, column: str, value: object, dated: str
) -> None:
    """And by nobody but its own tenant."""
    frame = extracts[extract]
    chosen = frame.filter(pl.col(dated).is_between(MOMENTS[1], MOMENTS[2], closed="right")).row(0, named=True)
    altered = pl.when(pl.col(key) == chosen[key]).then(pl.lit(value, frame.schema[column])).otherwise(column)
    changed = {**extracts, extract: frame.with_columns(altered.alias(column))}
    before, after = fingerprints(lazy(extracts), MOMENTS), fingerprints(lazy(changed), MOMENTS)
    own = UUID(bytes=chosen["tenant_id"])
    same = [one == other for one, other in zip(before[own], after[own], strict=True)]
    assert same == [True, True, False, False, False, False]
    assert all(before[tenant] == after[tenant] for tenant in before if tenant != own)
