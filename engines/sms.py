"""SMS: how many segments a text takes depends on its alphabet, and each is paid for.

GSM 03.38: 160 characters of the 7-bit alphabet in one segment and 153 in each of several; with any other character all
of the text goes out as UCS-2, 70 and 67. Characters of the extension table count twice, and are never split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from contracts.messages import Fault, Flaw, Message, Recipient, Text
from engines import content

CHANNEL = "sms"

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The basic alphabet."""

GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
"""Escaped: two characters each."""

NUMBER = re.compile(r"\+[1-9]\d{6,14}")
"""E.164."""


@dataclass(frozen=True, slots=True)
class SmsRules:
    """Limits of one text message."""

    opt_out_line: str | None = "Reply STOP to opt out"
    segments: int = 2  # three read like spam, and cost thrice


@dataclass(frozen=True, slots=True)
class Segments:
    """How a text goes out. encoding: gsm-7 or ucs-2. units: of the encoding, extension characters counting twice."""

    encoding: str
    units: int
    count: int


def prepare(text: Text, recipient: Recipient, rules: SmsRules | None = None) -> Message:
    """The text message as it would go out, with its faults. A subject is not sent."""
    rules = rules or SmsRules()
    body = content.with_opt_out(content.render(text.body, recipient.values), rules.opt_out_line, gap=" ").strip()
    parts = segments(body)
    return content.compose(
        CHANNEL,
        text,
        recipient,
        faults=tuple(_faults(body, parts, recipient, rules)),
        measure=(parts.count, f"segments of {parts.encoding}"),
        body=body,
        subject=None,
    )


def segments(body: str) -> Segments:
    """Count the segments of a text."""
    if all(letter in GSM or letter in GSM_EXTENSION for letter in body):
        return _counted("gsm-7", [2 if letter in GSM_EXTENSION else 1 for letter in body], 160, 153)
    return _counted("ucs-2", [len(letter.encode("utf-16-be")) // 2 for letter in body], 70, 67)


def _counted(encoding: str, widths: list[int], single: int, each: int) -> Segments:
    """A character is never split over two segments, so several segments may hold less than they could."""
    units = sum(widths)
    if units <= single:
        return Segments(encoding, units, 1 if units else 0)
    count, filled = 1, 0
    for width in widths:
        if filled + width > each:
            count, filled = count + 1, 0
        filled += width
    return Segments(encoding, units, count)


def _faults(body: str, parts: Segments, recipient: Recipient, rules: SmsRules) -> Iterator[Fault]:
    if not NUMBER.fullmatch(recipient.address):
        yield Fault(Flaw.BAD_ADDRESS, f"{recipient.address!r} is not a telephone number such as +441632960960.")
    if parts.count > rules.segments:
        why = " (one character outside the GSM alphabet halves what fits)" if parts.encoding == "ucs-2" else ""
        yield Fault(Flaw.TOO_LONG, f"The text takes {parts.count} segments, and {rules.segments} are allowed{why}.")
    yield from content.needs_opt_out(body)
