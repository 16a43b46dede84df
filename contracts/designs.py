"""What the skills design, and the limits that a design must keep. Read from Claude, or made by rules: same shapes.

Claude's answer is validated as JSON against these models: nothing more than they name, and nothing less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.agents import Basis
from contracts.allocation import AllocationRules
from contracts.levels import Comparison
from contracts.when import TouchYield
from contracts.who import Level

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
    """One touch. It goes out at the first moment from `day` on that lies in its window.

    day: whole days after the sequence begins; a touch that goes out later moves those after it by as much. weekday:
    null for any. from_hour, until_hour: on the lead's clock; until_hour is not part of the window.
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


class Variant(Designed):
    """One variant. subject: e-mails only. features: declared, so that what converts can be learned from."""

    channel: Channel
    subject: str | None
    body: str = Field(min_length=1)
    features: Features


class MessageSet(Designed):
    """Variants for one channel and purpose, different enough that one can be learned to be better."""

    variants: tuple[Variant, ...] = Field(min_length=1, max_length=10)
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
    messages: tuple[Variant, ...] = Field(min_length=1, max_length=20)
    experiment: Experiment
    because: Line


@dataclass(frozen=True, slots=True)
class DesignLimits:
    """What no design may break, whoever made it. rules: those that the allocator keeps for the same tenant."""

    rules: AllocationRules = field(default_factory=AllocationRules)
    max_days: int = 60  # two 30-day horizons: later touches meet leads that count as resolved
    max_variants: int = 4  # of one channel; more split the evidence among too many
    holdout: tuple[float, float] = (0.05, 0.50)  # less measures nothing, more gives the campaign away

    @property
    def min_gap_days(self) -> int:
        """Whole days between two touches of one lead."""
        return math.ceil(self.rules.min_gap_days)


@dataclass(frozen=True, slots=True)
class Known:
    """What the patterns in force claim, as skills read it.

    basis: every pattern that was looked at, by version. claims: question (hours, gaps, channels, next_channel, or a
    content feature) → its claimed comparison. yields: of touches by number. segments: levels of lead columns that
    convert better than the tenant's other leads, best first.
    """

    basis: tuple[Basis, ...] = ()
    claims: Mapping[str, Comparison] = field(default_factory=dict)
    yields: tuple[TouchYield, ...] = ()
    segments: tuple[Level, ...] = ()
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)  # lead column → levels that WHO has seen


@dataclass(frozen=True, slots=True)
class Brief:
    """What a skill is asked for. offer: what is sold, and to whom, in the tenant's own words; may be empty."""

    known: Known
    limits: DesignLimits = field(default_factory=DesignLimits)
    offer: str = ""
