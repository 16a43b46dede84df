"""E-mail: a subject on one line, an address that can be written to, and a way to be left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address

from contracts.messages import Fault, Flaw, Message, Recipient, Text
from engines import content

CHANNEL = "email"


@dataclass(frozen=True, slots=True)
class EmailRules:
    """Limits of one e-mail."""

    opt_out_line: str | None = 'To opt out, reply "unsubscribe" and we will not write again.'
    subject_characters: int = 150  # clients cut at 60 to 80; RFC 5322 ends a line at 998
    body_words: int = 500  # nobody reads more in outreach, and it is no newsletter


def prepare(text: Text, recipient: Recipient, rules: EmailRules | None = None) -> Message:
    """The e-mail as it would go out, with its faults."""
    rules = rules or EmailRules()
    body = content.with_opt_out(content.render(text.body, recipient.values), rules.opt_out_line)
    subject = content.render(text.subject or "", recipient.values).strip()
    words = len(body.split())
    return content.compose(
        CHANNEL,
        text,
        recipient,
        faults=tuple(_faults(subject, body, words, recipient, rules)),
        measure=(words, "words"),
        body=body,
        subject=subject or None,
    )


def _faults(subject: str, body: str, words: int, recipient: Recipient, rules: EmailRules) -> Iterator[Fault]:
    if not is_address(recipient.address):
        yield Fault(Flaw.BAD_ADDRESS, f"{recipient.address!r} is not an e-mail address.")
    if not subject:
        yield Fault(Flaw.BAD_SUBJECT, "An e-mail needs a subject.")
    elif any(ord(letter) < 32 or ord(letter) == 127 for letter in subject):
        yield Fault(Flaw.BAD_SUBJECT, "The subject holds a line break or another control character.")
    elif len(subject) > rules.subject_characters:
        yield Fault(
            Flaw.BAD_SUBJECT, f"The subject has {len(subject)} characters, and {rules.subject_characters} are allowed."
        )
    if words > rules.body_words:
        yield Fault(Flaw.TOO_LONG, f"The body has {words} words, and {rules.body_words} are allowed.")
    yield from content.needs_opt_out(body)


def is_address(text: str) -> bool:
    """Whether it is a plain `local@domain.tld` by RFC 5322's grammar; names, comments and quoted parts are not."""
    try:
        address = Address(addr_spec=text)
    except (HeaderParseError, ValueError, IndexError):
        return False
    host = address.domain
    labels = host.split(".")
    plain = text == address.addr_spec and '"' not in text and text.isprintable() and " " not in text
    return plain and len(address.username) <= 64 and len(labels) > 1 and all(labels) and not host.startswith("[")
