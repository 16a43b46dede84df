"""Claude as agents know it, with the real SDK behind it and a fake server behind that."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from agents.asking import Claude, Patience
from agents.breaker import Breaker
from agents.client import Client
from contracts.agents import Strength
from store import tenants
from store.agent_ledger import AgentLedger
from tests.agents.fake_claude import KEY, FakeClaude, serving

MODELS = {
    Strength.QUICK: "claude-haiku-5-5",
    Strength.GENERAL: "claude-sonnet-5-5",
    Strength.HARD: "claude-opus-5-5",
}
PATIENCE_SECONDS = 0.5  # that a test waits for an answer that never comes


@dataclass
class Clock:
    """Seconds that pass when somebody sleeps, and at no other time."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def fake() -> Iterator[FakeClaude]:
    with serving() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def claude(fake: FakeClaude, clock: Clock) -> Iterator[Claude]:
    with closing(Client(KEY, base_url=fake.url, seconds=PATIENCE_SECONDS)) as client:
        yield Claude(
            client,
            MODELS,
            Breaker(clock),
            Patience(),
            sleep=clock.sleep,
            clock=clock,
            chance=random.Random(7).random,
        )


@pytest.fixture
def ledger(engine: Engine) -> AgentLedger:
    """The book of a new tenant."""
    return AgentLedger(engine, tenants.create(engine, f"tenant {uuid4()}").id)
