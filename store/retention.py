"""What the store forgets: the records of old runs. Patterns, heads, audit, quarantine, priors and costs stay for good.

What was learned is told by its pattern for ever; how a run came to it is told for as long as the policy says. The
newest finished run of each flow, and the newest verdict on each pattern, stay however old they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from sqlalchemy import Engine, text

from contracts.retention import Policy, Pruned
from store.scope import batch_scope, learner_scope


@dataclass(frozen=True, slots=True)
class _Kind:
    """A table and the condition under which a row of it goes. cutoff: which moment it is compared with."""

    what: str
    table: LiteralString
    gone: LiteralString
    cutoff: str = "records"


# A run that is at work is never old, and the last one that was finished is what the next one compares with.
_OLD_RUNS: LiteralString = """(
    SELECT run.id FROM runs AS run WHERE run.opened_at < %(cutoff)s AND run.state <> 'running' AND EXISTS (
        SELECT FROM runs AS later
        WHERE later.flow = run.flow AND later.state = 'done' AND later.opened_at > run.opened_at))"""

_OF_ALL_TENANTS = (
    _Kind("slices", "slices", "run_id IN " + _OLD_RUNS, "details"),
    _Kind("runs", "runs", "id IN " + _OLD_RUNS),
)

_OF_ONE_TENANT = (
    _Kind(
        "verdicts",
        "verdicts",
        "judged_at < %(cutoff)s AND EXISTS (SELECT FROM verdicts AS later WHERE later.tenant_id = verdicts.tenant_id"
        " AND later.pattern_type = verdicts.pattern_type AND later.judged_at > verdicts.judged_at)",
    ),
    _Kind("touches of old plans", "planned_touches", "settled_at < %(cutoff)s"),
    _Kind(
        "questions of old batches",
        "batch_items",
        "batch_id IN (SELECT id FROM batches WHERE tenant_id = batch_items.tenant_id AND ended_at < %(cutoff)s)",
    ),
    _Kind("batches", "batches", "ended_at < %(cutoff)s"),
)


def expired(engine: Engine, policy: Policy, *, now: datetime) -> tuple[Pruned, ...]:
    """What `prune` would delete now, by kind."""
    with learner_scope(engine) as connection:
        found = []
        for kind in (*_OF_ALL_TENANTS, *_OF_ONE_TENANT):
            statement = f"SELECT count(*) FROM {kind.table} WHERE {kind.gone}"  # noqa: S608 - constants of this file
            count = connection.exec_driver_sql(statement, _moments(policy, now, kind)).scalar_one()
            found.append(Pruned(kind.what, count))
    return tuple(found)


def prune(engine: Engine, policy: Policy, *, now: datetime) -> tuple[Pruned, ...]:
    """Delete the records of old runs, and say how many of each kind went; all of it in one transaction."""
    with batch_scope(engine) as batch:
        tenants: list[UUID] = list(batch.connection.scalars(text("SELECT id FROM tenants ORDER BY id")))
        gone = []
        for kind in _OF_ONE_TENANT:
            values = _moments(policy, now, kind)
            rows = batch.each_tenant(
                f"WITH gone AS (DELETE FROM {kind.table} WHERE tenant_id = %(tenant)s AND {kind.gone} RETURNING 1)"  # noqa: S608
                " SELECT count(*) FROM gone",
                ((tenant, values) for tenant in tenants),
            )
            gone.append(Pruned(kind.what, sum(row[0] for row in rows)))
        of_all = []
        for kind in _OF_ALL_TENANTS:
            statement = f"DELETE FROM {kind.table} WHERE {kind.gone}"  # noqa: S608
            done = batch.connection.exec_driver_sql(statement, _moments(policy, now, kind))
            of_all.append(Pruned(kind.what, done.rowcount))
    return (*of_all, *gone)


def size(engine: Engine) -> int:
    """Bytes of the whole database, as PostgreSQL counts them."""
    with learner_scope(engine) as connection:
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def _moments(policy: Policy, now: datetime, kind: _Kind) -> Mapping[str, datetime]:
    return {"cutoff": now - (policy.details if kind.cutoff == "details" else policy.records)}
