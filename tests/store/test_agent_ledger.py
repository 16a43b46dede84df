"""The book of what was asked of Claude: costs add up, a batch belongs to one process, and settles all or nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from contracts.agents import (
    Attempt,
    BatchItem,
    BatchLedger,
    BatchState,
    Collected,
    CostUnknown,
    Ending,
    ItemState,
    Kind,
    Settled,
    StoredBatch,
    Usage,
    UsageLedger,
)
from contracts.refusal import Reason, Refusal
from store import tenants
from store.agent_ledger import AgentLedger, spent
from store.scope import Role, tenant_scope


@pytest.fixture
def ledger(engine: Engine) -> AgentLedger:
    return AgentLedger(engine, tenants.create(engine, f"tenant {uuid4()}").id)


def attempt(number: int = 1, **changed: object) -> Attempt:
    made = Attempt(
        call_id=uuid4(),
        number=number,
        kind=Kind.FIRST,
        ending=Ending.ACCEPTED,
        prompt="greeting@1",
        prompt_sha256="0" * 64,
        model="some-model",
        usage=Usage(input=100, output=20, cache_read=1_000),
        cost=Decimal("0.0123"),
        seconds=0.4,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def item(key: str, custom_id: str | None = None) -> BatchItem:
    return BatchItem(
        custom_id=custom_id or f"lb-{uuid4().hex}",
        key=key,
        kind=Kind.FIRST,
        prompt="greeting@1",
        prompt_sha256="0" * 64,
        model="some-model",
        request={"model": "some-model", "messages": [key]},
    )


def settled(one: BatchItem, state: ItemState, text: str | None = None, refusal: Refusal | None = None) -> Settled:
    return Settled(custom_id=one.custom_id, state=state, attempt=attempt(batched=True), text=text, refusal=refusal)


def submitted(ledger: AgentLedger, job: str, *items: BatchItem) -> StoredBatch:
    batch = ledger.intend(job, items)
    ledger.claim(batch)
    ledger.submitted(batch.id, f"remote-{batch.id}")
    return batch


def test_it_is_what_agents_ask_for(ledger: AgentLedger) -> None:
    costs: UsageLedger = ledger
    batches: BatchLedger = ledger
    assert costs is batches


def test_costs_add_up_exactly_and_unknown_ones_are_counted_apart(engine: Engine, ledger: AgentLedger) -> None:
    ledger.enter(attempt(cost=Decimal("0.1")))
    ledger.enter(attempt(cost=Decimal("0.2")))
    ledger.enter(attempt(usage=None, cost=CostUnknown.NO_USAGE, ending=Ending.TIMED_OUT))
    [line] = spent(engine, ledger.tenant_id)
    assert line.cost_usd == Decimal("0.3")
    assert (line.attempts, line.answered, line.unpriced) == (3, 2, 1)
    assert (line.input_tokens, line.output_tokens, line.cache_read_tokens) == (200, 40, 2_000)


def test_an_attempt_is_entered_once_and_never_changed(ledger: AgentLedger) -> None:
    once = attempt()
    ledger.enter(once)
    with pytest.raises(IntegrityError):
        ledger.enter(once)
    with (
        pytest.raises(DBAPIError) as refused,
        tenant_scope(ledger.engine, ledger.tenant_id, Role.LEARNER) as connection,
    ):
        connection.execute(text("UPDATE cost_events SET cost_usd = 0"))
    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


def test_costs_of_all_tenants_are_read_by_name(engine: Engine, ledger: AgentLedger) -> None:
    ledger.enter(attempt())
    assert ledger.tenant_id in {line.tenant_id for line in spent(engine)}
    assert spent(engine, tenants.create(engine, "thrifty").id) == []


def test_a_job_is_written_down_once(ledger: AgentLedger) -> None:
    first = ledger.intend("monday", [item("a"), item("b")])
    again = ledger.intend("monday", [item("a"), item("b"), item("c")])
    assert again == first
    assert (first.state, first.round, [one.key for one in first.items]) == (BatchState.INTENDED, 1, ["a", "b"])
    assert ledger.outcomes("monday") == {"a": None, "b": None}


def test_only_one_process_may_submit_a_batch(ledger: AgentLedger) -> None:
    batch = ledger.intend("tuesday", [item("a")])
    claimed = ledger.claim(batch)
    assert claimed is not None
    assert ledger.claim(batch) is None
    [seen] = ledger.open_batches()
    assert seen.claimed_at == claimed
    assert ledger.claim(seen) is not None  # whoever saw the claim may take it over


def test_a_released_batch_looks_untouched(ledger: AgentLedger) -> None:
    batch = ledger.intend("wednesday", [item("a")])
    ledger.claim(batch)
    ledger.release(batch.id)
    assert ledger.open_batches() == [batch]


def test_a_batch_settles_with_its_costs_and_the_next_round(engine: Engine, ledger: AgentLedger) -> None:
    good, late, bad = item("good"), item("late"), item("bad")
    batch = submitted(ledger, "thursday", good, late, bad)
    no = Refusal(Reason.DECLINED, got=0, wanted=1, detail="the model would not")
    collected = Collected(
        batch.id,
        f"remote-{batch.id}",
        (
            settled(good, ItemState.ANSWERED, "hello"),
            settled(late, ItemState.AGAIN),
            settled(bad, ItemState.REFUSED, refusal=no),
        ),
        next=(item("late"),),
    )
    assert ledger.collect(collected)
    assert ledger.outcomes("thursday") == {"good": "hello", "late": None, "bad": no}
    [following] = ledger.open_batches()
    assert (following.round, [one.key for one in following.items]) == (2, ["late"])
    assert spent(engine, ledger.tenant_id)[0].attempts == 3


def test_collecting_twice_enters_nothing_twice(engine: Engine, ledger: AgentLedger) -> None:
    one = item("a")
    batch = submitted(ledger, "friday", one)
    collected = Collected(batch.id, f"remote-{batch.id}", (settled(one, ItemState.ANSWERED, "hello"),))
    assert ledger.collect(collected)
    assert not ledger.collect(collected)
    assert spent(engine, ledger.tenant_id)[0].attempts == 1


def test_a_collection_that_fails_leaves_nothing(engine: Engine, ledger: AgentLedger) -> None:
    one = item("a")
    batch = submitted(ledger, "saturday", one)
    fate = settled(one, ItemState.ANSWERED, "hello")
    with pytest.raises(IntegrityError):
        ledger.collect(Collected(batch.id, f"remote-{batch.id}", (fate, fate)))  # the same attempt twice
    assert ledger.outcomes("saturday") == {"a": None}
    assert spent(engine, ledger.tenant_id) == []


def test_tenants_see_their_own_batches_and_everybodys_remote_ids(engine: Engine, ledger: AgentLedger) -> None:
    other = AgentLedger(engine, tenants.create(engine, f"tenant {uuid4()}").id)
    batch = submitted(other, "sunday", item("a"))
    assert ledger.open_batches() == []
    assert f"remote-{batch.id}" in ledger.known_remotely()


def test_requests_come_back_as_they_were_written(ledger: AgentLedger) -> None:
    one = item("a")
    ledger.intend("some day", [one])
    [batch] = ledger.open_batches()
    assert batch.items == (one,)
    assert isinstance(batch.id, UUID)
