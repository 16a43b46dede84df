"""Plan touches: every lead's next one, under its tenant's limits, written down with its decision; and plans replayed.

The engine decides (engines.allocator); here its inputs are read and its plan is written, in one transaction a tenant.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Engine

from contracts.allocation import AllocationRules, Candidate, Feasible, Withdrawal
from contracts.allocation_rules import read_rules, write_rules
from contracts.errors import UserError
from contracts.how import NO_CHANNEL
from contracts.learning import Incumbent
from contracts.outcomes import CHANNELS
from contracts.refusal import Reason
from engines import allocator, allocator_frame, how, when
from engines.allocator_hours import usable_zone
from store import book, planning
from store.planning import Logged, PlanRecord
from store.tenants import Tenant

HOW, WHEN = "how", "when"
"""Types of the patterns that the allocator reads."""

NOTHING = Incumbent(version=0, payload=None)


@dataclass(frozen=True, slots=True)
class Planned:
    """What was planned for one tenant. plan: None in a dry run.

    cells: touches by channel and day of the tenant. hours: touches by lead-local hour of the day. refused: leads
    without a touch, by reason. explored: share of touches that were tried to learn. decided_by: touches by the version
    that decided channel (how) and hour (when), or by the reason why the defaults did.
    """

    tenant: str
    plan: UUID | None
    policy_version: str
    leads: int
    touches: int
    cells: Mapping[tuple[str, date], int]
    hours: Mapping[int, int]
    refused: Mapping[str, int]
    withdrawn: Mapping[Withdrawal, int]
    explored: float | None
    decided_by: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A logged plan, decided again. different: its touches whose choice or propensity came out otherwise."""

    tenant: str
    plan: UUID
    planned_at: datetime
    touches: int
    different: tuple[UUID, ...]


def rules_of(file: Path | None) -> AllocationRules:
    """The rules that a TOML file gives; without one the documented defaults. Raises UserError with what is wrong."""
    if file is None:
        return AllocationRules()
    try:
        return read_rules(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError:
        raise UserError(f"there are no rules at {file}", do="docs/how-to/plan-touches.md has some to copy") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise UserError(f"{file} is no TOML: {fault}", do="docs/how-to/plan-touches.md has rules to copy") from None


def beginning(tenant: Tenant, day: date) -> datetime:
    """The midnight at which a day of the tenant begins."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(usable_zone(tenant.time_zone, None)))


def plan_touches(
    engine: Engine, tenants: Iterable[Tenant], rules: AllocationRules, *, now: datetime, dry_run: bool = False
) -> Iterator[Planned]:
    """Plan every tenant's next touches as of `now`. dry_run: nothing is written, and nothing withdrawn."""
    of_how, of_when = book.incumbents(engine, HOW), book.incumbents(engine, WHEN)
    for tenant in tenants:
        plan = allocator.Planning(
            now=now,
            rules=rules,
            time_zone=usable_zone(tenant.time_zone, None),
            how=how.advise(of_how.get(tenant.id, NOTHING), now),
            when=when.advise(of_when.get(tenant.id, NOTHING), now),
        )
        yield _plan_tenant(engine, tenant, plan, keep=not dry_run)


def replay(engine: Engine, tenant: Tenant, plan_id: UUID | None = None) -> Replayed:
    """Decide a logged plan (the newest) again, from what was logged and the versions of patterns that it names."""
    record, logged = planning.read_plan(engine, tenant.id, plan_id)
    plan = allocator.Planning(
        now=record.planned_at,
        rules=read_rules(record.rules),
        time_zone=record.time_zone,
        how=_how(_logged_head(engine, tenant, HOW, record.how_version), record),
        when=_when(_logged_head(engine, tenant, WHEN, record.when_version), record),
    )
    different = [each for each in logged if not _repeated(each, record, plan)]
    identities = tuple(planning.touch_id(record.id, each.lead_id.bytes) for each in different)
    return Replayed(tenant.name, record.id, record.planned_at, len(logged), identities)


def _plan_tenant(engine: Engine, tenant: Tenant, plan: allocator.Planning, *, keep: bool) -> Planned:
    with planning.planning(engine, tenant.id, keep=keep) as connection:
        withdrawn = planning.withdraw(connection, plan.now, paused=plan.rules.paused)
        leads = planning.candidates(connection, plan.now)
        taken = planning.touches_taken(connection, plan.now, plan.time_zone)
        made = allocator_frame.plan(leads, plan, taken)
        touches = made.decisions.filter(pl.col("refused").is_null())
        record = _record(plan, made)
        if keep:
            planning.record(connection, tenant.id, record, touches)
    return _told(tenant, record, touches, withdrawn, written=keep)


def _record(plan: allocator.Planning, made: allocator_frame.Plan) -> PlanRecord:
    decisions = made.decisions
    refused = decisions["refused"].drop_nulls()
    return PlanRecord(
        id=uuid4(),
        planned_at=plan.now,
        time_zone=plan.time_zone,
        rules=write_rules(plan.rules),
        policy_version=plan.policy.version,
        how_version=plan.how.version,
        how_missing=plan.how.missing,
        when_version=plan.when.version,
        when_missing=None if plan.when.version else plan.when.fallback,
        closings=made.closings,
        leads=decisions.height,
        touches=decisions.height - len(refused),
        refused=dict(Counter(refused)),
    )


def _told(
    tenant: Tenant, record: PlanRecord, touches: pl.DataFrame, withdrawn: Mapping[Withdrawal, int], *, written: bool
) -> Planned:
    return Planned(
        tenant=tenant.name,
        plan=record.id if written else None,
        policy_version=record.policy_version,
        leads=record.leads,
        touches=record.touches,
        cells=dict(sorted(Counter(zip(touches["channel"], touches["day"], strict=True)).items())),
        hours=dict(sorted(Counter(touches["hour_of_week"] % 24).items())),
        refused=record.refused,
        withdrawn=withdrawn,
        explored=sum(touches["explored"]) / len(touches) if len(touches) else None,
        decided_by={
            name: dict(Counter(touches[column].fill_null(f"version {version}")))
            for name, column, version in (
                (HOW, "how_fallback", record.how_version),
                (WHEN, "when_fallback", record.when_version),
            )
        },
    )


def _logged_head(engine: Engine, tenant: Tenant, pattern_type: str, version: int) -> Incumbent:
    """A version as it was in force when it was read; nothing where there was none to read."""
    return Incumbent(version, book.version(engine, tenant.id, pattern_type, version).payload) if version else NOTHING


def _how(head: Incumbent, record: PlanRecord) -> how.Advice:
    if record.how_missing:
        return how.Advice(0, Reason(record.how_missing))
    return how.advise(head, record.planned_at)


def _when(head: Incumbent, record: PlanRecord) -> when.Advice:
    if record.when_missing:
        return when.Advice(0, Reason(record.when_missing))
    return when.advise(head, record.planned_at)


def _repeated(logged: Logged, record: PlanRecord, plan: allocator.Planning) -> bool:
    """Whether deciding again gives the same channel, instant, propensity and reason."""
    feasible, last = logged.feasible, logged.feasible["last"]
    lead = Candidate(
        lead=logged.lead_id,
        touches=logged.touch_number - 1,
        previous=feasible["previous"] or NO_CHANNEL,
        last=datetime.fromisoformat(last) if last else None,
        time_zone=feasible["zone"] if feasible["own_zone"] else None,
    )
    room = Feasible(
        reach=tuple(channel for place, channel in enumerate(CHANNELS) if feasible["reach"] >> place & 1),
        time_zone=feasible["zone"],
        earliest=datetime.fromisoformat(feasible["earliest"]),
        full=frozenset(record.closings[: feasible["closings"]]),
    )
    again = allocator.decide(lead, room, plan)
    return again.touch is not None and (
        (again.touch.channel, again.touch.scheduled_at.isoformat(), again.touch.propensity, again.because)
        == (logged.chosen["channel"], logged.chosen["scheduled_at"], logged.propensity, logged.because)
    )  # fmt: skip
