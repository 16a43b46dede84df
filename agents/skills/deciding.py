"""How every skill comes to its result: Claude where there is a key, the rules where there is none, a refusal between.

A design of Claude's is accepted by the same engines that make the plain one. Where Claude was asked and gave nothing
that can be used, the refusal says so: the plain design is not passed off as what was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from agents import prompts
from agents.asking import Claude
from contracts.agents import Ask, Design, SkillResult, Strength, UsageLedger
from contracts.designs import Brief, DesignLimits
from contracts.refusal import Refusal
from contracts.when import WEEKDAYS
from engines import claims, message_check

SKELETONS = "its texts are skeletons, which say nothing about the offer"
WITHOUT_CLAUDE = "made by rules from the patterns alone, without Claude"


def question(
    skill: str,
    reply: type[Design],
    brief: Brief,
    check: Callable[[Design], Sequence[str]],
    *,
    strength: Strength,
    **asked: Any,
) -> Ask[Design]:
    """What a skill asks: its prompt, and everything that changes as one JSON object."""
    told = {
        "facts": claims.facts(brief.known),
        "limits": limits_told(brief.limits),
        "offer": brief.offer or "Nothing is said about it.",
        **asked,
    }
    return Ask(
        prompt=prompts.load(skill),
        content=json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True),
        reply=reply,
        check=check,
        strength=strength,
    )


def decide(
    skill: str,
    ask: Ask[Design],
    by_rules: Callable[[], Design],
    *,
    brief: Brief,
    claude: Claude | Refusal,
    ledger: UsageLedger,
    lacking: str = "",
) -> SkillResult[Design] | Refusal:
    """Claude's accepted design; that by rules where there is no key; Claude's refusal otherwise.

    lacking: what the design by rules cannot have, in words.
    """
    if isinstance(claude, Refusal):
        without = "; ".join(part for part in (f"{WITHOUT_CLAUDE}: {claude.detail}", lacking) if part)
        return SkillResult(skill=skill, design=by_rules(), made_by="rules", basis=brief.known.basis, without=without)
    reply = claude.ask(ask, ledger)
    if isinstance(reply, Refusal):
        return reply
    return SkillResult(
        skill=skill,
        design=reply.answer,
        made_by="claude",
        basis=brief.known.basis,
        prompt=ask.prompt.label,
        attempts=reply.attempts,
    )


def limits_told(limits: DesignLimits) -> dict[str, Any]:
    """The limits as Claude reads them."""
    rules = limits.rules
    return {
        "channels": list(rules.channels),
        "open_hours": {
            day: [hour - 24 * place for hour in rules.hours if hour // 24 == place]
            for place, day in enumerate(WEEKDAYS)
        },
        "least_gap_days": limits.min_gap_days,
        "most_steps": rules.max_touches,
        "last_day": limits.max_days,
        "most_variants_a_channel": limits.max_variants,
        "holdout_from_to": list(limits.holdout),
        "placeholders": [f"{{{name}}}" for name in message_check.VALUES],
    }
