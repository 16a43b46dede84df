"""When do touches convert? Lead-local hour × weekday, days since the touch before, and what each further touch brings.

Hours and gaps are compared with the tenant's mix by the evidence engine: hours share what they show with near hours on
the clock, with their weekday and with their kind of day, gaps with gaps of about their length. Touch numbers get their
hazard. docs/when.md has formulas and measurements; detectors.md §3 is the source. Nothing here knows Postgres, Prefect,
the clock or another learner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import islice
from operator import attrgetter
from uuid import UUID

import polars as pl

from algorithms.evidence import (
    MIN_PATTERNS,
    P_REAL,
    Compared,
    EvidenceConfig,
    LevelCounts,
    compare,
    gather,
    kernels,
    learn_p_real,
    log_bayes_factors,
)
from algorithms.evidence.kernels import Kernel
from algorithms.exposures import BLOCK_DAYS, FIRST_MONDAY
from algorithms.later import met, newly_counted
from algorithms.level_gate import LevelGateConfig, described, judge_levels
from algorithms.spoken import recommended
from algorithms.threads import one_thread
from algorithms.when_counts import KEYS, merge_summaries, summarise_exposures
from algorithms.when_levels import TenantCounts, split_poor, tenants
from algorithms.when_yield import touch_yields
from contracts.canonical import content_hash, rounded
from contracts.learning import Evidence, Finding, Incumbent, Learner, LearningContext, Payload, Prior, Verdict
from contracts.levels import Comparison
from contracts.refusal import Reason, Refusal
from contracts.walk_forward import InForce, Later
from contracts.when import WhenPattern, hour_of_week

NAME = "when"

TOGETHER = 32
"""Tenants whose counts lie in memory at once: up to half a megabyte each."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class WhenConfig:
    """Every choice of this learner. Changing one changes inputs_sha256, so that nothing is mistaken for unchanged."""

    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    gate: LevelGateConfig = field(default_factory=LevelGateConfig)
    gap_residual_sd: float = 0.2  # log-odds of bias that strata leave: nobody draws gaps, and worse leads wait longer

    @property
    def gap_evidence(self) -> EvidenceConfig:
        return replace(self.evidence, residual_sd=self.gap_residual_sd)


@dataclass(frozen=True)
class Question:
    """One comparison: its name, its levels in a tenant's counts, which of them resemble each other, whether a logged
    probability makes them comparable, and what is assumed of them."""

    name: str
    counts: Callable[[TenantCounts], LevelCounts | None]
    kernel: Kernel
    randomised: Callable[[TenantCounts], bool]
    evidence: Callable[[WhenConfig], EvidenceConfig]


def _never(tenant: TenantCounts) -> bool:
    """Policies log the probability of an hour; gaps follow from cadences and limits too."""
    return False


QUESTIONS = (
    Question("hours", attrgetter("hours"), kernels.hours, attrgetter("randomised"), attrgetter("evidence")),
    Question("gaps", attrgetter("gaps"), kernels.gaps, _never, attrgetter("gap_evidence")),
)


def summarise(config: WhenConfig, extracts: Mapping[str, pl.LazyFrame], context: LearningContext) -> pl.DataFrame:
    """`when_counts.SUMMARY` of the slice's `exposures` and `tenants`."""
    return summarise_exposures(extracts)


def merge(config: WhenConfig, summaries: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One summary of many; the same bytes however the leads were split."""
    return merge_summaries(summaries)


def witness(config: WhenConfig, summary: pl.DataFrame, context: LearningContext) -> dict[str, list[float]]:
    """By question, log Bayes factors of real effects against none, of the tenants that consent."""
    log_bfs: dict[str, list[float]] = {question.name: [] for question in QUESTIONS}
    rich, _ = split_poor(summary, config.evidence.min_outcomes)
    for some in _together(rich):
        for question in QUESTIONS:
            asked = [(one, counts) for one in some if one.shares_priors and (counts := question.counts(one))]
            log_bfs[question.name] += log_bayes_factors(
                [counts for _, counts in asked],
                question.kernel,
                randomised=[question.randomised(one) for one, _ in asked],
                config=question.evidence(config),
            )
    return log_bfs


def pool(config: WhenConfig, told: Sequence[dict[str, list[float]]], context: LearningContext) -> Prior | Refusal:
    """How often hours, and gaps, truly differ: π1 of either question, from tenants that consent."""
    log_bfs = {one.name: [bf for some in told for bf in some[one.name]] for one in QUESTIONS}
    most = max(map(len, log_bfs.values()))
    if most < MIN_PATTERNS:
        return Refusal(Reason.TOO_FEW_OUTCOMES, most, MIN_PATTERNS, "tenants with enough outcomes")
    content = {"pi1": {name: learn_p_real(found) for name, found in log_bfs.items()}, "tenants": most}
    return Prior(NAME, rounded(content), context.as_of)


def learn(config: WhenConfig, summary: pl.DataFrame, context: LearningContext) -> dict[UUID, Finding | Refusal]:
    """Comparisons of hours and of gaps, and yields, per tenant; refuses where neither can be compared.

    Refusals of hours: SYNTHETIC_TIME, NO_LOCAL_TIME, TOO_FEW_OUTCOMES, NO_VARIATION.
    """
    prior = context.priors.at(context.as_of)
    chances: Mapping[str, float] = prior.content["pi1"] if prior else {}
    rich, poor = split_poor(summary, config.evidence.min_outcomes)
    found: dict[UUID, Finding | Refusal] = {**poor}
    with one_thread():
        for some in _together(rich):
            answers = {question.name: _ask(question, some, chances, config) for question in QUESTIONS}
            for row, tenant in enumerate(some):
                results = {name: of_all[row] for name, of_all in answers.items()}
                found[tenant.tenant_id] = _finding(tenant, results, config, context, prior)
    return found


def judge(
    config: WhenConfig,
    summary: pl.DataFrame,
    findings: Mapping[UUID, Finding | Refusal],
    incumbents: Mapping[UUID, Incumbent],
    context: LearningContext,
) -> dict[UUID, Verdict]:
    """Per tenant, whether its finding goes into force: level_gate."""
    return judge_levels(findings, incumbents, read_comparisons, config.gate)


def read_comparisons(payload: Payload) -> tuple[Comparison, ...]:
    """What engines act on; raises InvalidPatternError."""
    return WhenPattern.from_payload(payload).comparisons


def follow(
    config: WhenConfig, in_force: Mapping[UUID, InForce], before: pl.DataFrame, after: pl.DataFrame, since: datetime
) -> dict[UUID, Later]:
    """What patterns met in the touches counted between two summaries."""
    found = {}
    for tenant in tenants(newly_counted(before, after, KEYS)):
        held = in_force.get(tenant.tenant_id)
        if held is None:
            continue
        asked = {question.name: (question, question.counts(tenant)) for question in QUESTIONS}
        statistics = {
            name: gather([counts], question.evidence(config))[0] for name, (question, counts) in asked.items() if counts
        }
        found[tenant.tenant_id] = Later(held.version, met(read_comparisons(held.payload), statistics))
    return found


def explain(payload: Payload) -> str:
    """`Tuesday 10:00 +31 % odds (confidence 83 %) · touch 1 brings 3.1 %, touch 9 1.2 %`; gaps likewise."""
    pattern = WhenPattern.from_payload(payload)
    parts = [_claim(pattern.hours, hour_in_words), _claim(pattern.gaps, gap_in_words)]
    said = [part for part in parts if part] or ["no hour and no gap stands out"]
    if pattern.touches:
        first, last = pattern.touches[0], pattern.touches[-1]
        brings = f"touch {first.touch} brings {first.hazard:.1%}, touch {last.touch} {last.hazard:.1%}"
        said.append(brings.replace("%", " %"))
    return " · ".join(said)


def hour_in_words(key: str) -> str:
    """`Tuesday 10:00` for `tue-10`."""
    day, hour = divmod(hour_of_week(key), 24)
    return f"{DAYS[day]} {hour:02d}:00"


def gap_in_words(key: str) -> str:
    """`4–5 days after the touch before` for `4-5`."""
    if key.endswith("+"):
        return f"{key[:-1]} days or more after the touch before"
    days = key.replace("-", "–")
    return f"{days} day{'' if key == '1' else 's'} after the touch before"


def _claim(comparison: Comparison | None, in_words: Callable[[str], str]) -> str:
    if comparison is None or not comparison.claimed:
        return ""
    return f"{in_words(comparison.recommendation.key)} {recommended(comparison)}"


def _together(summary: pl.DataFrame) -> Iterator[list[TenantCounts]]:
    """Tenants of a summary, TOGETHER at a time."""
    waiting = tenants(summary)
    while some := list(islice(waiting, TOGETHER)):
        yield some


def _ask(
    question: Question, some: Sequence[TenantCounts], chances: Mapping[str, float], config: WhenConfig
) -> list[Compared | Refusal]:
    counts = [question.counts(one) for one in some]
    compared = iter(
        compare(
            question.name,
            [one for one in counts if one],
            question.kernel,
            randomised=[question.randomised(one) for one, known in zip(some, counts, strict=True) if known],
            pi1=chances.get(question.name, P_REAL),
            config=question.evidence(config),
        )
    )
    return [next(compared) if known else _unasked(question, one) for one, known in zip(some, counts, strict=True)]


def _unasked(question: Question, tenant: TenantCounts) -> Refusal:
    """Why no touch of the tenant has a level of that question."""
    if tenant.synthetic and not tenant.no_zone:
        return Refusal(Reason.SYNTHETIC_TIME, 0, 1, "touches at a time that is known")
    if question.name == "hours":
        return Refusal(Reason.NO_LOCAL_TIME, 0, 1, "touches of leads whose time zone is known")
    return Refusal(Reason.NO_VARIATION, 0, 1, "touches that follow another one")


def _finding(
    tenant: TenantCounts,
    results: Mapping[str, Compared | Refusal],
    config: WhenConfig,
    context: LearningContext,
    prior: Prior | None,
) -> Finding | Refusal:
    answered = {name: one.comparison for name, one in results.items() if isinstance(one, Compared)}
    if not answered:
        return next(one for one in results.values() if isinstance(one, Refusal))
    pattern = WhenPattern(answered.get("hours"), answered.get("gaps"), touch_yields(*tenant.touches))
    diagnostics = {
        "prior": prior.version if prior else "defaults",
        "touches": tenant.n,
        "unknown_zone": tenant.no_zone,
        "synthetic_time": tenant.synthetic,
        **described(results),
    }
    return Finding(
        pattern.to_payload(),
        Evidence(tenant.n, min(tenant.s, tenant.n - tenant.s), any(one.randomised for one in answered.values())),
        inputs_hash(tenant, config, context, prior),
        diagnostics,
        window_start=FIRST_MONDAY + timedelta(days=BLOCK_DAYS * tenant.oldest_block),
    )


def inputs_hash(tenant: TenantCounts, config: WhenConfig, context: LearningContext, prior: Prior | None) -> str:
    """Equal when touches, settings, code and prior are: then nothing new can be learned."""
    return content_hash(
        {
            "summary": tenant.digest,
            "config": _settings(config),
            "code": context.code_version,
            "prior": prior.version if prior else None,
        }
    )


@cache
def _settings(config: WhenConfig) -> Payload:
    return asdict(config)


def learner(config: WhenConfig) -> Learner:
    """WHEN under this configuration, in the shape that every learner has."""
    return Learner(
        name=NAME,
        question="When do touches convert?",
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


WHEN = learner(WhenConfig())
