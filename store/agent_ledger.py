"""A tenant's book of what was asked of Claude: costs of every attempt, and batches that survive their process.

Every method is one transaction. A batch is written before it is sent, taken by one process at a time (`claim`), and
settled together with its costs and the round that follows (`collect`): killed in between, nothing is lost or paid
twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.agents import (
    Attempt,
    BatchItem,
    BatchState,
    Collected,
    CostUnknown,
    ItemState,
    Kind,
    Settled,
    StoredBatch,
)
from contracts.refusal import Reason, Refusal
from store.scope import learner_scope, tenant_scope
from store.tables import Batches, BatchItems, CostEvents, Tenants


@dataclass(frozen=True, slots=True)
class AgentLedger:
    """The usage ledger and the batch ledger (contracts.agents) of one tenant."""

    engine: Engine
    tenant_id: UUID

    def enter(self, attempt: Attempt) -> None:
        """Remember one attempt."""
        with tenant_scope(self.engine, self.tenant_id) as connection:
            self._enter(connection, [attempt])

    def intend(self, job: str, items: Sequence[BatchItem]) -> StoredBatch:
        """Write the first round of a job down; a job that is known is returned as its newest round."""
        with tenant_scope(self.engine, self.tenant_id) as connection:
            self._write_round(connection, job, 1, items)
            return self._stored(connection, Batches.job == job)[-1]

    def open_batches(self) -> Sequence[StoredBatch]:
        """Batches that have not ended, oldest first."""
        with tenant_scope(self.engine, self.tenant_id) as connection:
            return self._stored(connection, Batches.state != BatchState.ENDED)

    def claim(self, batch: StoredBatch) -> datetime | None:
        """Take the right to submit a batch as it was read; None where another process took it meanwhile."""
        with tenant_scope(self.engine, self.tenant_id) as connection:
            return connection.scalar(
                update(Batches)
                .where(
                    Batches.id == batch.id,
                    Batches.state == BatchState.INTENDED,
                    Batches.claimed_at.is_not_distinct_from(batch.claimed_at),
                )
                .values(claimed_at=func.clock_timestamp())
                .returning(Batches.claimed_at)
            )

    def release(self, batch: UUID) -> None:
        """Give the right back: Claude has certainly not taken this batch."""
        with tenant_scope(self.engine, self.tenant_id) as connection:
            connection.execute(
                update(Batches).where(Batches.id == batch, Batches.state == BatchState.INTENDED).values(claimed_at=None)
            )

    def submitted(self, batch: UUID, remote_id: str) -> None:
        """Remember under which id Claude has a batch."""
        with tenant_scope(self.engine, self.tenant_id) as connection:
            connection.execute(
                update(Batches)
                .where(Batches.id == batch, Batches.state == BatchState.INTENDED)
                .values(state=BatchState.SUBMITTED, remote_id=remote_id, submitted_at=func.now())
            )

    def known_remotely(self) -> frozenset[str]:
        """Ids at Claude of all batches of ours, whichever tenant's: the key is the same for all."""
        with learner_scope(self.engine) as connection:
            return frozenset(connection.scalars(select(Batches.remote_id).where(Batches.remote_id.is_not(None))))

    def collect(self, collected: Collected) -> bool:
        """Settle every item, enter the attempts, end the batch and write the next round; False where that was done."""
        with tenant_scope(self.engine, self.tenant_id) as connection:
            ended = connection.execute(
                update(Batches)
                .where(Batches.id == collected.batch, Batches.state == BatchState.SUBMITTED)
                .values(state=BatchState.ENDED, ended_at=func.now())
                .returning(Batches.job, Batches.round)
            ).one_or_none()
            if ended is None:
                return False
            for one in collected.settled:
                connection.execute(update(BatchItems).where(BatchItems.custom_id == one.custom_id).values(_fate(one)))
            self._enter(connection, [one.attempt for one in collected.settled])
            self._write_round(connection, ended.job, ended.round + 1, collected.next)
        return True

    def outcomes(self, job: str) -> Mapping[str, str | Refusal | None]:
        """By key: the accepted answer's text, the refusal, or None while the question waits."""
        newest_last = (
            select(BatchItems.key, BatchItems.state, BatchItems.reply, BatchItems.reason, BatchItems.detail)
            .join(Batches, (Batches.tenant_id == BatchItems.tenant_id) & (Batches.id == BatchItems.batch_id))
            .where(Batches.job == job)
            .order_by(Batches.round, BatchItems.key)
        )
        with tenant_scope(self.engine, self.tenant_id) as connection:
            return {row.key: _outcome(row) for row in connection.execute(newest_last)}

    def _enter(self, connection: Connection, attempts: Iterable[Attempt]) -> None:
        rows = [{"tenant_id": self.tenant_id, **_event(attempt)} for attempt in attempts]
        if rows:
            connection.execute(insert(CostEvents), rows)

    def _write_round(self, connection: Connection, job: str, number: int, items: Sequence[BatchItem]) -> None:
        """Nothing for a round without questions, or one that is written already."""
        if not items:
            return
        batch = connection.scalar(
            upsert(Batches)
            .values(tenant_id=self.tenant_id, id=uuid4(), job=job, round=number, state=BatchState.INTENDED)
            .on_conflict_do_nothing(index_elements=[Batches.tenant_id, Batches.job, Batches.round])
            .returning(Batches.id)
        )
        if batch is not None:
            connection.execute(insert(BatchItems), [_row(self.tenant_id, batch, item) for item in items])

    def _stored(self, connection: Connection, which: Any) -> list[StoredBatch]:
        rows = connection.execute(select(*_BATCH).where(which).order_by(Batches.intended_at, Batches.round)).all()
        return [
            StoredBatch(**{**row._mapping, "state": BatchState(row.state)}, items=_items(connection, row.id))
            for row in rows
        ]


@dataclass(frozen=True, slots=True)
class Spent:
    """What one tenant spent with one prompt and model. unpriced: attempts whose cost nobody knows."""

    tenant_id: UUID
    tenant: str
    prompt: str
    model: str
    attempts: int
    answered: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_usd: Decimal
    unpriced: int
    first_at: datetime
    last_at: datetime


def spent(engine: Engine, tenant_id: UUID | None = None, *, since: datetime | None = None) -> list[Spent]:
    """Costs by tenant, prompt and model, dearest first; of one tenant where it is given."""
    tokens = (CostEvents.input_tokens, CostEvents.output_tokens, CostEvents.cache_read_tokens)
    cost = func.coalesce(func.sum(CostEvents.cost_usd), 0)
    wanted = (
        select(
            CostEvents.tenant_id,
            Tenants.name,
            CostEvents.prompt,
            CostEvents.model,
            func.count(),
            func.count(CostEvents.output_tokens).filter(CostEvents.output_tokens > 0),
            *(func.coalesce(func.sum(column), 0) for column in tokens),
            cost,
            func.count(CostEvents.cost_unknown),
            func.min(CostEvents.at),
            func.max(CostEvents.at),
        )
        .join(Tenants, Tenants.id == CostEvents.tenant_id)
        .group_by(CostEvents.tenant_id, Tenants.name, CostEvents.prompt, CostEvents.model)
        .order_by(cost.desc(), Tenants.name, CostEvents.prompt)
    )
    if since is not None:
        wanted = wanted.where(CostEvents.at >= since)
    with tenant_scope(engine, tenant_id) if tenant_id else learner_scope(engine) as connection:
        return [Spent(*row) for row in connection.execute(wanted)]


def _event(attempt: Attempt) -> dict[str, Any]:
    usage, unknown = attempt.usage, isinstance(attempt.cost, CostUnknown)
    return {
        "call_id": attempt.call_id,
        "number": attempt.number,
        "kind": attempt.kind,
        "ending": attempt.ending,
        "prompt": attempt.prompt,
        "prompt_sha256": attempt.prompt_sha256,
        "model": attempt.model,
        "batched": attempt.batched,
        "input_tokens": usage.input if usage else None,
        "output_tokens": usage.output if usage else None,
        "cache_write_tokens": usage.cache_write if usage else None,
        "cache_read_tokens": usage.cache_read if usage else None,
        "cost_usd": None if unknown else attempt.cost,
        "cost_unknown": attempt.cost if unknown else None,
        "seconds": attempt.seconds,
        "request_id": attempt.request_id,
    }


def _row(tenant_id: UUID, batch: UUID, item: BatchItem) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "custom_id": item.custom_id,
        "batch_id": batch,
        "key": item.key,
        "kind": item.kind,
        "prompt": item.prompt,
        "prompt_sha256": item.prompt_sha256,
        "model": item.model,
        "request": dict(item.request),
        "state": ItemState.WAITING,
    }


def _fate(one: Settled) -> dict[str, Any]:
    refusal = one.refusal
    return {
        "state": one.state,
        "reply": one.text,
        "reason": refusal.reason if refusal else None,
        "detail": refusal.detail if refusal else None,
    }


def _outcome(row: Any) -> str | Refusal | None:
    match ItemState(row.state):
        case ItemState.ANSWERED:
            assert row.reply is not None
            return str(row.reply)
        case ItemState.REFUSED:
            return Refusal(Reason(row.reason), got=0, wanted=1, detail=row.detail or "")
        case _:
            return None


def _items(connection: Connection, batch: UUID) -> tuple[BatchItem, ...]:
    rows = connection.execute(select(*_ITEM).where(BatchItems.batch_id == batch).order_by(BatchItems.key))
    return tuple(BatchItem(**{**row._mapping, "kind": Kind(row.kind)}) for row in rows)


_BATCH = (
    Batches.id,
    Batches.job,
    Batches.round,
    Batches.state,
    Batches.intended_at,
    Batches.claimed_at,
    Batches.remote_id,
)
_ITEM = (
    BatchItems.custom_id,
    BatchItems.key,
    BatchItems.kind,
    BatchItems.prompt,
    BatchItems.prompt_sha256,
    BatchItems.model,
    BatchItems.request,
)
