"""What is about to be sent: a text and a person in, a validated message or the faults that stop it out.

Engines prepare messages, callers store them, senders send them. A prepared message carries the snapshot and the typed
features that its touch keeps, so that what was sent can be learned from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from contracts.decision import Decision


@dataclass(frozen=True, slots=True)
class Text:
    """What was written, before names are filled in: `{first_name}` and its like stand for values of the recipient.

    template_id: names the text; None takes a name from its content. declared: content features that the author knows,
    which win over those read off the text.
    """

    body: str
    subject: str | None = None
    template_id: str | None = None
    declared: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom it goes to. address: an e-mail address, a telephone number or a profile, as the channel needs it.

    values: what placeholders stand for, such as first_name.
    """

    lead_id: UUID
    address: str
    values: Mapping[str, str] = field(default_factory=dict)
    opted_out: bool = False


class Flaw(StrEnum):
    """Why a message may not be sent. One code, one meaning, on every channel."""

    OPTED_OUT = "opted_out"
    BAD_ADDRESS = "bad_address"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    MISSING_VALUE = "missing_value"  # a placeholder that the recipient has no value for
    BAD_SUBJECT = "bad_subject"  # missing where the channel needs one, or more than one line
    NO_OPT_OUT = "no_opt_out"  # nothing tells how to be left alone, and the rules give no line to add


@dataclass(frozen=True, slots=True)
class Fault:
    """One flaw, in a sentence that says what was got and what is wanted."""

    flaw: Flaw
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Decision):
    """A message as it would go out. It may be sent when `faults` is empty.

    snapshot: what the touch keeps as content_snapshot. features: its typed columns (contracts.outcomes). size: in the
    unit that the channel counts: words, SMS segments, characters, seconds.
    """

    channel: str
    to: str
    body: str
    subject: str | None
    template_id: str
    size: float
    unit: str
    snapshot: Mapping[str, Any]
    features: Mapping[str, str | bool | None]
    faults: tuple[Fault, ...] = ()

    @property
    def sendable(self) -> bool:
        return not self.faults


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a message went. reference: the sender's own name for it. final: False where a person has to send it."""

    sender: str
    reference: str
    final: bool


class Sender(Protocol):
    """Sends one message, or puts it where somebody will. key: of the touch; sending it again must not send twice.

    Raises ValueError for a message with faults, and SendError where it could not be handed over.
    """

    def send(self, message: Message, *, key: UUID) -> Receipt: ...
