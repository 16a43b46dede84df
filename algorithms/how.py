"""Which channel converts next? Gain of each channel over the tenant's mix, and of each channel after each other one.

The unit is a touch at risk, so that a channel is credited with what happens at its own touches, and the comparison is
within score decile × step × channel before × policy, so that it is not credited with the leads that it was used on.
What else people ask of channels (sequences, attribution, several channels or one) is told and decides nothing.
docs/how.md has formulas and measurements; detectors.md §4 is the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import islice
from uuid import UUID

import numpy as np
import polars as pl

from algorithms import how_later
from algorithms.attribution import credit
from algorithms.evidence import (
    MIN_PATTERNS,
    P_REAL,
    Compared,
    EvidenceConfig,
    LevelCounts,
    compare,
    learn_p_real,
    log_bayes_factors,
)
from algorithms.evidence.kernels import Kernel, independent, next_channels
from algorithms.exposures import BLOCK_DAYS, FIRST_MONDAY
from algorithms.how_counts import merge_summaries, summarise_exposures
from algorithms.how_levels import (
    Cells,
    TenantCounts,
    channel_counts,
    next_channel_counts,
    path_counts,
    reach_counts,
    split_poor,
    tenants,
)
from algorithms.how_value import values
from algorithms.level_gate import LevelGateConfig, described, judge_levels
from algorithms.multi_channel import lift
from algorithms.shrinkage import shrink_rates
from algorithms.spoken import odds, recommended
from contracts.canonical import content_hash, rounded
from contracts.how import NO_CHANNEL, HowPattern, Lift, PolicyValue
from contracts.how import Sequence as ChannelSequence
from contracts.learning import Evidence, Finding, Incumbent, Learner, LearningContext, Payload, Prior, Verdict
from contracts.levels import Comparison
from contracts.refusal import Reason, Refusal
from contracts.walk_forward import InForce, Later

NAME = "how"

TOGETHER = 32
"""Tenants whose counts lie in memory at once: about half a megabyte each."""


@dataclass(frozen=True)
class HowConfig:
    """Every choice of this learner. Changing one changes inputs_sha256, so that nothing is mistaken for unchanged."""

    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    gate: LevelGateConfig = field(default_factory=LevelGateConfig)
    sequences: int = 10  # commonest openings listed
    min_sequence: int = 20  # leads; rarer openings are not listed


@dataclass(frozen=True)
class Question:
    """One comparison: its name, its levels in a tenant's counts, and which of them resemble each other."""

    name: str
    counts: Callable[[Cells], LevelCounts]
    kernel: Kernel


QUESTIONS = (
    Question("channels", channel_counts, independent),
    Question("next_channel", next_channel_counts, next_channels),
)


def summarise(config: HowConfig, extracts: Mapping[str, pl.LazyFrame], context: LearningContext) -> pl.DataFrame:
    """`how_counts.SUMMARY` of the slice's `exposures` and `tenants`."""
    return summarise_exposures(extracts)


def merge(config: HowConfig, summaries: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One summary of many; the same bytes however the leads were split."""
    return merge_summaries(summaries)


def witness(config: HowConfig, summary: pl.DataFrame, context: LearningContext) -> dict[str, list[float]]:
    """By question, log Bayes factors of real effects against none, of the tenants that consent."""
    log_bfs: dict[str, list[float]] = {question.name: [] for question in QUESTIONS}
    rich, _ = split_poor(summary, config.evidence.min_outcomes)
    for some in _together(rich):
        willing = [one.cells for one in some if one.shares_priors]
        for question in QUESTIONS:
            log_bfs[question.name] += log_bayes_factors(
                [question.counts(cells) for cells in willing],
                question.kernel,
                randomised=[cells.randomised for cells in willing],
                config=config.evidence,
            )
    return log_bfs


def pool(config: HowConfig, told: Sequence[dict[str, list[float]]], context: LearningContext) -> Prior | Refusal:
    """How often channels, and pairs of channels, truly differ: π1 of either question, from tenants that consent."""
    log_bfs = {one.name: [bf for some in told for bf in some[one.name]] for one in QUESTIONS}
    most = max(map(len, log_bfs.values()))
    if most < MIN_PATTERNS:
        return Refusal(Reason.TOO_FEW_OUTCOMES, most, MIN_PATTERNS, "tenants with enough outcomes")
    content = {"pi1": {name: learn_p_real(found) for name, found in log_bfs.items()}, "tenants": most}
    return Prior(NAME, rounded(content), context.as_of)


def learn(config: HowConfig, summary: pl.DataFrame, context: LearningContext) -> dict[UUID, Finding | Refusal]:
    """Comparisons, and what is told beside them, per tenant; refuses where neither question can be answered."""
    prior = context.priors.at(context.as_of)
    chances: Mapping[str, float] = prior.content["pi1"] if prior else {}
    rich, poor = split_poor(summary, config.evidence.min_outcomes)
    found: dict[UUID, Finding | Refusal] = {**poor}
    for some in _together(rich):
        answers = {question.name: _ask(question, some, chances, config) for question in QUESTIONS}
        worth = values([one.cells for one in some], pi1=chances.get("next_channel", P_REAL), config=config.evidence)
        for row, tenant in enumerate(some):
            results = {name: of_all[row] for name, of_all in answers.items()}
            found[tenant.tenant_id] = _finding(tenant, results, worth[row], config, context, prior)
    return found


def judge(
    config: HowConfig,
    summary: pl.DataFrame,
    findings: Mapping[UUID, Finding | Refusal],
    incumbents: Mapping[UUID, Incumbent],
    context: LearningContext,
) -> dict[UUID, Verdict]:
    """Per tenant, whether its finding goes into force: level_gate."""
    return judge_levels(findings, incumbents, read_comparisons, config.gate)


def read_comparisons(payload: Payload) -> tuple[Comparison, ...]:
    """What engines act on; raises InvalidPatternError."""
    return HowPattern.from_payload(payload).comparisons


def follow(
    config: HowConfig, in_force: Mapping[UUID, InForce], before: pl.DataFrame, after: pl.DataFrame, since: datetime
) -> dict[UUID, Later]:
    """What patterns met in the touches counted between two summaries."""
    return how_later.follow(config.evidence, in_force, before, after)


def explain(payload: Payload) -> str:
    """`voice +35 % odds (confidence 91 %) · sms after email +40 % odds, …`; what is not claimed is said to be none."""
    pattern = HowPattern.from_payload(payload)
    parts = []
    if (channels := pattern.channels) and channels.claimed:
        parts.append(f"{channels.recommendation.key} {recommended(channels)}")
    if (following := pattern.next_channel) and following.claimed:
        leading = sorted(following.levels, key=lambda level: (-level.p_better, -level.gain))[:3]
        parts.append(", ".join(f"{_spoken(level.key)} {odds(level.gain)}" for level in leading if level.gain > 0.0))
    return " · ".join(parts) if parts else "no channel stands out"


def _spoken(key: str) -> str:
    before, _, channel = key.partition(">")
    return f"{channel} first" if before == NO_CHANNEL else f"{channel} after {before}"


def _together(summary: pl.DataFrame) -> Iterator[list[TenantCounts]]:
    """Tenants of a summary, TOGETHER at a time."""
    waiting = tenants(summary)
    while some := list(islice(waiting, TOGETHER)):
        yield some


def _ask(
    question: Question, some: Sequence[TenantCounts], chances: Mapping[str, float], config: HowConfig
) -> list[Compared | Refusal]:
    return compare(
        question.name,
        [question.counts(one.cells) for one in some],
        question.kernel,
        randomised=[one.cells.randomised for one in some],
        pi1=chances.get(question.name, P_REAL),
        config=config.evidence,
    )


def _finding(
    tenant: TenantCounts,
    results: Mapping[str, Compared | Refusal],
    worth: PolicyValue | Refusal,
    config: HowConfig,
    context: LearningContext,
    prior: Prior | None,
) -> Finding | Refusal:
    answered = {name: one.comparison for name, one in results.items() if isinstance(one, Compared)}
    refused = [one for one in results.values() if isinstance(one, Refusal)]
    if not answered:
        return refused[0]
    reached = lift(*reach_counts(tenant), randomised=False)  # nobody holds channels out at random here
    pattern = HowPattern(
        channels=answered.get("channels"),
        next_channel=answered.get("next_channel"),
        sequences=_sequences(tenant, config),
        credits=credit(path_counts(tenant)),
        multi_channel=reached if isinstance(reached, Lift) else None,
        value=worth if isinstance(worth, PolicyValue) else None,
    )
    untold = {"multi_channel": reached, "value": worth}
    diagnostics = {
        "prior": prior.version if prior else "defaults",
        **described(results),
        "refused": {name: str(one) for name, one in untold.items() if isinstance(one, Refusal)},
    }
    first = next(iter(answered.values()))
    return Finding(
        pattern.to_payload(),
        Evidence(first.sample_size, first.outcomes, first.randomised),
        inputs_hash(tenant, config, context, prior),
        diagnostics,
        window_start=FIRST_MONDAY + timedelta(days=BLOCK_DAYS * tenant.oldest_block),
    )


def inputs_hash(tenant: TenantCounts, config: HowConfig, context: LearningContext, prior: Prior | None) -> str:
    """Equal when touches, paths, settings, code and prior are: then nothing new can be learned."""
    return content_hash(
        {
            "summary": tenant.digest,
            "config": _settings(config),
            "code": context.code_version,
            "prior": prior.version if prior else None,
        }
    )


@cache
def _settings(config: HowConfig) -> Payload:
    return asdict(config)


def _sequences(tenant: TenantCounts, config: HowConfig) -> tuple[ChannelSequence, ...]:
    """The commonest openings, chosen by how often they occur and never by their rate; rates shrunk to each other."""
    common = [(-n, str(key), s) for key, (n, s) in tenant.paths["sequences"].items() if n >= config.min_sequence]
    listed = sorted(common)[: config.sequences]
    n, s = (np.array(counts, np.int64) for counts in ([-row[0] for row in listed], [row[2] for row in listed]))
    rates = shrink_rates(n, s, np.zeros(len(listed), np.int64))
    return tuple(
        ChannelSequence(tuple(key.split(">")), -less, hits, float(rate))
        for (less, key, hits), rate in zip(listed, rates, strict=True)
    )


def learner(config: HowConfig) -> Learner:
    """HOW under this configuration, in the shape that every learner has."""
    return Learner(
        name=NAME,
        question="Which channel converts next?",
        reads=("exposures",),
        summarise=partial(summarise, config),
        merge=partial(merge, config),
        witness=partial(witness, config),
        pool=partial(pool, config),
        learn=partial(learn, config),
        judge=partial(judge, config),
        explain=explain,
        follow=partial(follow, config),
    )


HOW = learner(HowConfig())
