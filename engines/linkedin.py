"""LinkedIn: a note with a request to connect, a message to a connection, or an InMail; each has its own limit.

LinkedIn has no public interface for sending these. The prepared message goes to the outbox, where a person takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from contracts.messages import Fault, Flaw, Message, Recipient, Text
from engines import content

CHANNEL = "linkedin"

PROFILE = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/(?:in|pub)/[\w%.~-]+/?(?:\?.*)?", re.IGNORECASE)


class Kind(StrEnum):
    """What is sent on LinkedIn."""

    NOTE = "note"
    MESSAGE = "message"
    INMAIL = "inmail"


@dataclass(frozen=True, slots=True)
class LinkedinRules:
    """Limits of LinkedIn, in characters; they are the site's own, and it changes them."""

    kind: Kind = Kind.MESSAGE
    note: int = 300
    message: int = 8000
    inmail: int = 1900
    subject: int = 200  # of an InMail

    @property
    def characters(self) -> int:
        return {Kind.NOTE: self.note, Kind.MESSAGE: self.message, Kind.INMAIL: self.inmail}[self.kind]


def prepare(text: Text, recipient: Recipient, rules: LinkedinRules | None = None) -> Message:
    """The message as a person would paste it, with its faults. People opt out there by not answering or blocking."""
    rules = rules or LinkedinRules()
    body = content.render(text.body, recipient.values).strip()
    subject = content.render(text.subject or "", recipient.values).strip() if rules.kind is Kind.INMAIL else ""
    return content.compose(
        CHANNEL,
        text,
        recipient,
        faults=tuple(_faults(subject, body, recipient, rules)),
        measure=(len(body), "characters"),
        body=body,
        subject=subject or None,
    )


def _faults(subject: str, body: str, recipient: Recipient, rules: LinkedinRules) -> Iterator[Fault]:
    if not PROFILE.fullmatch(recipient.address):
        yield Fault(Flaw.BAD_ADDRESS, f"{recipient.address!r} is not a profile such as linkedin.com/in/name.")
    if len(body) > rules.characters:
        yield Fault(Flaw.TOO_LONG, f"The {rules.kind} has {len(body)} characters, and {rules.characters} are allowed.")
    if rules.kind is Kind.INMAIL and not 0 < len(subject) <= rules.subject:
        yield Fault(
            Flaw.BAD_SUBJECT, f"The subject has {len(subject)} characters, and 1 to {rules.subject} are wanted."
        )
