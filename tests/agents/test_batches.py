"""Batches: matched by our ids, settled one by one, found again after a crash, and never paid for twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine, text

from agents import batches, prompts
from agents.asking import Claude
from agents.batches import BatchConfig, Waiting, run
from contracts.agents import Ask, BatchState, StoredBatch, Strength
from contracts.refusal import Reason, Refusal
from store.agent_ledger import AgentLedger, spent
from store.scope import tenant_scope
from tests.agents import fake_claude as trouble
from tests.agents.fake_claude import FakeClaude, Reply

KEYS = tuple("abcde")


class Echo(BaseModel):
    """The contract of these tests."""

    model_config = ConfigDict(extra="forbid")
    heard: str


def polite(echo: Echo) -> list[str]:
    return ["Not that word."] if echo.heard == "oi" else []


def ask(content: str) -> Ask[Echo]:
    return Ask(prompt=prompts.load("repair"), content=content, reply=Echo, check=polite, strength=Strength.QUICK)


ASKS = {key: ask(f"say {key}") for key in KEYS}


def echo(request: Mapping[str, object]) -> Reply:
    """Answers with the last word of the question."""
    messages = request["messages"]
    assert isinstance(messages, list)
    return Reply(f'{{"heard": "{messages[0]["content"].split()[-1]}"}}')


@pytest.fixture(autouse=True)
def echoing(fake: FakeClaude) -> None:
    fake.answer = echo


def later(**delta: float) -> datetime:
    return datetime.now(UTC) + timedelta(**delta)


def told(
    claude: Claude, ledger: AgentLedger, job: str = "echoes", now: datetime | None = None, asks: object = None
) -> Mapping[str, Echo | Refusal | Waiting]:
    outcome = run(job, asks or ASKS, claude=claude, ledger=ledger, now=now or later())  # type: ignore[arg-type]
    assert not isinstance(outcome, Refusal)
    return outcome


def heard(outcome: Mapping[str, Echo | Refusal | Waiting]) -> dict[str, str]:
    return {key: one.heard for key, one in outcome.items() if isinstance(one, Echo)}


def paid(fake: FakeClaude) -> Counter[str]:
    """How often each question was billed."""
    return Counter(bill.question for bill in fake.billed)


def endings(ledger: AgentLedger) -> Counter[str]:
    with tenant_scope(ledger.engine, ledger.tenant_id) as connection:
        return Counter(connection.scalars(text("SELECT ending FROM cost_events WHERE batched")))


EVERY = {key: key for key in KEYS}
ONCE = Counter({f"say {key}": 1 for key in KEYS})


def test_answers_are_matched_by_our_ids_whatever_their_order(
    engine: Engine, fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    assert heard(told(claude, ledger)) == EVERY
    assert paid(fake) == ONCE
    prices = {"input": "0.10", "output": "0.50", "cache_write": "0.125", "cache_read": "0.01"}
    bill = sum(
        (Decimal(price) * getattr(one.usage, name) for one in fake.billed for name, price in prices.items()), Decimal(0)
    )
    assert sum(line.cost_usd for line in spent(engine, ledger.tenant_id)) == bill / 1_000_000 / 2


def test_a_job_that_is_done_asks_nothing_anew(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    first = told(claude, ledger)
    seen = len(fake.seen)
    assert told(claude, ledger) == first
    assert len(fake.seen) == seen


def test_while_claude_works_the_job_waits(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    fake.at_once = False
    assert {type(one) for one in told(claude, ledger).values()} == {Waiting}
    assert {type(one) for one in told(claude, ledger).values()} == {Waiting}
    fake.finish()
    assert heard(told(claude, ledger)) == EVERY
    assert len(fake.batches) == 1


def test_a_partial_batch_keeps_what_came_and_asks_for_what_expired(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    expired = {"say b", "say d"}
    fake.fate = lambda question: trouble.EXPIRED if question in expired and len(fake.batches) == 1 else None
    assert heard(told(claude, ledger)) == EVERY
    assert [sorted(one["params"]["messages"][0]["content"] for one in batch.requests) for batch in fake.batches] == [
        sorted(ONCE),
        sorted(expired),
    ]
    assert paid(fake) == ONCE
    assert endings(ledger) == Counter(accepted=5, expired=2)


def test_what_expires_again_and_again_ends(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    fake.fate = lambda question: trouble.EXPIRED if question == "say c" else None
    outcome = told(claude, ledger)
    no = outcome["c"]
    assert isinstance(no, Refusal)
    assert (no.reason, len(fake.batches)) == (Reason.UNAVAILABLE, BatchConfig().rounds)
    assert heard(outcome) == {key: key for key in KEYS if key != "c"}


@pytest.mark.parametrize(
    ("kind", "again"),
    [("overloaded_error", True), ("api_error", True), ("invalid_request_error", False), ("billing_error", False)],
)
def test_an_error_is_met_by_its_kind(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, kind: str, again: bool
) -> None:
    fake.fate = lambda question: trouble.errored(kind) if question == "say a" and len(fake.batches) == 1 else None
    outcome = told(claude, ledger)
    assert isinstance(outcome["a"], Echo if again else Refusal)
    assert len(fake.batches) == (2 if again else 1)
    assert max(paid(fake).values()) == 1


def test_what_was_canceled_stays_canceled(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    fake.fate = lambda question: trouble.CANCELED if question == "say a" else None
    no = told(claude, ledger)["a"]
    assert isinstance(no, Refusal)
    assert "canceled" in no.detail
    assert len(fake.batches) == 1


def test_an_unusable_answer_is_repaired_once_in_the_next_round(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    fake.answer = lambda request: Reply("oi?") if len(request["messages"]) == 1 else echo(request)
    assert heard(told(claude, ledger)) == EVERY
    assert endings(ledger) == Counter(invalid=5, accepted=5)
    assert [len(batch.requests[0]["params"]["messages"]) for batch in fake.batches] == [1, 3]


def test_a_second_unusable_answer_is_refused(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    fake.answer = lambda request: Reply('{"heard": "oi"}')
    outcome = told(claude, ledger)
    assert {one.reason for one in outcome.values() if isinstance(one, Refusal)} == {Reason.REJECTED}
    assert len(fake.batches) == 2


def test_results_that_come_twice_count_once(
    engine: Engine, fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    fake.doubled = True
    assert heard(told(claude, ledger)) == EVERY
    assert sum(line.attempts for line in spent(engine, ledger.tenant_id)) == len(KEYS)


def test_results_that_are_missing_are_read_again_and_not_asked_again(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    fake.lost_results = 2
    waiting = told(claude, ledger)["a"]
    assert isinstance(waiting, Waiting)
    assert waiting.why == "2 of 5 results have not come"
    fake.lost_results = 0
    assert heard(told(claude, ledger)) == EVERY
    assert paid(fake) == ONCE


def test_a_submission_that_claude_turned_away_is_repeated_at_once(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    fake.asked(trouble.RATE_LIMITED, trouble.OVERLOADED)
    assert heard(told(claude, ledger)) == EVERY
    assert len(fake.batches) == 1


@pytest.mark.parametrize("fault", [trouble.DROP_AFTER_WORK, trouble.MALFORMED], ids=["dropped", "garbled"])
def test_a_submission_whose_answer_got_lost_is_found_again(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, fault: trouble.Trouble
) -> None:
    fake.asked(fault)
    refused = run("echoes", ASKS, claude=claude, ledger=ledger, now=later())
    assert isinstance(refused, Refusal)
    assert len(fake.batches) == 1
    assert heard(told(claude, ledger)) == EVERY
    assert len(fake.batches) == 1
    assert paid(fake) == ONCE


def test_it_is_found_among_batches_of_others(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    """Of the same size, newer and older, over several pages of the list."""
    for number in range(3):
        claude.client.submit(
            [(f"other-{number}-{key}", {**BARE, "messages": [{"role": "user", "content": "x"}]}) for key in KEYS]
        )
    fake.asked(trouble.DROP_AFTER_WORK)
    assert isinstance(run("echoes", ASKS, claude=claude, ledger=ledger, now=later()), Refusal)
    for number in range(3, 6):
        claude.client.submit(
            [(f"other-{number}-{key}", {**BARE, "messages": [{"role": "user", "content": "x"}]}) for key in KEYS]
        )
    assert heard(told(claude, ledger)) == EVERY
    assert max(count for question, count in paid(fake).items() if question != "x") == 1


BARE = {"model": "claude-haiku-5-5", "max_tokens": 10, "system": []}


def test_while_a_batch_that_may_be_ours_is_worked_on_nothing_is_sent(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    """Its custom ids are told only when it ends; hours later as well."""
    fake.at_once = False
    fake.asked(trouble.DROP_AFTER_WORK)
    assert isinstance(run("echoes", ASKS, claude=claude, ledger=ledger, now=later()), Refusal)
    for hours in (0, 3, 12):
        waiting = told(claude, ledger, now=later(hours=hours))["a"]
        assert isinstance(waiting, Waiting)
        assert "may be this one" in waiting.why
    assert len(fake.batches) == 1
    fake.finish()
    assert heard(told(claude, ledger)) == EVERY
    assert paid(fake) == ONCE


def test_a_submission_that_never_arrived_is_repeated_after_it_had_time_to(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger
) -> None:
    fake.asked(trouble.DROP)
    assert isinstance(run("echoes", ASKS, claude=claude, ledger=ledger, now=later()), Refusal)
    waiting = told(claude, ledger)["a"]
    assert isinstance(waiting, Waiting)
    assert "may still arrive" in waiting.why
    assert heard(told(claude, ledger, now=later(minutes=11))) == EVERY
    assert len(fake.batches) == 1


def test_reading_is_repeated_until_it_works(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    fake.asked(None, trouble.BROKEN, trouble.DROP, None, trouble.HANG)
    assert heard(told(claude, ledger)) == EVERY
    assert paid(fake) == ONCE


class Beaten(AgentLedger):
    """Whose process reads a batch just before another one claims it."""

    def claim(self, batch: StoredBatch) -> datetime | None:
        assert super().claim(batch) is not None
        return super().claim(batch)


def test_of_two_processes_one_submits(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    waiting = told(claude, Beaten(ledger.engine, ledger.tenant_id))["a"]
    assert isinstance(waiting, Waiting)
    assert waiting.why == "another process submits it"
    assert fake.batches == []


def test_a_job_without_questions_is_done(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    assert run("nothing", {}, claude=claude, ledger=ledger, now=later()) == {}
    assert fake.seen == []


def test_jobs_do_not_mix(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    one, two = {"a": ask("say one")}, {"a": ask("say two")}
    assert heard(told(claude, ledger, "first", asks=one)) == {"a": "one"}
    assert heard(told(claude, ledger, "second", asks=two)) == {"a": "two"}


def test_requests_that_are_too_many_are_a_mistake(claude: Claude, ledger: AgentLedger) -> None:
    many = dict.fromkeys(map(str, range(batches.MOST_QUESTIONS + 1)), ASKS["a"])
    with pytest.raises(ValueError, match="a batch holds at most"):
        run("many", many, claude=claude, ledger=ledger, now=later())


def test_a_known_state_is_told_by_the_ledger(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    fake.at_once = False
    told(claude, ledger)
    [batch] = ledger.open_batches()
    assert (batch.state, batch.remote_id) == (BatchState.SUBMITTED, fake.batches[0].id)
