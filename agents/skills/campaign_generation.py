"""All four patterns → a campaign: segments, sequence, messages, and the experiment that it is."""

from __future__ import annotations

from agents.asking import Claude
from agents.skills import deciding
from contracts.agents import Ask, SkillResult, Strength, UsageLedger
from contracts.designs import Brief, CampaignDesign
from contracts.refusal import Refusal
from engines import campaign_design

NAME = "campaign_generation"
READS = ("who", "what", "when", "how")
"""Patterns that it rests on."""


def question(brief: Brief) -> Ask[CampaignDesign]:
    """What Claude is asked, and by which engine its answer is checked."""
    return deciding.question(
        NAME,
        CampaignDesign,
        brief,
        lambda design: tuple(campaign_design.faults(design, brief)),
        strength=Strength.HARD,
        columns={column: sorted(levels) for column, levels in brief.known.columns.items()},
    )


def build(brief: Brief, claude: Claude | Refusal, ledger: UsageLedger) -> SkillResult[CampaignDesign] | Refusal:
    """A campaign whose parts pass their checks and fit together."""
    return deciding.decide(
        NAME,
        question(brief),
        lambda: campaign_design.design(brief),
        brief=brief,
        claude=claude,
        ledger=ledger,
        lacking=deciding.SKELETONS,
    )
