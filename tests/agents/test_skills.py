"""Each skill end to end: with Claude (the real SDK, a fake server), without a key, with designs that break limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import text

from agents import asking
from agents.asking import Claude
from agents.skills import campaign_generation, deciding, messaging_generator, sequence_builder
from contracts.agents import SkillResult
from contracts.designs import Brief
from contracts.refusal import Reason, Refusal
from engines import campaign_design, message_design, sequence_design
from settings import load
from store.agent_ledger import AgentLedger
from store.scope import tenant_scope
from tests.agents import fake_claude as trouble
from tests.agents.fake_claude import FakeClaude
from tests.agents.patterns import LEARNED, NOTHING
from tests.agents.test_asking import PASSING

Built = SkillResult[Any] | Refusal
Build = Callable[[Brief, Claude | Refusal, AgentLedger], Built]


def messages(brief: Brief, claude: Claude | Refusal, ledger: AgentLedger) -> Built:
    return messaging_generator.build(brief, "email", 2, "Begin a conversation", claude, ledger)


SKILLS: dict[str, Build] = {
    sequence_builder.NAME: sequence_builder.build,
    messaging_generator.NAME: messages,
    campaign_generation.NAME: campaign_generation.build,
}
GOOD: dict[str, BaseModel] = {
    sequence_builder.NAME: sequence_design.design(LEARNED.known, LEARNED.limits),
    messaging_generator.NAME: message_design.design(LEARNED.known, "email", 2),
    campaign_generation.NAME: campaign_design.design(LEARNED),
}
MODEL = {
    sequence_builder.NAME: "claude-sonnet-5-5",
    messaging_generator.NAME: "claude-sonnet-5-5",
    campaign_generation.NAME: "claude-opus-5-5",
}


def broken(name: str) -> tuple[str, str]:
    """A well-formed design that an engine rejects, and what it says of it."""
    design = GOOD[name].model_dump(mode="json")
    match name:
        case sequence_builder.NAME:
            design["steps"][1]["day"] = 1
            return json.dumps(design), "Step 2 comes 1 days after the one before, and at least 3 are wanted."
        case messaging_generator.NAME:
            design["variants"][0]["features"]["angle"] = "urgency"
            return json.dumps(design), "angle is social_proof, not urgency"
        case _:
            design["segments"][0]["level"] = "king"
            return json.dumps(design), "WHO knows no title 'king'"


NO_KEY = asking.connect(load(anthropic_api_key=None))
each_skill = pytest.mark.parametrize("name", SKILLS)


def endings(ledger: AgentLedger) -> list[str]:
    with tenant_scope(ledger.engine, ledger.tenant_id) as connection:
        return list(connection.scalars(text("SELECT ending FROM cost_events ORDER BY at, number")))


@each_skill
def test_an_accepted_design_is_claudes(fake: FakeClaude, claude: Claude, ledger: AgentLedger, name: str) -> None:
    fake.says(GOOD[name].model_dump_json())
    result = SKILLS[name](LEARNED, claude, ledger)
    assert isinstance(result, SkillResult)
    assert (result.skill, result.made_by, result.without) == (name, "claude", "")
    assert result.design == GOOD[name]
    assert result.basis == LEARNED.known.basis
    assert result.prompt == f"{name}@1"
    assert [one.ending for one in result.attempts] == endings(ledger) == ["accepted"]
    assert fake.questions[0]["model"] == MODEL[name]


@each_skill
def test_the_question_holds_facts_limits_and_the_offer(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, name: str
) -> None:
    fake.says(GOOD[name].model_dump_json())
    SKILLS[name](LEARNED, claude, ledger)
    told = json.loads(fake.questions[0]["messages"][0]["content"])
    assert any(fact.startswith("gaps: 4-5 does best") for fact in told["facts"])
    assert told["limits"]["open_hours"]["mon"] == list(range(9, 17))
    assert told["limits"]["open_hours"]["sun"] == []
    assert told["offer"] == "Bookkeeping for small law firms."


@each_skill
@pytest.mark.parametrize("brief", [LEARNED, NOTHING], ids=["learned", "nothing known"])
def test_without_a_key_the_rules_design_and_say_so(
    fake: FakeClaude, ledger: AgentLedger, name: str, brief: Brief
) -> None:
    assert isinstance(NO_KEY, Refusal)
    result = SKILLS[name](brief, NO_KEY, ledger)
    assert isinstance(result, SkillResult)
    assert (result.made_by, result.attempts, result.prompt) == ("rules", (), "")
    assert result.without.startswith(deciding.WITHOUT_CLAUDE)
    assert (deciding.SKELETONS in result.without) == (name != sequence_builder.NAME)
    assert result.basis == brief.known.basis
    assert fake.seen == []
    assert endings(ledger) == []


@each_skill
def test_a_design_that_breaks_a_limit_is_repaired_with_the_reason(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, name: str
) -> None:
    bad, why = broken(name)
    fake.says(bad, GOOD[name].model_dump_json())
    result = SKILLS[name](LEARNED, claude, ledger)
    assert isinstance(result, SkillResult)
    assert result.design == GOOD[name]
    assert endings(ledger) == ["rejected", "accepted"]
    assert why in fake.questions[1]["messages"][2]["content"]


@each_skill
def test_a_design_that_breaks_a_limit_twice_is_rejected(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, name: str
) -> None:
    bad, why = broken(name)
    fake.says(bad, bad)
    refused = SKILLS[name](LEARNED, claude, ledger)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.REJECTED
    assert why in refused.detail


@each_skill
@pytest.mark.parametrize("fault", [name for name in PASSING if name != "no answer in time"])
def test_every_skill_survives_every_fault(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, name: str, fault: str
) -> None:
    fake.answer = lambda request: trouble.Reply(GOOD[name].model_dump_json())
    fake.asked(PASSING[fault][0])
    assert isinstance(SKILLS[name](LEARNED, claude, ledger), SkillResult)
    assert endings(ledger) == [str(PASSING[fault][1]), "accepted"]


@each_skill
def test_claude_that_is_away_is_no_reason_to_pass_rules_off_as_its_design(
    fake: FakeClaude, claude: Claude, ledger: AgentLedger, name: str
) -> None:
    fake.asked(*[trouble.OVERLOADED] * 4)
    refused = SKILLS[name](LEARNED, claude, ledger)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.UNAVAILABLE


def test_messages_that_were_not_asked_for_are_rejected(fake: FakeClaude, claude: Claude, ledger: AgentLedger) -> None:
    other = message_design.design(LEARNED.known, "linkedin", 3).model_dump_json()
    fake.says(other, other)
    refused = messages(LEARNED, claude, ledger)
    assert isinstance(refused, Refusal)
    assert "There are 3 variants, and 2 were asked for" in refused.detail
    assert "Every variant must be for email" in refused.detail
