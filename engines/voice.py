"""Voice: a script is as long as it takes to say, and the person must hear how to be left alone.

There is no public interface here for placing calls. The prepared script goes to the outbox, where a person calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from contracts.messages import Fault, Flaw, Message, Recipient, Text
from engines import content
from engines.sms import NUMBER

CHANNEL = "voice"

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d")
"""A word, or a single digit: numbers are said digit by digit."""

PAUSE = re.compile(r"[.!?…:]+(?=\s|$)|\n\s*\n")
"""Where a speaker draws breath."""


@dataclass(frozen=True, slots=True)
class VoiceRules:
    """Limits of one call."""

    opt_out_line: str | None = "If you would rather not be called again, say so, and we will take you off our list."
    seconds: float = 60.0  # a voicemail is cut off, or deleted, after about a minute
    words_a_minute: float = 150.0  # unhurried English speech
    pause_seconds: float = 0.5  # after a sentence


def prepare(text: Text, recipient: Recipient, rules: VoiceRules | None = None) -> Message:
    """The script as it would be said, with its faults. A subject is not said."""
    rules = rules or VoiceRules()
    body = _with_line(content.render(text.body, recipient.values).strip(), rules.opt_out_line)
    length = duration(body, rules)
    return content.compose(
        CHANNEL,
        text,
        recipient,
        faults=tuple(_faults(body, length, recipient, rules)),
        measure=(round(length, 1), "seconds"),
        body=body,
        subject=None,
    )


def duration(script: str, rules: VoiceRules) -> float:
    """Seconds that a script takes to say."""
    return len(WORD.findall(script)) * 60.0 / rules.words_a_minute + len(PAUSE.findall(script)) * rules.pause_seconds


def _with_line(script: str, line: str | None) -> str:
    return content.with_opt_out(script, line, gap=" ")


def _faults(body: str, length: float, recipient: Recipient, rules: VoiceRules) -> Iterator[Fault]:
    if not NUMBER.fullmatch(recipient.address):
        yield Fault(Flaw.BAD_ADDRESS, f"{recipient.address!r} is not a telephone number such as +441632960960.")
    if length > rules.seconds:
        yield Fault(
            Flaw.TOO_LONG, f"The script takes {length:.0f} seconds to say, and {rules.seconds:.0f} are allowed."
        )
    yield from content.needs_opt_out(body)
