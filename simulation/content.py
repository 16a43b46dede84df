"""What the messages say: a fixed library of English templates, each with the features that WHAT learns from.

Features are read off the finished text (question marks, digits, words), so that text and columns cannot disagree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from contracts.outcomes import CHANNELS

TEMPLATES_PER_CHANNEL = 24
"""Size of the library per channel; a tenant writes with a few of them."""

FIRST_NAMES = (
    "Aisha", "Ben", "Carla", "Daniel", "Elena", "Femi", "Grace", "Hugo", "Ines", "Jack", "Karin", "Liam",
    "Maya", "Noor", "Oscar", "Priya", "Quentin", "Rosa", "Sam", "Tara", "Uma", "Victor", "Wendy", "Yusuf",
)  # fmt: skip

SUBJECTS = {
    "question": ("Is {pain} still on your desk?", "Who looks after {pain} at your end?"),
    "number": ("3 ways to cut {pain}", "{pain}: 40% less in 6 weeks"),
    "personal": ("{first_name}, a thought on {pain}", "{first_name}, noticed something about {pain}"),
    "benefit": ("A calmer month, without {pain}", "More bookings, less {pain}"),
    "plain": ("About {pain}", "Following up on {pain}"),
}
ANGLES = {
    "roi": "Firms of your size usually earn the cost back within a quarter.",
    "social_proof": "Two of your neighbours on the high street switched to us this spring and stayed.",
    "urgency": "We take on four new clients a quarter and one place is left.",
    "curiosity": "There is one thing that nearly every firm in your trade overlooks.",
    "pain": "Most owners tell us that it costs them their evenings.",
}
PAIN_POINTS = {
    "lead_flow": "uneven enquiries",
    "admin_time": "admin hours",
    "staff_turnover": "staff turnover",
    "cash_flow": "late payments",
    "visibility": "a weak search ranking",
}
CTAS = {
    "book_call": "Would a call of 15 minutes on Thursday suit you?",
    "reply": "Just reply with a yes and I will send the details.",
    "watch_demo": "The short film shows the whole of it.",
    "download": "The checklist is yours to keep, whatever you decide.",
    "referral": "If this is not yours to decide, could you point me to the right person?",
}
LENGTHS = {
    "short": (),
    "medium": (
        "I help owners with {pain}, and your firm looks like one that we could help quickly.",
        "We look at what you already have, change the two or three things that matter, and leave the rest alone.",
    ),
    "long": (
        "I help owners with {pain}, and your firm looks like one that we could help quickly.",
        "We look at what you already have, change the two or three things that matter, and leave the rest alone.",
        "You keep your own systems and your own people; we sit beside them until it runs without us.",
        "There is no contract to begin with, only a plan on one page that you may use with or without us.",
        "If it does not work, you have lost an hour and learned what to try next.",
    ),
}
SHORT_WORDS, MEDIUM_WORDS = 45, 80
"""Bodies of fewer words are short, or medium; the others are long."""

LEVELS: dict[str, tuple[str | bool, ...]] = {
    "subject_type": tuple(SUBJECTS),
    "cta": tuple(CTAS),
    "angle": tuple(ANGLES),
    "pain_point": tuple(PAIN_POINTS),
    "length_band": tuple(LENGTHS),
    "personalised": (False, True),
    "has_question": (False, True),
    "has_number": (False, True),
}
"""Every level of each content feature; messages without a subject have no subject type."""


@dataclass(frozen=True, slots=True)
class Template:
    """One written message. subject is None on channels that have none."""

    template_id: str
    channel: str
    subject_type: str | None
    cta: str
    angle: str
    pain_point: str
    subject: str | None
    body: str

    @property
    def text(self) -> str:
        return f"{self.subject or ''} {self.body}"

    @property
    def length_band(self) -> str:
        words = len(self.body.split())
        return "short" if words < SHORT_WORDS else "medium" if words < MEDIUM_WORDS else "long"

    @property
    def personalised(self) -> bool:
        return "{first_name}" in self.text

    @property
    def has_question(self) -> bool:
        return "?" in self.text

    @property
    def has_number(self) -> bool:
        return any(letter.isdigit() for letter in self.text)

    def feature(self, name: str) -> str | bool | None:
        value: str | bool | None = getattr(self, name)
        return value

    def snapshot(self, first_name: str) -> str:
        """JSON of the message as it was sent to a person of that name."""
        subject = self.subject and self.subject.format(first_name=first_name)
        return json.dumps(
            {
                "template": self.template_id,
                "subject": subject,
                "body": self.body.format(first_name=first_name),
                "cta": self.cta,
                "angle": self.angle,
                "pain_point": self.pain_point,
            }
        )


def _write(channel: str, number: int, rng: np.random.Generator) -> Template:
    subject_type, cta, angle, pain = (str(rng.choice(list(c))) for c in (SUBJECTS, CTAS, ANGLES, PAIN_POINTS))
    length = str(rng.choice(["short", "medium"] if channel == "sms" else list(LENGTHS)))
    greeting = "Hello {first_name}," if rng.random() < 0.5 else "Hello,"
    phrase = PAIN_POINTS[pain]
    body = " ".join((greeting, ANGLES[angle], *(s.replace("{pain}", phrase) for s in LENGTHS[length]), CTAS[cta]))
    subject = None
    if channel in ("email", "mail"):
        variants = SUBJECTS[subject_type]
        subject = variants[number % len(variants)].replace("{pain}", phrase)
        subject = subject[0].upper() + subject[1:]
    identifier = f"{channel}-{number:02d}"
    return Template(identifier, channel, subject_type if subject else None, cta, angle, pain, subject, body)


@cache
def library() -> tuple[Template, ...]:
    """All templates, TEMPLATES_PER_CHANNEL for each channel in the order of CHANNELS; the same in every world."""
    rng = np.random.default_rng(0)
    return tuple(_write(channel, number, rng) for channel, number in product(CHANNELS, range(TEMPLATES_PER_CHANNEL)))


@cache
def snapshots() -> tuple[str, ...]:
    """Rendered JSON by template × first name: entry t · len(FIRST_NAMES) + n."""
    return tuple(template.snapshot(name) for template in library() for name in FIRST_NAMES)
