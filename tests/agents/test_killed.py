"""kill -9 in the middle of a batch: whatever the moment, every question is answered in the end and paid for once.

A forked process works on the job with an engine and a client of its own, and kills itself with SIGKILL at a named call;
then another process takes the job up. The server counts what it bills.
"""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from agents.asking import Claude
from agents.batches import run
from agents.breaker import Breaker
from agents.client import Client
from contracts.refusal import Refusal
from settings import Settings
from store import database
from store.agent_ledger import AgentLedger, spent
from tests.agents import fake_claude as trouble
from tests.agents.conftest import MODELS, Clock
from tests.agents.fake_claude import KEY, FakeClaude
from tests.agents.test_batches import ASKS, EVERY, ONCE, echo, endings, heard, paid, told

STEPS: dict[type, tuple[str, ...]] = {
    AgentLedger: ("intend", "open_batches", "claim", "submitted", "_enter", "_write_round", "collect", "outcomes"),
    Client: ("submit", "retrieve", "recent", "results"),
}
"""Calls around which a process may die. `_enter` and `_write_round` lie inside the transaction of `collect`."""

MOMENTS = [
    "AgentLedger.intend before",
    "AgentLedger.intend after",
    "AgentLedger.claim before",
    "AgentLedger.claim after",
    "Client.submit after",
    "AgentLedger.submitted after",
    "Client.results after",
    "AgentLedger._enter after",
    "AgentLedger.collect after",
]
PATIENCE = 30.0  # seconds for a process that dies after milliseconds


@pytest.fixture(autouse=True)
def one_expires_at_first(fake: FakeClaude) -> None:
    """So that there is a second round to die in."""
    fake.answer = echo
    fake.fate = lambda question: trouble.EXPIRED if question == "say b" and len(fake.batches) == 1 else None


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def watched(method: Callable[..., Any], before: Callable[[], None], after: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        before()
        result = method(*args, **kwargs)
        after()
        return result

    return call


def nothing() -> None:
    """What happens at every other moment."""


def work(settings: Settings, tenant: UUID, url: str, moment: str, step: int, now: datetime) -> None:
    """Runs in the process that dies: at the moment, or after so many steps where no moment is named."""
    steps = itertools.count(1)

    def count() -> None:
        if next(steps) == step:
            die()

    for owner, names in STEPS.items():
        for name in names:
            here = f"{owner.__name__}.{name}"
            before = die if moment == f"{here} before" else nothing
            after = count if not moment else die if moment == f"{here} after" else nothing
            setattr(owner, name, watched(getattr(owner, name), before, after))
    clock = Clock()
    client = Client(KEY, base_url=url, seconds=PATIENCE)
    claude = Claude(client, MODELS, Breaker(clock), sleep=clock.sleep, clock=clock)
    run("echoes", ASKS, claude=claude, ledger=AgentLedger(database.open_store(settings), tenant), now=now)
    os._exit(0)  # what other tests have registered for the end of this process is not a fork's to do


def killed(
    settings: Settings, ledger: AgentLedger, fake: FakeClaude, moment: str = "", step: int = 0, hours: int = 0
) -> bool:
    """Let a process work and die; whether it died before it was done."""
    now = datetime.now(UTC) + timedelta(hours=hours)
    process = multiprocessing.get_context("fork").Process(
        target=work, args=(settings, ledger.tenant_id, fake.url, moment, step, now)
    )
    process.start()
    process.join(PATIENCE)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def bill(fake: FakeClaude) -> Decimal:
    prices = {"input": "0.10", "output": "0.50", "cache_write": "0.125", "cache_read": "0.01"}
    tokens = (Decimal(price) * getattr(one.usage, name) for one in fake.billed for name, price in prices.items())
    return sum(tokens, Decimal(0)) / 1_000_000 / 2


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_that_is_killed_pays_nothing_twice(
    settings: Settings, engine: Engine, fake: FakeClaude, claude: Claude, ledger: AgentLedger, moment: str
) -> None:
    assert killed(settings, ledger, fake, moment)
    assert heard(told(claude, ledger, now=datetime.now(UTC) + timedelta(minutes=11))) == EVERY
    assert paid(fake) == ONCE
    assert endings(ledger) == Counter(accepted=5, expired=1)
    assert sum(line.cost_usd for line in spent(engine, ledger.tenant_id)) == bill(fake)


def test_killed_while_claude_still_works_it_waits_and_pays_nothing_twice(
    settings: Settings, fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    """The batch cannot be told from others' until it ends, a whole evening later."""
    fake.at_once = False
    assert killed(settings, ledger, fake, "Client.submit after")
    assert heard(told(claude, ledger, now=datetime.now(UTC) + timedelta(hours=5))) == {}
    assert len(fake.batches) == 1
    fake.finish()
    fake.at_once = True
    assert heard(told(claude, ledger, now=datetime.now(UTC) + timedelta(hours=6))) == EVERY
    assert paid(fake) == ONCE


def test_killed_again_and_again_a_little_later_each_time(
    settings: Settings, engine: Engine, fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    deaths = 0
    for step in range(2, 40):
        if not killed(settings, ledger, fake, step=step, hours=step):
            break
        deaths += 1
    assert deaths >= 3
    outcome = told(claude, ledger, now=datetime.now(UTC) + timedelta(hours=50))
    assert not any(isinstance(one, Refusal) for one in outcome.values())
    assert heard(outcome) == EVERY
    assert paid(fake) == ONCE
    assert sum(line.cost_usd for line in spent(engine, ledger.tenant_id)) == bill(fake)
