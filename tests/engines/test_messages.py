"""Messages before they go out: what each channel allows, what it refuses, and what is kept to be learned from."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.messages import Flaw, Message, Recipient, Text
from contracts.outcomes import CONTENT_FEATURES
from engines import content, email, linkedin, sms, voice
from engines.linkedin import Kind, LinkedinRules
from engines.sms import GSM, GSM_EXTENSION, SmsRules, segments
from engines.voice import VoiceRules, duration
from tests.engines.tables import table

LEAD = UUID(int=1)
ADA = Recipient(LEAD, "ada@example.com", {"first_name": "Ada"})
CALLED = Recipient(LEAD, "+441632960960", {"first_name": "Ada"})
LINKED = Recipient(LEAD, "https://www.linkedin.com/in/ada-lovelace", {"first_name": "Ada"})
TEXT = Text("Hello {first_name}, is a call on Thursday good for you?", subject="{first_name}, a thought")


def flaws(message: Message) -> list[Flaw]:
    return [fault.flaw for fault in message.faults]


def test_an_email_fills_names_in_tells_how_to_opt_out_and_keeps_what_it_says() -> None:
    message = email.prepare(TEXT, ADA)
    assert message.sendable
    assert message.subject == "Ada, a thought"
    assert message.body.startswith("Hello Ada, is a call")
    assert "unsubscribe" in message.body
    assert tuple(message.features) == CONTENT_FEATURES
    assert (message.features["personalised"], message.features["cta"]) == (True, "book_call")
    assert message.snapshot["body"] == message.body
    assert json.loads(json.dumps(message.snapshot)) == message.snapshot
    assert message.because == f"email to be sent from {message.template_id}, {message.size:g} words"


def test_one_text_is_one_template_whoever_it_goes_to() -> None:
    first, second = email.prepare(TEXT, ADA), email.prepare(TEXT, replace(ADA, values={"first_name": "Ben"}))
    assert first.body != second.body
    assert (first.template_id, first.features) == (second.template_id, second.features)
    assert email.prepare(replace(TEXT, body=TEXT.body + "!"), ADA).template_id != first.template_id
    assert email.prepare(replace(TEXT, template_id="spring-3"), ADA).template_id == "spring-3"


def test_what_the_author_declares_wins_over_what_is_read() -> None:
    declared = email.prepare(replace(TEXT, declared={"angle": "urgency", "has_number": True}), ADA)
    assert declared.features["angle"] == "urgency"
    assert declared.features["has_number"] is True
    assert declared.features["cta"] == "book_call"


@table(
    """
    what             | change                             | flaw
    opted out        | opted_out=True                     | opted_out
    no address       | address=""                         | bad_address
    no domain        | address="ada"                      | bad_address
    no dot           | address="ada@localhost"            | bad_address
    two addresses    | address="a@b.com,c@d.com"          | bad_address
    a header         | address="a@b.com\\nBcc: c@d.com"    | bad_address
    a name           | address="Ada <ada@example.com>"    | bad_address
    no first name    | values={}                          | missing_value
    an empty name    | values={"first_name": " "}         | missing_value
    """
)
def test_people_that_an_email_cannot_reach(row: dict[str, str]) -> None:
    found = email.prepare(TEXT, replace(ADA, **eval(f"dict({row['change']})")))
    assert flaws(found) == [Flaw(row["flaw"])]
    assert found.because.startswith("not to be sent: ")


@table(
    """
    what             | change                               | flaw
    no subject       | subject=None                         | bad_subject
    two lines        | subject="a\\nBcc: x@y.com"            | bad_subject
    a long subject   | subject="word " * 40                 | bad_subject
    nothing to say   | body="  "                            | empty
    too much         | body="word " * 600                   | too_long
    """
)
def test_texts_that_are_no_email(row: dict[str, str]) -> None:
    changed = replace(TEXT, **eval(f"dict({row['change']})"))
    assert flaws(email.prepare(changed, ADA)) == [Flaw(row["flaw"])]


def test_without_a_line_to_add_a_text_must_tell_how_to_opt_out_itself() -> None:
    rules = email.EmailRules(opt_out_line=None)
    assert flaws(email.prepare(TEXT, ADA, rules)) == [Flaw.NO_OPT_OUT]
    told = replace(TEXT, body=TEXT.body + " Reply unsubscribe to stop.")
    assert email.prepare(told, ADA, rules).sendable
    assert email.prepare(told, ADA).body.count("unsubscribe") == 1


@table(
    """
    text                  | encoding | segments
    ""                    | gsm-7    | 0
    "a" * 160             | gsm-7    | 1
    "a" * 161             | gsm-7    | 2
    "a" * 306             | gsm-7    | 2
    "a" * 307             | gsm-7    | 3
    "€" * 80              | gsm-7    | 1
    "€" * 81              | gsm-7    | 2
    "a" + "€" * 153       | gsm-7    | 3
    "ç" * 70              | ucs-2    | 1
    "ç" * 71              | ucs-2    | 2
    "ç" * 135             | ucs-2    | 3
    "😀" * 35             | ucs-2    | 1
    "😀" * 36             | ucs-2    | 2
    "😀" * 67             | ucs-2    | 3
    """
)
def test_segments(row: dict[str, str]) -> None:
    found = segments(eval(row["text"]))
    assert (found.encoding, found.count) == (row["encoding"], int(row["segments"]))


@given(st.text(alphabet=sorted(GSM | GSM_EXTENSION), max_size=700))
def test_every_gsm_text_fits_its_segments_and_no_fewer(body: str) -> None:
    found = segments(body)
    assert found.encoding == "gsm-7"
    least = -(-found.units // 153) if found.units > 160 else min(found.units, 1)
    assert least <= found.count <= least + 1  # an unsplit extension character may open one more


def test_a_text_message_is_paid_by_the_segment() -> None:
    message = sms.prepare(Text("Hello {first_name}, shall I call on Thursday?"), CALLED)
    assert (message.size, message.unit, message.subject) == (1, "segments of gsm-7", None)
    assert message.body == "Hello Ada, shall I call on Thursday? Reply STOP to opt out"
    long = sms.prepare(Text("ç" * 140), CALLED)
    assert flaws(long) == [Flaw.TOO_LONG]
    assert "halves what fits" in long.faults[0].sentence
    assert sms.prepare(Text("ç" * 140), CALLED, SmsRules(segments=3)).sendable
    assert flaws(sms.prepare(Text("Hello"), replace(CALLED, address="01632 960960"))) == [Flaw.BAD_ADDRESS]


def test_a_linkedin_note_is_shorter_than_a_message() -> None:
    text = Text("word " * 80)
    assert linkedin.prepare(text, LINKED).sendable
    assert flaws(linkedin.prepare(text, LINKED, LinkedinRules(Kind.NOTE))) == [Flaw.TOO_LONG]
    assert flaws(linkedin.prepare(text, LINKED, LinkedinRules(Kind.INMAIL))) == [Flaw.BAD_SUBJECT]
    inmail = linkedin.prepare(replace(text, subject="A thought"), LINKED, LinkedinRules(Kind.INMAIL))
    assert (inmail.sendable, inmail.subject) == (True, "A thought")
    assert linkedin.prepare(replace(text, subject="A thought"), LINKED).subject is None
    assert flaws(linkedin.prepare(text, ADA)) == [Flaw.BAD_ADDRESS]


def test_a_script_is_as_long_as_it_takes_to_say() -> None:
    rules = VoiceRules(words_a_minute=120, pause_seconds=1)
    assert duration("one two. three 42!", rules) == pytest.approx(5 * 0.5 + 2)
    message = voice.prepare(Text("Hello {first_name}, this is Ben of Acme."), CALLED)
    assert message.sendable
    assert message.unit == "seconds"
    assert "take you off our list" in message.body
    assert flaws(voice.prepare(Text("word " * 200), CALLED)) == [Flaw.TOO_LONG]


def test_a_text_with_every_flaw_names_all_of_them() -> None:
    message = email.prepare(Text("{company}", subject=""), Recipient(LEAD, "nobody", opted_out=True))
    assert flaws(message) == [Flaw.OPTED_OUT, Flaw.MISSING_VALUE, Flaw.BAD_ADDRESS, Flaw.BAD_SUBJECT]
    assert all(fault.sentence in message.because for fault in message.faults)


@given(st.text(max_size=300), st.text(max_size=80), st.text(max_size=60))
def test_no_text_breaks_an_engine(body: str, subject: str, address: str) -> None:
    for prepare in (email.prepare, sms.prepare, linkedin.prepare, voice.prepare):
        message = prepare(Text(body, subject), Recipient(LEAD, address))
        assert message.sendable == (not message.faults)


@pytest.mark.parametrize("written", ["{first_name}", "{{first_name}}", "{{ contact.First Name }}", "{ first_name }"])
def test_placeholders_as_programs_write_them(written: str) -> None:
    assert content.render(f"Hello {written}!", {"first_name": "Ada"}) == "Hello Ada!"
