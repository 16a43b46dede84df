"""May this variant be sent, and is it what it says it is? Every text passes here, whoever wrote it.

It is prepared for a made-up recipient by the engine of its channel, which knows limits, placeholders and the opt-out
line; then the features that it declares are compared with those that are read off it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from contracts.designs import DesignLimits, Features, Variant
from contracts.messages import Message, Recipient, Text
from engines import content, email, linkedin, sms, voice

VALUES = {"first_name": "Alexandra", "company": "Northern Lights Ltd", "industry": "accounting"}
"""Placeholders that a text may use, with values that are longer than most."""

PREPARED: dict[str, tuple[str, Callable[[Text, Recipient], Message]]] = {
    email.CHANNEL: ("alexandra@example.com", email.prepare),
    sms.CHANNEL: ("+441632960960", sms.prepare),
    linkedin.CHANNEL: ("linkedin.com/in/alexandra", linkedin.prepare),
    voice.CHANNEL: ("+441632960960", voice.prepare),
}
"""Channel → an address that it takes, and its engine. A letter (mail) has no engine: a printer knows its limits."""


def read(variant: Variant) -> Features:
    """The features that are read off a variant's text."""
    return Features.model_validate(content.text_features(_text(variant)).to_columns())


def faults(variants: Iterable[Variant], limits: DesignLimits) -> Iterator[str]:
    """What is held against these variants, one sentence each."""
    listed = tuple(variants)
    for number, variant in enumerate(listed, start=1):
        for fault in _faults(variant, limits):
            yield f"Variant {number} ({variant.channel}): {fault}"
    for channel in dict.fromkeys(variant.channel for variant in listed):
        alike = [variant for variant in listed if variant.channel == channel]
        if len(alike) > limits.max_variants:
            yield f"There are {len(alike)} variants for {channel}, and at most {limits.max_variants} can be compared."
        if len({content.template_name(channel, _text(variant)) for variant in alike}) < len(alike):
            yield f"Two variants for {channel} have the same text."


def _faults(variant: Variant, limits: DesignLimits) -> Iterator[str]:
    if variant.channel not in limits.rules.channels:
        yield f"This tenant uses {', '.join(limits.rules.channels)}."
    if variant.subject is not None and variant.channel != email.CHANNEL:
        yield "Only e-mails have a subject; it must be null."
    unknown = content.missing_values(_text(variant), VALUES)
    if unknown:
        yield f"It uses {', '.join(unknown)}; placeholders are {', '.join(f'{{{name}}}' for name in VALUES)}."
    elif variant.channel in PREPARED:
        address, prepare = PREPARED[variant.channel]
        prepared = prepare(_text(variant), Recipient(UUID(int=0), address, VALUES))
        yield from (fault.sentence for fault in prepared.faults)
    declared, found = variant.features.model_dump(), read(variant).model_dump()
    wrong = [f"{name} is {found[name]}, not {declared[name]}" for name in found if found[name] != declared[name]]
    if wrong:
        yield f"Its text does not show the features that it declares: {'; '.join(wrong)}."


def _text(variant: Variant) -> Text:
    return Text(variant.body, variant.subject)
