"""What planning reads of a tenant and writes back: leads that wait, caps that are taken, plans with their decisions.

    with planning(engine, tenant) as connection:      one transaction; another plan of the tenant waits for its end
        withdraw(connection, now)                     touches whose hour has passed, or whose lead is gone
        leads = candidates(connection, now)
        taken = touches_taken(connection, now, zone)
        record(connection, tenant, plan, touches)

What is due, taken and sent is in store/due_touches.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection, Engine, insert, select

from contracts.allocation import Withdrawal
from contracts.errors import UserError
from contracts.learning import Payload
from contracts.outcomes import CHANNELS
from contracts.who import DEFAULT_EDGES
from store import planning_sql as sql
from store.scope import tenant_scope
from store.tables import Decisions, PlannedTouches, Plans

ENGINE = "allocator"
TIME = pl.Datetime("us", "UTC")
CANDIDATES = pl.Schema(
    {
        "lead_id": pl.Binary(),
        "score": pl.Float64(),
        "touches": pl.Int64(),
        "previous": pl.String(),
        "last": TIME,
        "opted_out": pl.Boolean(),
        "has_email": pl.Boolean(),
        "has_phone": pl.Boolean(),
        "time_zone": pl.String(),
        "score_stratum": pl.Int64(),  # decile by the edges frozen with the score's version; null where there are none
        "score_version": pl.String(),
    }
)
"""What the allocator wants to know of a lead, and what its touch will log of its score."""

ROWS = 5_000  # of one statement


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """One plan, besides its touches. The fields are the columns of `plans`."""

    id: UUID
    planned_at: datetime
    time_zone: str
    rules: Payload
    policy_version: str
    how_version: int
    how_missing: str | None
    when_version: int
    when_missing: str | None
    closings: Sequence[tuple[str, date]]
    leads: int
    touches: int
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Logged:
    """One planned touch as its decision holds it. feasible: what was feasible at its turn, and the touch before."""

    lead_id: UUID
    touch_number: int
    chosen: Payload
    feasible: Payload
    propensity: float
    because: str


@contextmanager
def planning(engine: Engine, tenant_id: UUID, *, keep: bool = True) -> Iterator[Connection]:
    """One transaction in which nobody else plans this tenant. keep: without it, all is undone at its end."""
    with tenant_scope(engine, tenant_id) as connection:
        connection.execute(sql.HOLD, {"tenant": str(tenant_id)})
        yield connection
        if not keep:
            connection.rollback()


def candidates(connection: Connection, now: datetime) -> pl.DataFrame:
    """CANDIDATES: leads without an open touch who are neither converted, lost nor in talks, as known at `now`.

    A touch on a channel that is none of ours counts as a touch, and is no previous channel.
    """
    wanted = {"now": now, "channels": list(CHANNELS), "default_edges": list(DEFAULT_EDGES)}
    rows = connection.execute(sql.CANDIDATES, wanted).all()
    return pl.DataFrame([(row[0].bytes, *row[1:]) for row in rows], schema=CANDIDATES, orient="row")


def touches_taken(connection: Connection, now: datetime, time_zone: str) -> dict[tuple[str, date], int]:
    """Touches that each channel has on the tenant's days from today on: planned, and sent today."""
    clock = ZoneInfo(time_zone)
    today = now.astimezone(clock).date()
    taken: Counter[tuple[str, date]] = Counter()
    for channel, at, count in connection.execute(sql.OPEN):
        taken[channel, at.astimezone(clock).date()] += count
    midnight = datetime.combine(today, datetime.min.time(), tzinfo=clock)
    for channel, count in connection.execute(sql.SENT_SINCE, {"since": midnight}):
        taken[channel, today] += count
    return dict(taken)


def withdraw(connection: Connection, now: datetime, *, paused: bool = False) -> dict[Withdrawal, int]:
    """Withdraw waiting touches that must not be sent any more, and say why and how many. paused: all of them."""
    found = connection.scalars(sql.WITHDRAW, {"now": now, "paused": paused}).all()
    return {Withdrawal(because): count for because, count in Counter(found).items()}


def record(connection: Connection, tenant_id: UUID, plan: PlanRecord, touches: pl.DataFrame) -> None:
    """Write a plan, its touches and their decisions. touches: the rows of an allocator's plan that got one."""
    row = {name: getattr(plan, name) for name in PlanRecord.__slots__}
    closings = {"in_order": [[channel, day.isoformat()] for channel, day in plan.closings]}
    connection.execute(insert(Plans), {"tenant_id": tenant_id, **row, "closings": closings})
    for part in touches.iter_slices(ROWS):
        rows = [(touch_id(plan.id, row["lead_id"]), row) for row in part.iter_rows(named=True)]
        connection.execute(insert(PlannedTouches), [_planned(tenant_id, plan, *each) for each in rows])
        connection.execute(insert(Decisions), [_decision(tenant_id, plan, *each) for each in rows])


def touch_id(plan_id: UUID, lead_id: bytes) -> UUID:
    """Of the touch that a plan gives a lead, of its decision, and of the activity that it becomes."""
    return UUID(bytes=blake2b(plan_id.bytes + lead_id, digest_size=16).digest())


def read_plan(engine: Engine, tenant_id: UUID, plan_id: UUID | None = None) -> tuple[PlanRecord, list[Logged]]:
    """A plan and its touches in their turns; without an id the newest. Raises UserError where there is none."""
    wanted = select(*(getattr(Plans, name) for name in PlanRecord.__slots__)).order_by(Plans.created_at.desc()).limit(1)
    with tenant_scope(engine, tenant_id) as connection:
        found = connection.execute(wanted.where(Plans.id == plan_id) if plan_id else wanted).one_or_none()
        if found is None:
            raise UserError("there is no such plan of this tenant", do="`learnback plan` makes one")
        logged = [Logged(*row) for row in connection.execute(sql.LOGGED, {"plan": found.id})]
    closings = [(channel, date.fromisoformat(day)) for channel, day in found.closings["in_order"]]
    return PlanRecord(**{**found._asdict(), "closings": closings}), logged


def _planned(tenant_id: UUID, plan: PlanRecord, identity: UUID, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "id": identity,
        "plan_id": plan.id,
        "lead_id": UUID(bytes=row["lead_id"]),
        "policy_version": plan.policy_version,
        "propensity": row["propensity"] if plan.rules["exploration"]["on"] else None,
        "score_at_touch": row["score"],
        **{name: row[name] for name in ("channel", "scheduled_at", "touch_number", "score_stratum", "score_version")},
    }


def _decision(tenant_id: UUID, plan: PlanRecord, identity: UUID, row: Mapping[str, Any]) -> dict[str, Any]:
    """pattern_type, pattern_version, fallback: of HOW; those of WHEN stand in `chosen`."""
    when = {"version": plan.when_version, "fallback": row["when_fallback"]}
    return {
        "tenant_id": tenant_id,
        "id": identity,
        "lead_id": UUID(bytes=row["lead_id"]),
        "engine": ENGINE,
        "chosen": {
            "scheduled_at": row["scheduled_at"].isoformat(),
            "when": when,
            **{name: row[name] for name in _CHOSEN},
        },
        "feasible": {
            "plan": str(plan.id),
            "earliest": row["earliest"].isoformat(),
            "last": row["last"] and row["last"].isoformat(),
            "own_zone": row["zone"] == row["time_zone"],
            **{name: row[name] for name in _FEASIBLE},
        },
        "policy_version": plan.policy_version,
        "propensity": row["propensity"],
        "reason": row["because"],
        "pattern_type": "how",
        "pattern_version": plan.how_version,
        "fallback": row["how_fallback"],
    }


_CHOSEN = ("channel", "hour_of_week", "gap", "channel_propensity", "gap_propensity", "hour_propensity", "explored")
_FEASIBLE = ("turn", "reach", "zone", "closings", "previous")
