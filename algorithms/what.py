"""Which message converts? Gain of every level of every content feature over what the tenant sends today.

Two sources. Touches: levels are compared between texts, within policy × channel × band of steps × score decile, with
the luck of single texts taken out (what_texts), by the evidence engine; eight features are asked at once, and how often
a feature matters is learned from all of them (what_questions). Message tests: marks of style and words, within
randomised tests (what_marks). docs/what.md has lexicons, formulas and measurements; detectors.md §2 is the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID

import polars as pl

from algorithms.evidence import MIN_PATTERNS, Compared, learn_p_real
from algorithms.exposures import BLOCK_DAYS, FIRST_MONDAY
from algorithms.later import met
from algorithms.level_gate import LevelGateConfig, described, judge_levels
from algorithms.spoken import recommended
from algorithms.threads import one_thread
from algorithms.what_counts import counted_since, merge_summaries, summarise_messages
from algorithms.what_levels import Messages, split_poor
from algorithms.what_marks import WORD, Learned, MarksConfig, learn_marks
from algorithms.what_questions import Asked, QuestionsConfig, Result, answers, together, weighed
from contracts.canonical import content_hash, rounded
from contracts.learning import Evidence, Finding, Incumbent, Learner, LearningContext, Payload, Prior, Verdict
from contracts.levels import Comparison
from contracts.refusal import Reason, Refusal
from contracts.walk_forward import InForce, Later
from contracts.what import WhatPattern

NAME = "what"
LEAST_TEXTS = 2  # one text can be compared with nothing


@dataclass(frozen=True)
class WhatConfig:
    """Every choice of this learner. Changing one changes inputs_sha256, so that nothing is mistaken for unchanged."""

    questions: QuestionsConfig = field(default_factory=QuestionsConfig)
    marks: MarksConfig = field(default_factory=MarksConfig)
    gate: LevelGateConfig = field(default_factory=LevelGateConfig)


def summarise(config: WhatConfig, extracts: Mapping[str, pl.LazyFrame], context: LearningContext) -> pl.DataFrame:
    """`what_counts.SUMMARY` of the slice's `exposures`, `templates` and `message_tests`."""
    return summarise_messages(extracts)


def merge(config: WhatConfig, summaries: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One summary of many; the same bytes however the leads were split."""
    return merge_summaries(summaries)


def witness(config: WhatConfig, summary: pl.DataFrame, context: LearningContext) -> list[float]:
    """Of every content feature of every tenant that consents, how much more likely it matters than not: log odds."""
    questions = config.questions
    rich, _ = split_poor(summary.filter("shares_priors"), questions.most_texts, questions.evidence.min_outcomes)
    with one_thread():
        asked = together(questions, rich)
        told = [result for some in asked for of_one in answers(questions, some) for result in of_one.values()]
    return [result.log_bf for result in told if isinstance(result, Compared)]


def pool(config: WhatConfig, told: Sequence[list[float]], context: LearningContext) -> Prior | Refusal:
    """How often a content feature matters: over all features of all tenants that consent."""
    log_bfs = [log_bf for some in told for log_bf in some]
    if len(log_bfs) < MIN_PATTERNS:
        return Refusal(Reason.TOO_FEW_OUTCOMES, len(log_bfs), MIN_PATTERNS, "features with enough outcomes")
    return Prior(NAME, rounded({"p_real": learn_p_real(log_bfs), "features": len(log_bfs)}), context.as_of)


def learn(config: WhatConfig, summary: pl.DataFrame, context: LearningContext) -> dict[UUID, Finding | Refusal]:
    """Comparisons per tenant; refuses where neither touches nor tests can answer any question."""
    prior = context.priors.at(context.as_of)
    p_real = config.questions.chance(float(prior.content["p_real"])) if prior else config.questions.p_real
    rich, poor = split_poor(summary, config.questions.most_texts, config.questions.evidence.min_outcomes)
    found: dict[UUID, Finding | Refusal] = {**poor}
    with one_thread():
        for some in together(config.questions, rich):
            for one, apart in zip(some, answers(config.questions, some), strict=True):
                results = weighed(config.questions, one, apart, p_real)
                tested = None if one.tenant.tests.is_empty() else learn_marks(one.tenant.tests, config.marks)
                found[one.tenant.tenant_id] = _finding(config, one, results, tested, context, prior)
    return found


def judge(
    config: WhatConfig,
    summary: pl.DataFrame,
    findings: Mapping[UUID, Finding | Refusal],
    incumbents: Mapping[UUID, Incumbent],
    context: LearningContext,
) -> dict[UUID, Verdict]:
    """Per tenant, whether its finding goes into force: level_gate."""
    return judge_levels(findings, incumbents, read_comparisons, config.gate)


def read_comparisons(payload: Payload) -> tuple[Comparison, ...]:
    """What engines act on; raises InvalidPatternError."""
    return WhatPattern.from_payload(payload).comparisons


def follow(
    config: WhatConfig, in_force: Mapping[UUID, InForce], before: pl.DataFrame, after: pl.DataFrame, since: datetime
) -> dict[UUID, Later]:
    """What claims about touches met in those counted between two summaries; tests are over, and meet nothing."""
    found = {}
    with one_thread():
        for some in together(config.questions, counted_since(before, after)):
            for one in some:
                held = in_force.get(one.tenant.tenant_id)
                if held is not None:
                    claims = met(read_comparisons(held.payload), one.features)
                    found[one.tenant.tenant_id] = Later(held.version, claims)
    return found


def explain(payload: Payload) -> str:
    """`angle curiosity +35 % odds (confidence 84 %) · without negative +4 % odds (…)`, surest first."""
    claimed = [one for one in WhatPattern.from_payload(payload).comparisons if one.claimed]
    surest = sorted(claimed, key=lambda one: (-one.confidence, one.name))
    parts = [f"{_spoken(one)} {recommended(one)}" for one in surest[:5]]
    more = len(surest) - len(parts)
    return " · ".join([*parts, *([f"{more} more"] if more else [])]) if parts else "no feature stands out"


def _finding(
    config: WhatConfig,
    one: Asked,
    of_touches: Mapping[str, Result],
    tested: Learned | Refusal | None,
    context: LearningContext,
    prior: Prior | None,
) -> Finding | Refusal:
    tests = tested if isinstance(tested, Learned) else None
    results = {**of_touches, **(tests.results if tests else {})}
    answered = {name: result.comparison for name, result in results.items() if isinstance(result, Compared)}
    if not answered:
        return _refusal(one, of_touches, tested)
    texts = len(one.tenant.texts.counts.keys) if one.tenant.texts else 0
    spread = one.spread.text if one.spread else 0.0
    pattern = WhatPattern(
        features=answered,
        templates=texts + (tests.texts if tests else 0),
        template_sd=spread if of_touches or not tests else tests.text_sd,
        words=tests.words if tests else (),
    )
    diagnostics: dict[str, Any] = {
        "prior": prior.version if prior else "defaults",
        **described(results),
        "texts_sent": texts,
        "text_sd_of_touches": spread,
        "touches_of_rarer_texts": one.tenant.texts.left_out if one.tenant.texts else 0,
        "texts_tested": tests.texts if tests else 0,
        "text_sd_of_tests": tests.text_sd if tests else 0.0,
        **({"tests_refused": str(tested)} if isinstance(tested, Refusal) else {}),
    }
    largest = max(answered.values(), key=lambda comparison: comparison.sample_size)
    oldest = one.tenant.oldest_block
    return Finding(
        pattern.to_payload(),
        Evidence(largest.sample_size, largest.outcomes, all(comparison.randomised for comparison in answered.values())),
        inputs_hash(one.tenant, config, context, prior),
        diagnostics,
        window_start=None if oldest is None else FIRST_MONDAY + timedelta(days=BLOCK_DAYS * oldest),
    )


def _refusal(one: Asked, of_touches: Mapping[str, Result], tested: Learned | Refusal | None) -> Refusal:
    """Why nothing at all can be said."""
    refused = [result for result in (*of_touches.values(), tested) if isinstance(result, Refusal)]
    if refused:
        return refused[0]
    texts = len(one.tenant.texts.counts.keys) if one.tenant.texts else 0
    if texts < LEAST_TEXTS:
        return Refusal(Reason.NO_TEMPLATES, texts, LEAST_TEXTS, "distinct texts")
    return Refusal(Reason.NO_VARIATION, 1, LEAST_TEXTS, "levels of any content feature")


def inputs_hash(tenant: Messages, config: WhatConfig, context: LearningContext, prior: Prior | None) -> str:
    """Equal when touches, texts, tests, settings, code and prior are: then nothing new can be learned."""
    return content_hash(
        {
            "summary": tenant.digest,
            "config": _settings(config),
            "code": context.code_version,
            "prior": prior.version if prior else None,
        }
    )


@cache
def _settings(config: WhatConfig) -> Payload:
    return asdict(config)


def _spoken(one: Comparison) -> str:
    """`angle curiosity`, `has question`, `without negative`, `the word “free”`."""
    name, key = one.name, one.recommendation.key
    if name.startswith(WORD):
        name = f"the word “{name.removeprefix(WORD)}”"
    words = name.replace("_", " ")
    return {"yes": words, "no": f"without {words}"}.get(key, f"{words} {key.replace('_', ' ')}")


def learner(config: WhatConfig) -> Learner:
    """WHAT under this configuration, in the shape that every learner has."""
    return Learner(
        name=NAME,
        question="Which message converts?",
        reads=("exposures", "templates", "message_tests"),
        summarise=partial(summarise, config),
        merge=partial(merge, config),
        witness=partial(witness, config),
        pool=partial(pool, config),
        learn=partial(learn, config),
        judge=partial(judge, config),
        explain=explain,
        follow=partial(follow, config),
    )


WHAT = learner(WhatConfig())
