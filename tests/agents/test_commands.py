"""`learnback design …` and `learnback costs` as a person types them, with a key (the fake server) and without."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from contracts.learning import Evidence, Finding, Payload, Ruling, Verdict
from engines import campaign_design, message_design, sequence_design
from settings import Settings
from store import book, tenants
from store.book import Publication
from tests.agents import fake_claude as trouble
from tests.agents.fake_claude import KEY, FakeClaude
from tests.agents.patterns import HEADS, LEARNED
from tests.cli.shell import Shell


@pytest.fixture(scope="module")
def acme(engine: Engine) -> str:
    """A tenant with all four patterns in force."""
    tenant = tenants.create(engine, "Acme")
    for name, head in HEADS.items():
        assert head.payload is not None
        publish(engine, tenant, name, head.payload)
    tenants.create(engine, "New here")
    return tenant.name


def publish(engine: Engine, tenant: tenants.Tenant, name: str, payload: Payload) -> None:
    now = datetime.now(UTC)
    finding = Finding(payload, Evidence(1_000, 60), inputs_sha256=uuid4().hex)
    publication = Publication(tenant.id, name, finding, Verdict(Ruling.PUBLISH, 0.9), now + timedelta(days=28), "c0de")
    book.publish(engine, [publication], run_id=uuid4(), as_of=now, actor="test")


@pytest.fixture
def keyless(settings: Settings, acme: str, tmp_path: Path) -> Shell:
    """A folder with a store and no key; an empty one hides that of the machine."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    return Shell(tmp_path).having(DATABASE_URL=url, HOME=settings.home, ANTHROPIC_API_KEY="")


@pytest.fixture
def keyed(keyless: Shell, fake: FakeClaude) -> Shell:
    return keyless.having(ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=fake.url, CLAUDE_ATTEMPTS="1")


SEQUENCE = sequence_design.design(LEARNED.known, LEARNED.limits).model_copy(update={"name": "From Claude"})
MESSAGES = message_design.design(LEARNED.known, "email", 2)
CAMPAIGN = campaign_design.design(LEARNED)


def test_without_a_key_a_sequence_is_made_by_rules(keyless: Shell) -> None:
    said = keyless("design", "sequence", "acme")
    assert said.code == 0
    assert "1  0    linkedin  tue 10:00–11:00" in said.out
    assert "Rests on when version 1, how version 1." in said.out
    assert "It was made by rules from the patterns alone, without Claude" in said.out


def test_without_a_pattern_it_says_so(keyless: Shell) -> None:
    said = keyless("design", "sequence", "New here")
    assert said.code == 0
    assert "when: nothing has been published, so the defaults decide" in said.out


@pytest.mark.parametrize("what", ["sequence", "messages", "campaign"])
def test_without_a_key_a_script_reads_who_made_it(keyless: Shell, what: str) -> None:
    told = json.loads(keyless("design", what, "Acme", "--json").out)
    assert (told["made_by"], told["attempts"]) == ("rules", [])
    assert all(one["version"] == 1 for one in told["basis"])
    assert told["design"]["because"]


def test_claude_designs_a_sequence_and_says_what_it_took(keyed: Shell, fake: FakeClaude) -> None:
    fake.says(SEQUENCE.model_dump_json())
    said = keyed("design", "sequence", "Acme", "--brief", "Bookkeeping for law firms")
    assert said.code == 0, said.err
    assert "Made by Claude, sequence_builder@1." in said.out
    assert "claude-sonnet-5-5, 1 attempts:" in said.out
    assert "US dollars." in said.out
    assert "Bookkeeping for law firms" in json.dumps(fake.questions)


def test_claude_writes_messages_and_a_campaign(keyed: Shell, fake: FakeClaude) -> None:
    fake.says(MESSAGES.model_dump_json(), CAMPAIGN.model_dump_json())
    messages = keyed("design", "messages", "Acme", "--count", "2", "--purpose", "Say hello")
    campaign = keyed("design", "campaign", "Acme")
    assert (messages.code, campaign.code) == (0, 0)
    assert "Subject: A note from our team" in messages.out
    assert "title = cfo" in campaign.out
    assert "10% of leads, drawn at random, are held out" in campaign.out


def test_a_refusal_says_why_and_what_else_there_is(keyed: Shell, fake: FakeClaude) -> None:
    fake.asked(trouble.status(401, "authentication_error", f"invalid key {KEY}"))
    said = keyed("design", "sequence", "Acme")
    assert said.code == 1
    assert "Claude gave no design: Claude could not be reached (401 authentication_error invalid key ***" in said.err
    assert "`--by-rules`" in said.err
    assert KEY not in said.out + said.err


def test_rules_can_be_wanted_with_a_key(keyed: Shell, fake: FakeClaude) -> None:
    assert keyed("design", "campaign", "Acme", "--by-rules").code == 0
    assert fake.questions == []


def test_a_channel_that_the_rules_leave_out_is_refused(keyless: Shell, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[daily_caps]\nemail = 10\n")
    said = keyless("design", "messages", "Acme", "--channel", "sms", "--rules", str(rules))
    assert said.code == 2
    assert said.err.startswith("the rules of Acme leave no sms, and they leave email.")


def test_an_answer_that_can_wait_is_fetched_by_the_same_command(keyed: Shell, fake: FakeClaude) -> None:
    fake.at_once = False
    fake.answer = lambda request: trouble.Reply(SEQUENCE.model_dump_json())
    command = ("design", "sequence", "Acme", "--later", "--brief", "Later")
    assert "Not answered yet" in keyed(*command).out
    assert json.loads(keyed(*command, "--json").out)["waiting"]
    fake.finish()
    assert "Made by Claude, sequence_builder@1." in keyed(*command).out
    assert len(fake.billed) == 1


def test_waiting_needs_a_key(keyless: Shell) -> None:
    said = keyless("design", "sequence", "Acme", "--later")
    assert said.code == 2
    assert "there is no key" in said.err


def test_costs_are_told_by_prompt_and_model(keyed: Shell, fake: FakeClaude, engine: Engine) -> None:
    name = f"thrifty {uuid4()}"
    tenants.create(engine, name)
    assert keyed("costs", name).out.strip() == "Claude has not been asked anything."
    fake.says("no JSON", sequence_design.design(LEARNED.known, LEARNED.limits).model_dump_json())
    assert keyed("design", "sequence", name).code == 0
    said = keyed("costs", name)
    assert "sequence_builder@1" in said.out
    assert "sequence_builder@1+repair@1" in said.out
    told = json.loads(keyed("costs", name, "--days", "1", "--json").out)
    assert [one["attempts"] for one in told] == [1, 1]
    assert all(float(one["cost_usd"]) > 0 for one in told)
