"""WHEN and HOW → a sequence of touches: channel, day, window on the lead's clock, purpose."""

from __future__ import annotations

from agents.asking import Claude
from agents.skills import deciding
from contracts.agents import Ask, SkillResult, Strength, UsageLedger
from contracts.designs import Brief, SequenceDesign
from contracts.refusal import Refusal
from engines import sequence_design

NAME = "sequence_builder"
READS = ("when", "how")
"""Patterns that it rests on."""


def question(brief: Brief) -> Ask[SequenceDesign]:
    """What Claude is asked, and by which engine its answer is checked."""
    return deciding.question(
        NAME,
        SequenceDesign,
        brief,
        lambda design: tuple(sequence_design.faults(design, brief.limits)),
        strength=Strength.GENERAL,
    )


def build(brief: Brief, claude: Claude | Refusal, ledger: UsageLedger) -> SkillResult[SequenceDesign] | Refusal:
    """A sequence that keeps every limit."""
    return deciding.decide(
        NAME,
        question(brief),
        lambda: sequence_design.design(brief.known, brief.limits),
        brief=brief,
        claude=claude,
        ledger=ledger,
    )
