"""Plain messages with chosen features, put together from sentences that each show one feature and no other.

They say nothing about an offer, which no rule can know: skeletons for a person to fill in, that can be learned from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.designs import Channel, Features, Known, MessageSet, Variant
from engines import message_check

SUBJECTS = {
    "question": "How is your week going?",
    "number": "3 ideas for {company}",
    "personal": "{first_name}, a thought",
    "benefit": "A simpler week",
    "plain": "A note from our team",
}
PAIN_POINTS = {
    "lead_flow": "Many owners say that enquiries come in waves.",
    "admin_time": "Many owners say that paperwork eats the week.",
    "staff_turnover": "Many owners say that hiring never ends.",
    "cash_flow": "Many owners say that overdue invoices pile up.",
    "visibility": "Many owners say that google hardly shows them.",
}
ANGLES = {
    "roi": "What we do pays for itself within a season.",
    "social_proof": "Firms like yours already use it.",
    "urgency": "We take on few firms, and this month one place is left.",
    "curiosity": "There is one thing that most teams overlook.",
    "pain": "It is a headache that wears people down.",
}
CTAS = {
    "book_call": "Pick a moment for a quick call and I will be there.",
    "reply": "Just answer with a word and I will take it from there.",
    "watch_demo": "I made a short film that shows how it works.",
    "download": "I wrote a checklist that is yours to keep.",
    "referral": "If you are not the right person, please pass this on.",
}
FILLERS = (
    "We are a small team, and we look after each client by name.",
    "We begin with a look at how things run today, and change nothing that works well.",
    "After that we agree on one goal, write it down, and come back to it every month until it is met.",
    "Our part is done in the background, so that your own people keep doing what they do best.",
)
"""Sentences that show no feature; they only make a text longer."""

GREETING, PERSONAL_GREETING = "Hello.", "Hello {first_name}."
FILLERS_OF = {"short": 0, "medium": 2, "long": 4}
YES = "yes"
"""WHAT's level of texts that have a mark; those without it are `no`."""

WRITTEN = ("email", "linkedin")
"""Channels on which a greeting stands on a line of its own."""

SHORT_ONLY = ("sms",)
"""Channels on which a longer text would not go out whole."""

DEFAULTS: dict[str, Any] = {
    "subject_type": "plain",
    "cta": "reply",
    "angle": "roi",
    "pain_point": "lead_flow",
    "length_band": "short",
    "personalised": True,
}
VARIED = ("angle", "cta", "subject_type", "pain_point")
"""Features that differ between variants, in this order, as far as nothing is claimed about them."""

LEVELS: dict[str, Mapping[str, str]] = {
    "subject_type": SUBJECTS,
    "cta": CTAS,
    "angle": ANGLES,
    "pain_point": PAIN_POINTS,
}


def design(known: Known, channel: Channel, count: int) -> MessageSet:
    """Variants that follow what WHAT claims, and differ in one feature that it does not claim."""
    wanted = {**DEFAULTS, **_claimed(known)}
    varied = next((name for name in VARIED if name not in known.claims and _shows(channel, name)), VARIED[0])
    levels = [wanted[varied], *(level for level in LEVELS[varied] if level != wanted[varied])]
    variants = tuple(compose(channel, {**wanted, varied: level}) for level in levels[:count])
    shown = variants[0].features.model_dump()  # a channel may not be able to show all that is claimed
    followed = ", ".join(f"{name} {level}" for name, level in _claimed(known).items() if shown[name] == level)
    told = f"Follows what is claimed: {followed}." if followed else "Nothing is claimed: the default features."
    return MessageSet(variants=variants, because=f"{told} Variants differ in {varied.replace('_', ' ')}.")


def compose(channel: Channel, wanted: Mapping[str, Any]) -> Variant:
    """A variant with these features, as far as its channel can show them; it declares what its text shows."""
    fillers = 0 if channel in SHORT_ONLY else FILLERS_OF[wanted["length_band"]]
    sentences = [
        PAIN_POINTS[wanted["pain_point"]],
        ANGLES[wanted["angle"]],
        *FILLERS[:fillers],
        CTAS[wanted["cta"]],
    ]
    greeting = PERSONAL_GREETING if wanted["personalised"] else GREETING
    subject = SUBJECTS[wanted["subject_type"]] if channel == "email" else None
    gap = "\n\n" if channel in WRITTEN else " "
    body = f"{greeting}{gap}{' '.join(sentences)}"
    draft = Variant(channel=channel, subject=subject, body=body, features=NOTHING_SHOWN)
    return draft.model_copy(update={"features": message_check.read(draft)})


NOTHING_SHOWN = Features(
    subject_type=None,
    cta=None,
    angle=None,
    pain_point=None,
    length_band="short",
    personalised=False,
    has_question=False,
    has_number=False,
)


def _shows(channel: str, feature: str) -> bool:
    return feature != "subject_type" or channel == "email"


def _claimed(known: Known) -> dict[str, Any]:
    """Recommended levels of the features that a message can be composed of."""
    found: dict[str, Any] = {}
    for name in DEFAULTS:
        claim = known.claims.get(name)
        if claim is not None:
            key = claim.recommendation.key
            found[name] = key == YES if name == "personalised" else key
    return {name: level for name, level in found.items() if _composable(name, level)}


def _composable(name: str, level: Any) -> bool:
    if name in LEVELS:
        return level in LEVELS[name]
    return name == "personalised" or level in FILLERS_OF
