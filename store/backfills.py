"""The history of backfills: which steps are done, what is in force in a chain, and what each pattern met later."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from contracts.backfill import Chain, ChainHead, Remembered
from contracts.canonical import canonical_json
from contracts.errors import UserError
from contracts.learning import Evidence, Verdict
from contracts.runs import State
from contracts.walk_forward import Later, Walked
from store import backfills_sql as sql
from store.scope import batch_scope, learner_scope

Key = tuple[str, UUID, datetime]
"""Learner, tenant, moment."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one tenant and learner, as it is written. head: in force in the chain afterwards, None = defaults.

    published: the head is new, learned at this step, on this evidence, and replaced this version. left_out: why the
    tenant was quarantined; there is no verdict then. later: what the head before this step met since.
    """

    tenant_id: UUID
    learner: str
    as_of: datetime
    input_hash: str
    code_version: str
    run_id: UUID
    seconds: float
    verdict: Verdict | None
    left_out: str
    head: ChainHead | None
    published: tuple[int, Evidence] | None
    explained: str
    later: Later | None


def remembered(engine: Engine, chain: Chain, learners: Collection[str], until: datetime) -> dict[Key, Remembered]:
    """What is known of every step of a chain up to `until`."""
    with learner_scope(engine) as connection:
        rows = connection.execute(sql.REMEMBERED, _of(chain) | {"types": list(learners), "until": until})
        return {
            (kind, tenant, as_of): Remembered(state == State.DONE, input_hash, code, seconds)
            for kind, tenant, as_of, state, input_hash, code, seconds in rows
        }


def heads(engine: Engine, chain: Chain, learner: str, before: datetime) -> dict[UUID, ChainHead]:
    """What was in force in the chain just before a moment; tenants under the defaults are left out."""
    with learner_scope(engine) as connection:
        rows = connection.execute(sql.HEADS, _of(chain) | {"type": learner, "before": before})
        return {row[0]: ChainHead(*row[1:]) for row in rows}


def write(engine: Engine, chain: Chain, steps: Iterable[Step]) -> None:
    """Enter steps as done, in one transaction; one that is there already is written anew."""
    with batch_scope(engine) as batch:
        batch.each_tenant(sql.WRITE, ((step.tenant_id, _of(chain) | _row(step)) for step in steps))


def fail(
    engine: Engine,
    chain: Chain,
    due: Mapping[str, Collection[UUID]],
    as_of: datetime,
    *,
    run_id: UUID,
    code_version: str,
    error: str,
) -> None:
    """Enter that an error ended a step, for these learners and tenants; what was in force before it stays so."""
    known = _of(chain) | {"as_of": as_of, "run": run_id, "code_version": code_version, "error": error}
    with batch_scope(engine) as batch:
        batch.each_tenant(sql.FAIL, ((tenant, known | {"type": name}) for name in due for tenant in due[name]))


def walked(engine: Engine, chain: Chain, learners: Collection[str], until: datetime) -> list[tuple[UUID, Walked]]:
    """Every step that is done, by tenant, learner and time, with what was ruled and met."""
    with learner_scope(engine) as connection:
        rows = connection.execute(sql.WALKED, _of(chain) | {"types": list(learners), "until": until})
        return [
            (tenant_id, Walked(*(*step, Later.from_document(later) if later else None)))
            for tenant_id, *step, later in rows
        ]


@contextmanager
def only_one(engine: Engine, chain: Chain) -> Iterator[None]:
    """Nobody else walks this chain while the block runs; raises UserError where somebody does.

    PostgreSQL takes the lock back when this process ends, however it does.
    """
    with engine.connect() as connection:
        if not connection.scalar(sql.LOCK, {"key": str(chain.id)}):
            raise UserError(
                f"a backfill from {chain.began:%Y-%m-%d %H:%M} UTC in steps of {chain.step_days} days is running",
                do="Wait until it ends, or stop it: what it has done by then stays done",
            )
        connection.commit()  # the lock is the session's, and no transaction stays open for hours
        try:
            yield
        finally:
            connection.scalar(sql.UNLOCK, {"key": str(chain.id)})


def _of(chain: Chain) -> dict[str, Any]:
    return {"began": chain.began, "step_days": chain.step_days}


def _row(step: Step) -> dict[str, Any]:
    verdict, head, published = step.verdict, step.head, step.published
    new = head if published else None
    return {
        "type": step.learner,
        "as_of": step.as_of,
        "input_hash": step.input_hash,
        "code_version": step.code_version,
        "run": step.run_id,
        "ruling": verdict.ruling.value if verdict else "refuse",
        "reason": (verdict.reason.value if verdict.reason else None) if verdict else "quarantined",
        "detail": (str(verdict.refusal) if verdict.refusal else None) if verdict else step.left_out,
        "confidence": verdict.confidence if verdict else None,
        "version": head.version if head else 0,
        "replaced": published[0] if published else None,
        "valid_until": head.valid_until if head else None,
        "payload": _json(new.payload) if new else None,
        "payload_sha256": new.payload_sha256 if new else None,
        "inputs_sha256": new.inputs_sha256 if new else None,
        "evidence": _json(asdict(published[1])) if published else None,
        "judged_on": _json(verdict.judged_on) if verdict else None,
        "explained": step.explained,
        "later": _json(step.later.to_document()) if step.later else None,
        "seconds": step.seconds,
    }


def _json(value: Mapping[str, Any]) -> str:
    return canonical_json(dict(value)).decode()
