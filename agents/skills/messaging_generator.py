"""WHAT → message variants that declare their features, so that what converts can be learned from."""

from __future__ import annotations

from collections.abc import Iterator

from agents.asking import Claude
from agents.skills import deciding
from contracts.agents import Ask, SkillResult, Strength, UsageLedger
from contracts.designs import Brief, Channel, MessageSet
from contracts.refusal import Refusal
from engines import message_check, message_design

NAME = "messaging_generator"
READS = ("what",)
"""Patterns that it rests on."""


def question(brief: Brief, channel: Channel, count: int, purpose: str) -> Ask[MessageSet]:
    """What Claude is asked, and by which engine its answer is checked."""

    def check(written: MessageSet) -> tuple[str, ...]:
        return (*_as_asked(written, channel, count), *message_check.faults(written.variants, brief.limits))

    return deciding.question(
        NAME, MessageSet, brief, check, strength=Strength.GENERAL, channel=channel, count=count, purpose=purpose
    )


def build(
    brief: Brief, channel: Channel, count: int, purpose: str, claude: Claude | Refusal, ledger: UsageLedger
) -> SkillResult[MessageSet] | Refusal:
    """That many variants for one channel and purpose; count: 1 to brief.limits.max_variants."""
    return deciding.decide(
        NAME,
        question(brief, channel, count, purpose),
        lambda: message_design.design(brief.known, channel, count),
        brief=brief,
        claude=claude,
        ledger=ledger,
        lacking=deciding.SKELETONS,
    )


def _as_asked(written: MessageSet, channel: Channel, count: int) -> Iterator[str]:
    if len(written.variants) != count:
        yield f"There are {len(written.variants)} variants, and {count} were asked for."
    if any(variant.channel != channel for variant in written.variants):
        yield f"Every variant must be for {channel}."
