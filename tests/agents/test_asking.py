"""The real SDK against a server that fails in every way we know: survived or refused with a reason, and all entered."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine, text

from agents import asking, prompts
from agents.asking import Claude, Patience
from agents.breaker import REST_SECONDS, BreakerState
from agents.client import Client
from contracts.agents import Ask, CostUnknown, Ending, Reply, Strength
from contracts.refusal import Reason, Refusal
from settings import load
from store.agent_ledger import AgentLedger, spent
from store.scope import tenant_scope
from tests.agents import fake_claude as trouble
from tests.agents.conftest import Clock
from tests.agents.fake_claude import KEY, FakeClaude

PASSING = {
    "too many requests": (trouble.RATE_LIMITED, Ending.RATE_LIMITED),
    "overloaded": (trouble.OVERLOADED, Ending.OVERLOADED),
    "server error": (trouble.BROKEN, Ending.SERVER_ERROR),
    "no answer in time": (trouble.HANG, Ending.TIMED_OUT),
    "connection dropped": (trouble.DROP, Ending.DISCONNECTED),
    "dropped after the work": (trouble.DROP_AFTER_WORK, Ending.DISCONNECTED),
    "malformed JSON": (trouble.MALFORMED, Ending.GARBLED),
    "JSON that is no message": (trouble.ANOTHER_THING, Ending.GARBLED),
}
UNTOLD = {Ending.TIMED_OUT, Ending.DISCONNECTED, Ending.GARBLED}


class Greeting(BaseModel):
    """The contract of these tests."""

    model_config = ConfigDict(extra="forbid")
    words: str
    times: int = Field(ge=1, le=3)


GOOD = '{"words": "hello", "times": 2}'
PRICES = {"input": Decimal(2), "output": Decimal(10), "cache_write": Decimal("2.5"), "cache_read": Decimal("0.1")}
"""Of the general model, US dollars a million tokens; typed here once more."""


def polite(greeting: Greeting) -> list[str]:
    return [] if greeting.words != "oi" else ["The words must be polite."]


def ask(content: str = "Greet me.", strength: Strength = Strength.GENERAL) -> Ask[Greeting]:
    return Ask(
        prompt=prompts.load("sequence_builder"), content=content, reply=Greeting, check=polite, strength=strength
    )


def entered(ledger: AgentLedger) -> list[tuple[str, str]]:
    """Kind and ending of every attempt, in order."""
    with tenant_scope(ledger.engine, ledger.tenant_id) as connection:
        rows = connection.execute(text("SELECT kind, ending FROM cost_events ORDER BY at, number"))
        return [(row.kind, row.ending) for row in rows]


def bill(fake: FakeClaude) -> Decimal:
    return sum(
        (
            sum((PRICES[name] * getattr(one.usage, name) for name in PRICES), Decimal(0)) / 1_000_000
            for one in fake.billed
        ),
        Decimal(0),
    )


def test_an_answer_is_validated_and_priced(
    engine: Engine, fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    fake.says(GOOD)
    reply = claude.ask(ask(), ledger)
    assert isinstance(reply, Reply)
    assert reply.answer == Greeting(words="hello", times=2)
    assert entered(ledger) == [("first", "accepted")]
    [line] = spent(engine, ledger.tenant_id)
    assert line.cost_usd == bill(fake) > 0
    assert line.prompt == "sequence_builder@1"


def test_the_request_caches_the_prompt_and_asks_for_the_contract(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    fake.says(GOOD, GOOD)
    first, second = claude.ask(ask("One."), ledger), claude.ask(ask("Two."), ledger)
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    [sent, _] = fake.questions
    assert sent["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert sent["messages"] == [{"role": "user", "content": "One."}]
    schema = sent["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert sorted(schema["properties"]) == ["times", "words"]
    written, read = first.attempts[0].usage, second.attempts[0].usage
    assert written is not None
    assert read is not None
    assert written.cache_write == read.cache_read > 100
    assert written.cache_read == read.cache_write == 0


@pytest.mark.parametrize("strength", Strength)
def test_each_strength_has_its_model(fake: FakeClaude, claude: Claude, ledger: AgentLedger, strength: Strength) -> None:
    fake.says(GOOD)
    claude.ask(ask(strength=strength), ledger)
    assert fake.questions[0]["model"] == claude.models[strength]


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_is_survived(fake: FakeClaude, claude: Claude, ledger: AgentLedger, name: str) -> None:
    met, ending = PASSING[name]
    fake.answer = lambda request: trouble.Reply(GOOD)
    fake.asked(met)
    reply = claude.ask(ask(), ledger)
    assert isinstance(reply, Reply)
    assert entered(ledger) == [("first", str(ending)), ("retry", "accepted")]
    assert reply.attempts[0].cost == (CostUnknown.NO_USAGE if ending in UNTOLD else 0)


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_stays_is_refused_as_unavailable(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, name: str
) -> None:
    met, ending = PASSING[name]
    fake.asked(*[met] * 4)
    refused = claude.ask(ask(), ledger)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.UNAVAILABLE
    assert refused.detail.endswith("after 4 attempts")
    assert entered(ledger) == [("first", str(ending))] + [("retry", str(ending))] * 3


def test_waits_grow_and_are_jittered(fake: FakeClaude, claude: Claude, ledger: AgentLedger, clock: Clock) -> None:
    fake.asked(*[trouble.OVERLOADED] * 3)
    fake.says(GOOD)
    assert isinstance(claude.ask(ask(), ledger), Reply)
    first, second, third = clock.slept
    assert 0.5 <= first <= 1.0 <= second <= 2.0 <= third <= 4.0
    assert len({first, second / 2, third / 4}) == 3


def test_a_wait_that_claude_asks_for_is_kept(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, clock: Clock
) -> None:
    fake.asked(trouble.status(429, "rate_limit_error", retry_after="17"))
    fake.says(GOOD)
    assert isinstance(claude.ask(ask(), ledger), Reply)
    assert clock.slept == [17.0]


def test_a_wait_that_is_too_long_is_believed_and_not_waited_for(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, clock: Clock
) -> None:
    fake.asked(trouble.status(429, "rate_limit_error", retry_after="3600"))
    assert isinstance(claude.ask(ask(), ledger), Refusal)
    assert clock.slept == []


def test_patience_in_numbers() -> None:
    patience = Patience()
    assert [patience.wait(failed, None, 1.0) for failed in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, None]
    assert Patience(attempts=10).wait(9, None, 1.0) == 30.0
    assert patience.wait(1, 5.0, 0.0) == 5.0


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (400, "invalid_request_error"),
    ],
)
def test_what_cannot_get_better_is_not_repeated(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, code: int, kind: str
) -> None:
    fake.asked(trouble.status(code, kind, "no such thing"))
    refused = claude.ask(ask(), ledger)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.UNAVAILABLE
    assert refused.detail == f"{code} {kind} no such thing after 1 attempt"
    assert len(fake.questions) == 1
    assert claude.breaker.state is BreakerState.CLOSED


UNUSABLE = {
    "text that is no JSON": ("I would rather chat.", "invalid", "the answer: Invalid JSON"),
    "another schema": ('{"word": "hello"}', "invalid", "words: Field required"),
    "a value out of bounds": ('{"words": "hello", "times": 9}', "invalid", "times: Input should be less than"),
    "nothing": ("", "invalid", "the answer: Invalid JSON"),
    "an answer that the engine rejects": ('{"words": "oi", "times": 1}', "rejected", "The words must be polite."),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_answer_is_repaired_once(
    engine: Engine, fake: FakeClaude, claude: Claude, ledger: AgentLedger, name: str
) -> None:
    said, ending, fault = UNUSABLE[name]
    fake.says(said, GOOD)
    reply = claude.ask(ask(), ledger)
    assert isinstance(reply, Reply)
    assert entered(ledger) == [("first", ending), ("repair", "accepted")]
    asked, answered, told = fake.questions[1]["messages"]
    assert (asked["role"], answered["role"], told["role"]) == ("user", "assistant", "user")
    assert fault in told["content"]
    assert reply.attempts[1].prompt == "sequence_builder@1+repair@1"
    assert sum(line.cost_usd for line in spent(engine, ledger.tenant_id)) == bill(fake)


@pytest.mark.parametrize(
    ("said", "reason"), [("no JSON", Reason.INVALID_REPLY), ('{"words": "oi", "times": 1}', Reason.REJECTED)]
)
def test_a_second_unusable_answer_is_refused(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, said: str, reason: Reason
) -> None:
    fake.says(said, said, GOOD)
    refused = claude.ask(ask(), ledger)
    assert isinstance(refused, Refusal)
    assert refused.reason is reason
    assert [kind for kind, _ in entered(ledger)] == ["first", "repair"]
    assert len(fake.replies) == 1


@pytest.mark.parametrize("stop", ["refusal", "max_tokens", "model_context_window_exceeded"])
def test_an_answer_that_stops_early_is_declined_and_paid(
    engine: Engine, fake: FakeClaude, claude: Claude, ledger: AgentLedger, stop: str
) -> None:
    fake.says(trouble.Reply(GOOD, stop))
    refused = claude.ask(ask(), ledger)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.DECLINED
    assert entered(ledger) == [("first", "declined")]
    assert spent(engine, ledger.tenant_id)[0].cost_usd == bill(fake) > 0


def test_a_fault_during_the_repair_is_survived_as_well(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    fake.asked(None, trouble.OVERLOADED)
    fake.says("no JSON", GOOD)
    assert isinstance(claude.ask(ask(), ledger), Reply)
    assert entered(ledger) == [("first", "invalid"), ("repair", "overloaded"), ("repair", "accepted")]


def test_costs_add_up_to_the_bill_whatever_went_wrong(
    engine: Engine, fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    fake.asked(trouble.RATE_LIMITED, trouble.BROKEN)
    fake.says("no JSON", GOOD, trouble.Reply("half", "max_tokens"), GOOD)
    for number in range(3):
        claude.ask(ask(f"Question {number}."), ledger)
    lines = spent(engine, ledger.tenant_id)
    assert sum(line.cost_usd for line in lines) == bill(fake)
    assert sum(line.attempts for line in lines) == len(fake.questions) == 6
    assert sum(line.unpriced for line in lines) == 0


def test_work_whose_answer_got_lost_is_counted_as_unpriced(
    engine: Engine, fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    fake.asked(trouble.DROP_AFTER_WORK)
    fake.says(GOOD, GOOD)
    claude.ask(ask(), ledger)
    [line] = spent(engine, ledger.tenant_id)
    assert (line.attempts, line.unpriced, len(fake.billed)) == (2, 1, 2)
    assert 0 < line.cost_usd < bill(fake)


def test_the_breaker_opens_rests_and_probes(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, clock: Clock
) -> None:
    fake.asked(*[trouble.OVERLOADED] * 5)
    assert isinstance(claude.ask(ask(), ledger), Refusal)  # four failures
    assert isinstance(claude.ask(ask(), ledger), Refusal)  # the fifth opens it, and stops the retries
    assert claude.breaker.state is BreakerState.OPEN
    before = len(fake.questions)
    refused = claude.ask(ask(), ledger)
    assert isinstance(refused, Refusal)
    assert "nothing is sent" in refused.detail
    assert len(fake.questions) == before == 5
    clock.seconds += REST_SECONDS
    fake.says(GOOD)
    assert isinstance(claude.ask(ask(), ledger), Reply)
    assert claude.breaker.state is BreakerState.CLOSED


def test_a_model_without_a_price_is_used_and_says_so(
    engine: Engine, fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    fake.says(GOOD)
    reply = replace(claude, models={Strength.GENERAL: "claude-of-tomorrow"}).ask(ask(), ledger)
    assert isinstance(reply, Reply)
    assert reply.attempts[0].cost is CostUnknown.NO_PRICE
    assert spent(engine, ledger.tenant_id)[0].unpriced == 1


def test_the_key_is_sent_and_never_told(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.asked(
        trouble.status(401, "authentication_error", f"invalid x-api-key {KEY}"),
        trouble.Trouble("status", 500, f"gateway saw {KEY}".encode()),
    )
    told = [claude.ask(ask(), ledger)]
    fake.asked(trouble.HANG, trouble.DROP, trouble.MALFORMED, trouble.status(500, "api_error", KEY))
    told.append(claude.ask(ask(), ledger))
    assert all(isinstance(one, Refusal) for one in told)
    assert {headers["authorization"] for headers in fake.headers} == {f"Bearer {KEY}"}
    with tenant_scope(ledger.engine, ledger.tenant_id) as connection:
        stored = connection.execute(text("SELECT * FROM cost_events")).all()
    for place in (*map(repr, told), repr(stored), caplog.text, repr(claude), json.dumps(fake.questions)):
        assert KEY not in place


def test_settings_name_models_and_patience(fake: FakeClaude) -> None:
    loaded = load(anthropic_api_key=KEY, anthropic_base_url=fake.url, claude_attempts=2, model_hard="some-opus")
    connected = asking.connect(loaded)
    assert isinstance(connected, Claude)
    connected.client.close()
    assert connected.patience.attempts == 2
    assert connected.models[Strength.HARD] == "some-opus"
    assert KEY not in repr(loaded)


def test_without_a_key_there_is_nobody_to_ask() -> None:
    refused = asking.connect(load(anthropic_api_key=None))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.NO_KEY


def test_a_client_tells_nothing_of_itself() -> None:
    client = Client(KEY, seconds=1)
    assert KEY not in repr(client)
    client.close()
