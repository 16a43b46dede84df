"""Ask Claude until there is an answer, or a reason why not. Every attempt is entered, also those that failed.

ask ─▶ attempt ──fault that passes──▶ wait (as long as asked, or twice as long each time, jittered) ─▶ attempt …
          │ answer
          ▼
        judged ──not usable──▶ one repair attempt, with the faults ──not usable──▶ refusal
          │ accepted
          ▼
        reply
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from agents import client as transport
from agents import pricing, questions
from agents.breaker import Breaker
from agents.client import UNTOLD, Client, Fault
from agents.replies import Judged, Said, judge
from contracts.agents import Answer, Ask, Attempt, Ending, Kind, Reply, Strength, Usage, UsageLedger
from contracts.refusal import Reason, Refusal
from settings import Settings

Result = TypeVar("Result")

REFUSED_AS = {
    Ending.DECLINED: Reason.DECLINED,
    Ending.INVALID: Reason.INVALID_REPLY,
    Ending.REJECTED: Reason.REJECTED,
}
"""Endings with an answer; without one, Claude is unavailable."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on. Waits grow twofold; jitter between half and whole keeps many from asking at once."""

    attempts: int = 4  # of one request; four with these waits ride out about half a minute
    first_wait: float = 1.0  # seconds after the first fault
    longest_wait: float = 30.0  # seconds between two attempts
    longest_asked: float = 60.0  # seconds; who asks for more is believed, and not waited for

    def wait(self, failed: int, asked: float | None, chance: float) -> float | None:
        """Seconds before the next attempt after so many faults; None: do not try again. chance: 0 to 1."""
        if failed >= self.attempts or (asked or 0.0) > self.longest_asked:
            return None
        grown = min(self.longest_wait, self.first_wait * 2.0 ** (failed - 1))
        return max(asked or 0.0, grown * (0.5 + 0.5 * chance))


@dataclass(frozen=True)
class Claude:
    """A client, and how it is used: which model for what, how patiently, and when not at all.

    sleep, clock: seconds; clock only grows. chance: jitter, 0 to 1; it decides nothing but waits.
    """

    client: Client
    models: Mapping[Strength, str]
    breaker: Breaker
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def ask(self, ask: Ask[Answer], ledger: UsageLedger) -> Reply[Answer] | Refusal:
        """An accepted answer, or a refusal: UNAVAILABLE, DECLINED, INVALID_REPLY or REJECTED."""
        model = self.models[ask.strength]
        call = _Call(ask, model, ledger)
        sent = questions.request(ask, model, transport.schema(ask.reply))
        heard = self._heard(call, sent, Kind.FIRST)
        if isinstance(heard, _Heard) and heard.judged.ending in (Ending.INVALID, Ending.REJECTED):
            again = questions.repair(sent, heard.said.text, heard.judged.faults)
            heard = self._heard(call, again, Kind.REPAIR)
        if isinstance(heard, Refusal):
            return heard
        if heard.judged.answer is None:
            return refusal(heard.judged.ending, "; ".join(heard.judged.faults), len(call.attempts))
        return Reply(heard.judged.answer, tuple(call.attempts))

    def patiently(self, send: Callable[[], Result | Fault], *, until: Callable[[Fault], bool]) -> Result | Fault:
        """Repeat something that costs nothing while it meets passing faults and `until` does not say stop."""
        failed = 0
        while True:
            if not self.breaker.allows():
                return RESTING
            result = send()
            self._tell_breaker(result)
            if not isinstance(result, Fault) or not result.passing or until(result):
                return result
            failed += 1
            wait = self.patience.wait(failed, result.retry_after, self.chance())
            if wait is None:
                return result
            self.sleep(wait)

    def _heard(self, call: _Call[Answer], sent: Mapping[str, Any], kind: Kind) -> _Heard[Answer] | Refusal:
        """Send until something is answered; each attempt is entered with what became of it."""
        failed = 0
        while True:
            if not self.breaker.allows():
                return refusal(RESTING.ending, RESTING.detail, len(call.attempts))
            began = self.clock()
            said = self.client.send(sent)
            seconds = self.clock() - began
            self._tell_breaker(said)
            if isinstance(said, Said):
                judged = judge(call.ask, said)
                call.enter(kind, judged.ending, said.usage, said.model, seconds, said.request_id)
                return _Heard(said, judged)
            usage = None if said.ending in UNTOLD else Usage()
            call.enter(kind, said.ending, usage, call.model, seconds, said.request_id)
            failed += 1
            wait = self.patience.wait(failed, said.retry_after, self.chance()) if said.passing else None
            if wait is None:
                return refusal(said.ending, said.detail, len(call.attempts))
            self.sleep(wait)
            kind = Kind.REPAIR if kind is Kind.REPAIR else Kind.RETRY

    def _tell_breaker(self, result: object) -> None:
        if isinstance(result, Fault) and result.passing:
            self.breaker.failed()
        else:
            self.breaker.answered()


RESTING = Fault(Ending.OVERLOADED, "Claude failed repeatedly, and nothing is sent until a minute has passed")
"""What an open breaker says. Nothing was sent."""


def connect(settings: Settings) -> Claude | Refusal:
    """Claude as the settings say, or NO_KEY. One a process: its breaker remembers."""
    client = transport.open_client(settings)
    if isinstance(client, Refusal):
        return client
    return Claude(client, models(settings), Breaker(time.monotonic), Patience(attempts=settings.claude_attempts))


def models(settings: Settings) -> dict[Strength, str]:
    return {
        Strength.QUICK: settings.model_quick,
        Strength.GENERAL: settings.model_general,
        Strength.HARD: settings.model_hard,
    }


def refusal(ending: Ending, detail: str, attempts: int) -> Refusal:
    """got: answers that could be used; wanted: one. The detail counts attempts."""
    tried = f" after {attempts} attempt{'s' if attempts != 1 else ''}" if attempts else ""
    return Refusal(REFUSED_AS.get(ending, Reason.UNAVAILABLE), got=0, wanted=1, detail=f"{detail}{tried}")


@dataclass(frozen=True, slots=True)
class _Heard(Generic[Answer]):
    said: Said
    judged: Judged[Answer]


@dataclass(slots=True)
class _Call(Generic[Answer]):
    """Attempts at one question, numbered and entered as they end."""

    ask: Ask[Answer]
    model: str
    ledger: UsageLedger
    id: UUID = field(default_factory=uuid4)
    attempts: list[Attempt] = field(default_factory=list)

    def enter(
        self, kind: Kind, ending: Ending, usage: Usage | None, model: str, seconds: float, request_id: str | None
    ) -> None:
        prompt, sha256 = questions.label(self.ask, repaired=kind is Kind.REPAIR)
        attempt = Attempt(
            call_id=self.id,
            number=len(self.attempts) + 1,
            kind=kind,
            ending=ending,
            prompt=prompt,
            prompt_sha256=sha256,
            model=model,
            usage=usage,
            cost=pricing.cost(model, usage),
            seconds=seconds,
            request_id=request_id,
        )
        self.attempts.append(attempt)
        self.ledger.enter(attempt)
