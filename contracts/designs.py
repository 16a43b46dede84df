"""What the skills design, and the limits that a design must keep. Read from Claude, or made by rules: same shapes.

Claude's answer is validated as JSON against these models: nothing more than they name, and nothing less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.outcomes import CHANNELS
from contracts.when import WEEKDAYS

SUBJECT_TYPES = ("question", "number", "personal", "benefit", "plain")
CTAS = ("book_call", "reply", "watch_demo", "download", "referral")
ANGLES = ("roi", "social_proof", "urgency", "curiosity", "pain")
PAIN_POINTS = ("lead_flow", "admin_time", "staff_turnover", "cash_flow", "visibility")
LENGTH_BANDS = ("short", "medium", "long")

Channel = Literal["email", "sms", "linkedin", "voice", "mail"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SubjectType = Literal["question", "number", "personal", "benefit", "plain"]
Cta = Literal["book_call", "reply", "watch_demo", "download", "referral"]
Angle = Literal["roi", "social_proof", "urgency", "curiosity", "pain"]
PainPoint = Literal["lead_flow", "admin_time", "staff_turnover", "cash_flow", "visibility"]
LengthBand = Literal["short", "medium", "long"]

Line = Annotated[str, Field(min_length=1, max_length=400)]


class Designed(BaseModel):
    """Frozen, and closed: a field that nobody asked for is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(Designed):
    """One touch. It goes out at the first moment, day 0 or later, that lies in its lead-local window.

    day: whole days after the sequence begins. weekday: null for any. from_hour, until_hour: on the lead's clock, until
    is not part of the window.
    """

    channel: Channel
    day: int = Field(ge=0, le=365)
    weekday: Weekday | None
    from_hour: int = Field(ge=0, le=23)
    until_hour: int = Field(ge=1, le=24)
    purpose: Line


class SequenceDesign(Designed):
    """Touches in order. because: which patterns it follows, and where it departs from them."""

    name: Line
    steps: tuple[Step, ...] = Field(min_length=1, max_length=30)
    because: Line


class Features(Designed):
    """The content features that a message declares (contracts.outcomes.CONTENT_FEATURES). null: none of the levels."""

    subject_type: SubjectType | None
    cta: Cta | None
    angle: Angle | None
    pain_point: PainPoint | None
    length_band: LengthBand
    personalised: bool
    has_question: bool
    has_number: bool


class Message(Designed):
    """One variant. subject: e-mails only. features: declared, so that what converts can be learned from."""

    channel: Channel
    subject: str | None
    body: str = Field(min_length=1)
    features: Features


class MessageSet(Designed):
    """Variants for one channel and purpose, different enough that one can be learned to be better."""

    variants: tuple[Message, ...] = Field(min_length=1, max_length=10)
    because: Line


class Segment(Designed):
    """Whom a campaign addresses: leads of one level of a column that WHO compares. column 'all': everybody."""

    name: Line
    column: Literal["all", "title", "industry", "employee_band", "country", "source"]
    level: str | None
    because: Line


class Experiment(Designed):
    """What the campaign lets us learn. holdout: share of leads, drawn at random, that is not contacted."""

    hypothesis: Line
    outcome: Literal["conversion", "meeting", "reply"]
    holdout: float = Field(gt=0.0, lt=1.0)


class CampaignDesign(Designed):
    """Who is addressed, with which touches and texts, and what is learned from it.

    messages: at least one for every channel of the sequence.
    """

    name: Line
    segments: tuple[Segment, ...] = Field(min_length=1, max_length=10)
    sequence: SequenceDesign
    messages: tuple[Message, ...] = Field(min_length=1, max_length=20)
    experiment: Experiment
    because: Line


@dataclass(frozen=True, slots=True)
class DesignLimits:
    """What no design may break, whoever made it. Hours are on the lead's clock."""

    channels: tuple[str, ...] = CHANNELS
    weekdays: tuple[str, ...] = WEEKDAYS[:5]  # nobody is disturbed at a weekend unless a tenant wants it
    from_hour: int = 8  # before eight a call wakes people
    until_hour: int = 18  # end of the working day; a window may end here, not later
    min_gap_days: int = 2  # between two touches of one lead
    max_touches: int = 8  # the yield of a touch falls by a third with each one before it; beyond eight it annoys
    max_days: int = 60  # two 30-day horizons: later touches meet leads that count as resolved
    max_variants: int = 4  # more split the evidence among too many
    holdout: tuple[float, float] = (0.05, 0.50)  # less measures nothing, more gives the campaign away
