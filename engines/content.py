"""Content capture: from what was written to what goes out, and what a touch keeps of it to be learned from.

Shared by the engines of the channels: names filled in, the opt-out line put in, features read once per distinct text.
The specification's content_utils.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from algorithms.content import ContentFeatures, features, snapshot_features
from contracts.messages import Fault, Flaw, Message, Recipient, Text

PLACEHOLDER = re.compile(r"\{\{?\s*([A-Za-z][\w .]*?)\s*\}?\}")
"""`{first_name}` and `{{ first_name }}`."""

OPT_OUT = re.compile(
    r"\b(unsubscribe|opt[ -]?out|(?:reply|text) stop|no longer wish|not (?:hear from|be contacted|be called)"
    r"|take (?:me|you) off|remove me)\b",
    re.IGNORECASE,
)
"""English by which a text tells how to be left alone."""

KEPT_TEXTS = 4096  # distinct texts whose features are remembered: a campaign has dozens


def compose(
    channel: str,
    text: Text,
    recipient: Recipient,
    *,
    faults: Iterable[Fault],
    measure: tuple[float, str],
    body: str,
    subject: str | None,
) -> Message:
    """The message of any channel. body, subject: rendered; measure: (size, unit); faults: those of the channel."""
    template_id = text.template_id or template_name(channel, text)
    read = text_features(text)
    found = (*common_faults(text, recipient), *faults)
    size, unit = measure
    told = f"{channel} to be sent from {template_id}, {size:g} {unit}"
    return Message(
        channel=channel,
        to=recipient.address,
        body=body,
        subject=subject,
        template_id=template_id,
        size=size,
        unit=unit,
        snapshot=snapshot(channel, text, template_id, body, subject, read),
        features=read.to_columns(),
        faults=found,
        because=told if not found else f"not to be sent: {' '.join(fault.sentence for fault in found)}",
        pattern_version=0,
    )


def render(written: str, values: Mapping[str, str]) -> str:
    """The text with every placeholder that has a value filled in; the others stay, and `common_faults` names them."""
    return PLACEHOLDER.sub(lambda found: values.get(_key(found.group(1)), found.group(0)), written)


def with_opt_out(body: str, line: str | None, gap: str = "\n\n") -> str:
    """The body, and the line that tells how to be left alone where it does not say so itself."""
    return body if line is None or OPT_OUT.search(body) else f"{body.rstrip()}{gap}{line}"


def needs_opt_out(body: str) -> Iterable[Fault]:
    """A fault where the finished body does not tell how to be left alone."""
    if not OPT_OUT.search(body):
        yield Fault(Flaw.NO_OPT_OUT, "Nothing tells how to opt out, and the rules give no line to add.")


def common_faults(text: Text, recipient: Recipient) -> Iterable[Fault]:
    """What stops a message on every channel."""
    if recipient.opted_out:
        yield Fault(Flaw.OPTED_OUT, "The person asked not to be contacted.")
    if not text.body.strip():
        yield Fault(Flaw.EMPTY, "The text is empty.")
    for name in missing_values(text, recipient.values):
        yield Fault(Flaw.MISSING_VALUE, f"The text asks for {name}, and the person has no such value.")


def missing_values(text: Text, values: Mapping[str, str]) -> list[str]:
    """Placeholders without a value, or with an empty one, in order of appearance."""
    asked = (_key(found) for found in PLACEHOLDER.findall(f"{text.subject or ''}\n{text.body}"))
    return list(dict.fromkeys(name for name in asked if not values.get(name, "").strip()))


def template_name(channel: str, text: Text) -> str:
    """`email-3fa9c1d2`: equal texts have equal names, whoever wrote them and whenever."""
    written = f"{channel}\x00{text.subject or ''}\x00{text.body}"
    return f"{channel}-{hashlib.blake2b(written.encode(), digest_size=4).hexdigest()}"


def text_features(text: Text) -> ContentFeatures:
    """Features of the text as it was written, placeholders and all; what the author declared wins."""
    read = _read(text.subject, text.body)
    if not text.declared:
        return read
    return snapshot_features({**read.to_columns(), **text.declared, "subject": text.subject, "body": text.body})


@lru_cache(maxsize=KEPT_TEXTS)
def _read(subject: str | None, body: str) -> ContentFeatures:
    return features(subject, body)


def snapshot(
    channel: str, text: Text, template_id: str, body: str, subject: str | None, read: ContentFeatures
) -> dict[str, Any]:
    """The full record of what is sent, ready for `content_snapshot`: text as sent, its template, its features."""
    columns = {name: value for name, value in read.to_columns().items() if value is not None}
    return {"channel": channel, "template": template_id, "subject": subject, "body": body, **columns}


def _key(name: str) -> str:
    """`First Name`, `contact.first_name` and `first_name` are one placeholder."""
    return name.rsplit(".", 1)[-1].strip().lower().replace(" ", "_")
