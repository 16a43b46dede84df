"""Made-up patterns of WHAT, WHEN and HOW, beside an agency's WHO: what chapters and tables of levels are tested on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from contracts.how import Credit, HowPattern, Lift, PolicyValue, Sequence, next_key
from contracts.learning import Evidence, Finding, Incumbent, Ruling, Verdict
from contracts.levels import Comparison, Level, Recommendation
from contracts.outcomes import CHANNELS
from contracts.refusal import Reason, Refusal
from contracts.runs import Outcome
from contracts.what import WhatPattern, Word
from contracts.when import TouchYield, WhenPattern, hour_key
from reports.records import ReportInput, Said
from tests.reports.sample import agency

QUESTIONS = {
    "who": "Who converts?",
    "what": "Which message converts?",
    "when": "When do touches convert?",
    "how": "Which channel converts next?",
}

EFFECTS: dict[str, Any] = {
    "channels": {"email": 0.0, "sms": -0.3, "linkedin": 0.4, "voice": 0.1, "mail": 0.0},
    "pairs": {before: dict.fromkeys(CHANNELS, 0.0) for before in (*CHANNELS, "none")},
    "hours": {str(hour): 0.5 if hour == 10 else 0.0 for hour in range(8, 18)},
    "weekdays": [0.0, 0.3, 0.0, 0.0, 0.0, -0.3, -0.3],
    "features": {
        "angle": {"pain": 0.0, "roi": 0.3, "social_proof": -0.1},
        "has_question": {"True": 0.2, "False": 0.0},
    },
    "templates": {"email-first": 0.1, "email-second": -0.1, "sms-first": 0.2},
}
"""What this agency's simulated world holds, as in truth.json."""

NOTHING: dict[str, Any] = {
    "channels": dict.fromkeys(CHANNELS, 0.0),
    "pairs": {before: dict.fromkeys(CHANNELS, 0.0) for before in (*CHANNELS, "none")},
    "hours": {str(hour): 0.0 for hour in range(8, 18)},
    "weekdays": [0.0] * 7,
    "features": {"angle": {"pain": 0.0, "roi": 0.0, "social_proof": 0.0}, "has_question": {"True": 0.0, "False": 0.0}},
    "templates": {},
}


def comparison(
    name: str,
    gains: Mapping[str, float],
    *,
    confidence: float = 0.9,
    sd: float = 0.1,
    use: Mapping[str, float] | None = None,
    n: int = 400,
) -> Comparison:
    """Levels of these gains; the best is recommended, and claimed from a confidence of .7."""
    best = max(gains, key=lambda key: gains[key])
    shares = use or dict.fromkeys(gains, 1 / len(gains))
    levels = tuple(
        Level(key, n, n // 20, shares[key], gain, sd, 0.5 + 0.4 * (gain > 0), float(key == best))
        for key, gain in gains.items()
    )
    rate, gain = 0.05, gains[best]
    return Comparison(
        name, n * len(gains), n * len(gains) // 20, rate, confidence, confidence >= 0.7, False,
        Recommendation(best, gain, gain - 1.645 * sd, gain + 1.645 * sd, rate * 1.3), levels,
    )  # fmt: skip


def hours(confidence: float = 0.9) -> Comparison:
    """Five days, 8 to 17 o'clock; Tuesday at ten is best."""
    cells = [24 * day + hour for day in range(5) for hour in range(8, 18)]
    gains = {hour_key(cell): 0.5 * (cell % 24 == 10) + 0.3 * (cell // 24 == 1) - 0.1 for cell in cells}
    return comparison("hours", gains, confidence=confidence)


def when(confidence: float = 0.9) -> WhenPattern:
    gaps = comparison("gaps", {"1": 0.0, "4-5": 0.05, "15+": -0.05}, confidence=0.2)
    touches = tuple(TouchYield(touch, 800 // touch, 40 // touch, 0.05 / touch, 0.03 / touch, 0.08 / touch)
                    for touch in (1, 2, 3))  # fmt: skip
    return WhenPattern(hours(confidence), gaps, touches)


def following(confidence: float = 0.9) -> Comparison:
    """Every channel after none and after e-mail; LinkedIn does best."""
    gains = {
        next_key(before, channel): 0.4 if channel == "linkedin" else -0.1 * CHANNELS.index(channel)
        for before in ("none", "email")
        for channel in CHANNELS
    }
    return comparison("next_channel", gains, confidence=confidence)


def how(confidence: float = 0.9, *, value: bool = False) -> HowPattern:
    channels = {channel: 0.4 if channel == "linkedin" else -0.1 for channel in CHANNELS}
    return HowPattern(
        comparison("channels", channels, confidence=confidence),
        following(confidence),
        (Sequence(("email", "sms"), 40, 4, 0.08),),
        tuple(Credit(channel, 10.0, 12.0, 11.0, 9.0, -3.0) for channel in CHANNELS),
        Lift(0.02, -0.01, 0.05, 100, 300, False),
        PolicyValue(0.04, 0.05, 0.051, 0.045, 0.058, 812.0, 0.01) if value else None,
    )


def what(confidence: float = 0.9) -> WhatPattern:
    features = {
        "angle": comparison("angle", {"pain": 0.0, "roi": 0.3, "social_proof": -0.1}, confidence=confidence),
        "has_question": comparison("has_question", {"yes": 0.02, "no": -0.02}, confidence=0.1),
    }
    return WhatPattern(features, 20, 0.2, (Word("free", 12, 0.4, 2.1),))


def four_questions(tenants: int = 12) -> ReportInput:
    """The agency with WHAT, WHEN and HOW: the larger tenants claim, a flat one and a small one do not."""
    record = agency(tenants)
    details = dict(record.tenants)
    outcomes = list(record.report.outcomes)
    for index, outcome in enumerate(record.report.outcomes):
        planted = details[outcome.tenant_id].planted
        assert planted is not None
        flat = planted.kind != "planted"
        sure = 0.3 if flat or index > 5 else 0.9
        said = dict(details[outcome.tenant_id].said)
        for name, pattern in (("what", what(sure)), ("when", when(sure)), ("how", how(sure, value=index == 0))):
            said[name], told = learned(outcome.tenant_id, outcome.tenant, name, pattern, sure, planted.newcomer)
            outcomes.append(told)
        effects = NOTHING if flat else EFFECTS
        details[outcome.tenant_id] = replace(
            details[outcome.tenant_id], said=said, planted=replace(planted, effects=effects)
        )
    report = replace(record.report, outcomes=tuple(outcomes))
    return replace(record, report=report, tenants=details, questions=QUESTIONS)


def learned(
    tenant_id: UUID, tenant: str, name: str, pattern: WhatPattern | WhenPattern | HowPattern, sure: float,
    newcomer: bool = False,
) -> tuple[Said, Outcome]:  # fmt: skip
    """A learner's finding, verdict and line in the report; newcomers are refused."""
    if newcomer:
        refusal = Refusal(Reason.TOO_FEW_OUTCOMES, 3, 10)
        told = Outcome(tenant_id, tenant, name, Ruling.REFUSE, refusal.reason, str(refusal), None, 0, 0, 0, "")
        return Said(refusal, Verdict(Ruling.REFUSE, refusal=refusal), Incumbent(0, None)), told
    finding = Finding(pattern.to_payload(), Evidence(20_000, 1_000), "0" * 64)
    trials = {
        one.name: {"standing": "new", "key": one.recommendation.key, "confidence": one.confidence}
        for one in pattern.comparisons
    }
    held = None if sure >= 0.7 else Refusal(Reason.NOT_BETTER, sure, 0.7)
    ruling = Ruling.HOLD if held else Ruling.PUBLISH
    verdict = Verdict(ruling, sure, held, judged_on=trials)
    reason, detail = (str(held.reason), str(held)) if held else ("", "")
    version = int(ruling is Ruling.PUBLISH)
    told = Outcome(
        tenant_id, tenant, name, ruling, reason, detail, sure, 20_000, 1_000, version, f"{name} says something"
    )
    return Said(finding, verdict, Incumbent(0, None)), told
