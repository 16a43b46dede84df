"""Who converts? Weights of the five score components for every tenant, and the levels that stand out.

Learned by empirical Bayes around the population's centre (simplex_logit), judged time-forward against the weights in
force on AUC and on lift among the top fifth (gate), recalibrated to the newest leads. docs/who.md has formulas and
measurements; detectors.md §1 is the source. Nothing here knows Postgres, Prefect, the clock or another learner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms import simplex_logit, who_later
from algorithms.auc import Z90, AucDifference, lift
from algorithms.calibration import bins, recalibrate
from algorithms.ceiling import ceiling_auc
from algorithms.dimensions import describe_levels
from algorithms.gate import Judgement, judge_folds
from algorithms.histories import History, histories, merge_summaries, summarise_leads
from algorithms.simplex_logit import Fits, Sample, WeightPrior
from algorithms.threads import one_thread
from algorithms.trials import Trial, try_out, weight_prior
from contracts.canonical import content_hash, rounded
from contracts.errors import InvalidPatternError
from contracts.learning import (
    Evidence,
    Finding,
    Incumbent,
    Learner,
    LearningContext,
    Payload,
    Prior,
    Ruling,
    Verdict,
)
from contracts.outcomes import DEFAULT_WEIGHTS
from contracts.refusal import Reason, Refusal
from contracts.walk_forward import InForce, Later
from contracts.who import Level, WhoPattern

NAME = "who"
DEFAULTS = Incumbent(version=0, payload=None)
LEAST_FOLDS = 2  # one fold cannot tell drift from chance


@dataclass(frozen=True)
class WhoConfig:
    """Every choice of this learner. Changing one changes inputs_sha256, so that nothing is mistaken for unchanged."""

    keep: int = 10_000  # newest leads remembered per tenant; the gate's folds cover the last half of them
    window: int = 2_000  # newest leads learned from: on the bank set older ones did harm (detectors.md §1)
    min_outcomes: int = 10  # conversions, and as many others, in the window; below it the prior is all there is
    calibration_bins: int = 5  # few enough that each holds conversions at a base rate of 5 %
    recalibrated_on: int = 500  # newest leads that set the intercept: a quarter of the window
    folds: int = 4  # time-forward blocks of the gate
    confidence: float = 0.90  # P(better than the incumbent next period) to publish; below it bank claims were wrong
    lift_share: float = 0.20  # the top fifth is what people work through
    lift_margin: float = 0.10  # lift@20 that may be lost, as mean fold difference, for a better ranking overall
    drift_p: float = 0.01  # folds that differ by more than chance at this level shorten the pattern's validity
    min_level: int = 10  # leads; rarer levels are not listed
    levels: int = 20  # commonest levels listed per dimension
    fdr: float = 0.10  # of listed levels called significant, the share that may be chance
    min_tenants: int = 5  # tenants with enough outcomes; fewer do not make a population


def summarise(config: WhoConfig, extracts: Mapping[str, pl.LazyFrame], context: LearningContext) -> pl.DataFrame:
    """`histories.SUMMARY` of the slice's `leads` and `tenants`."""
    return summarise_leads(extracts, context.as_of, config.keep)


def merge(config: WhoConfig, summaries: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One summary of many; the same bytes however the leads were split."""
    return merge_summaries(summaries, config.keep)


def witness(config: WhoConfig, summary: pl.DataFrame, context: LearningContext) -> dict[UUID, Sample]:
    """The newest leads of every tenant that consents and has enough outcomes, as known at `context.as_of`."""
    known = summary.filter(pl.col("known_at").is_null() | (pl.col("known_at") <= context.as_of))
    willing = (one for one in histories(known) if one.shares_priors and _refusal(one, config) is None)
    return {one.tenant_id: _kept(Sample(*one.newest(config.window))) for one in willing}


def _kept(sample: Sample) -> Sample:
    """By itself: a view would keep the whole summary in memory."""
    return Sample(sample.components.copy(), sample.converted.copy())


def pool(config: WhoConfig, told: Sequence[Mapping[UUID, Sample]], context: LearningContext) -> Prior | Refusal:
    """Centre and spread of the tenants' weights.

    Centre: DerSimonian–Laird mean of the tenants' own weights. Spread: log evidence of each τ around that centre,
    summed over tenants, half-tempered and floored, since tenants share markets and are not independent draws.
    """
    samples = [
        sample for _, sample in sorted((pair for some in told for pair in some.items()), key=lambda pair: pair[0].bytes)
    ]
    if len(samples) < config.min_tenants:
        return Refusal(Reason.TOO_FEW_OUTCOMES, len(samples), config.min_tenants, "tenants with enough outcomes")
    with one_thread():
        wide = simplex_logit.fit(samples, [WeightPrior()] * len(samples), taus=simplex_logit.TAUS[-1:])
        centre = population_centre(wide)
        around = simplex_logit.fit(samples, [WeightPrior(centre)] * len(samples))
    relative = (around.evidence - around.evidence.max(axis=1, keepdims=True)).sum(axis=0) / 2.0
    log_tau = np.maximum(relative - relative.max(), -4.0)
    content = {"centre": list(centre), "log_tau": log_tau.tolist(), "tenants": len(samples)}
    return Prior(NAME, rounded(content), context.as_of)


def population_centre(wide: Fits) -> tuple[float, ...]:
    """Random-effects mean (DerSimonian and Laird 1986) of weights fitted under a single wide τ, per component."""
    slope = np.maximum(wide.slope, 1e-3)
    covariance = np.linalg.pinv(wide.hessian[:, 0])[:, 1:, 1:]
    # d(γ/Σγ)/dγ = (I − w·1ᵀ)/Σγ
    towards = (np.eye(wide.weights.shape[1]) - wide.weights[:, :, None]) / slope[:, None, None]
    variance = np.einsum("sij,sjk,sik->si", towards, covariance, towards) + 1e-4
    precision = 1.0 / variance
    mean = (precision * wide.weights).sum(axis=0) / precision.sum(axis=0)
    q = (precision * (wide.weights - mean) ** 2).sum(axis=0)
    scale = precision.sum(axis=0) - (precision**2).sum(axis=0) / precision.sum(axis=0)
    between = np.maximum(0.0, (q - (len(slope) - 1)) / scale)
    share = 1.0 / (variance + between)
    centre = np.maximum((share * wide.weights).sum(axis=0) / share.sum(axis=0), 0.01)
    return tuple(float(f"{weight:.9g}") for weight in centre / centre.sum())


def learn(config: WhoConfig, summary: pl.DataFrame, context: LearningContext) -> dict[UUID, Finding | Refusal]:
    """Weights, calibration and levels per tenant; refuses with TOO_FEW_OUTCOMES or NO_VARIATION."""
    prior = context.priors.at(context.as_of)
    results: dict[UUID, Finding | Refusal] = {}
    ready: list[History] = []
    for history in histories(summary):
        refusal = _refusal(history, config)
        if refusal:
            results[history.tenant_id] = refusal
        else:
            ready.append(history)
    samples = [Sample(*history.newest(config.window)) for history in ready]
    with one_thread():
        fits = simplex_logit.fit(samples, [weight_prior(prior)] * len(samples))
        levels = describe_levels(
            [history.levels for history in ready], at_least=config.min_level, most=config.levels, fdr=config.fdr
        )
        for row, history in enumerate(ready):
            results[history.tenant_id] = _finding(history, samples[row], fits, row, levels[row], config, context, prior)
    return results


def judge(
    config: WhoConfig,
    summary: pl.DataFrame,
    findings: Mapping[UUID, Finding | Refusal],
    incumbents: Mapping[UUID, Incumbent],
    context: LearningContext,
) -> dict[UUID, Verdict]:
    """Per tenant, whether its finding goes into force: Φ ≥ config.confidence on AUC, and no lift@20 lost.

    A tenant without an incumbent is judged against the defaults.
    """
    verdicts: dict[UUID, Verdict] = {}
    tried: list[tuple[History, Finding, Incumbent]] = []
    for history in histories(summary):
        finding = findings[history.tenant_id]
        if isinstance(finding, Refusal):
            verdicts[history.tenant_id] = Verdict(Ruling.REFUSE, refusal=finding)
        else:
            tried.append((history, finding, incumbents.get(history.tenant_id, DEFAULTS)))
    with one_thread():
        trials = try_out(
            [(history, _weights_in_force(incumbent)) for history, _, incumbent in tried],
            context.priors,
            folds=config.folds,
            newest=config.keep,
            window=config.window,
            lift_share=config.lift_share,
            recalibrated_on=config.recalibrated_on,
        )
        for (history, finding, incumbent), of_tenant in zip(tried, trials, strict=True):
            verdicts[history.tenant_id] = rule(config, history, finding, incumbent, of_tenant)
    return verdicts


def rule(
    config: WhoConfig, history: History, finding: Finding, incumbent: Incumbent, trials: Sequence[Trial]
) -> Verdict:
    """The verdict that the trials of one tenant lead to."""
    if len(trials) < LEAST_FOLDS:
        short = Refusal(Reason.TOO_FEW_FOLDS, len(trials), LEAST_FOLDS, "folds with both kinds of outcome")
        return Verdict(Ruling.HOLD, refusal=short)
    better = judge_folds(*_each(trials, lambda trial: trial.against_incumbent))
    defaults = judge_folds(*_each(trials, lambda trial: trial.incumbent_to_default))
    lift_lost = -sum(trial.lift_difference for trial in trials) / len(trials)
    refusal = None
    if incumbent.inputs_sha256 == finding.inputs_sha256:
        refusal = Refusal(Reason.UNCHANGED, 0, 1, f"new resolved leads since version {incumbent.version}")
    elif better.confidence < config.confidence:
        refusal = Refusal(Reason.NOT_BETTER, round(better.confidence, 4), config.confidence)
    elif lift_lost >= config.lift_margin:
        refusal = Refusal(Reason.WORSE_LIFT, round(-lift_lost, 4), -config.lift_margin, "lift among the top fifth")
    return Verdict(
        Ruling.HOLD if refusal else Ruling.PUBLISH,
        confidence=better.confidence,
        refusal=refusal,
        incumbent_healthy=incumbent.payload is not None and defaults.confidence < config.confidence,
        drifting=better.drift_p < config.drift_p,
        judged_on=_told(config, better, trials) | ({} if refusal else _ceiling(config, history, trials)),
    )


def follow(
    config: WhoConfig, in_force: Mapping[UUID, InForce], before: pl.DataFrame, after: pl.DataFrame, since: datetime
) -> dict[UUID, Later]:
    """What weights met in leads whose outcome became known after `since`, beside the defaults."""
    return who_later.follow(in_force, after, since, config.lift_share)


def explain(payload: Payload) -> str:
    """`authority 41 %, timing 25 %, … · title cfo 21 % (+)`: weights, largest first, then levels that stand out."""
    pattern = WhoPattern.from_payload(payload)
    weights = sorted(zip(payload["components"], pattern.weights, strict=True), key=lambda pair: -pair[1])
    parts = [", ".join(f"{name.replace('_', ' ')} {weight:.0%}" for name, weight in weights)]
    parts += [f"{one.level} ({one.dimension}) {one.rate:.1%}" for one in pattern.dimensions if one.significant][:3]
    return " · ".join(parts)


def inputs_hash(history: History, config: WhoConfig, context: LearningContext, prior: Prior | None) -> str:
    """Equal when leads, settings, code and prior are: then nothing new can be learned."""
    return content_hash(
        {
            "summary": history.digest,
            "config": asdict(config),
            "code": context.code_version,
            "prior": prior.version if prior else None,
        }
    )


def _weights_in_force(incumbent: Incumbent) -> tuple[float, ...]:
    """The incumbent's weights; the defaults where nothing was published or engines cannot read it."""
    if incumbent.payload is None:
        return DEFAULT_WEIGHTS
    try:
        return WhoPattern.from_payload(incumbent.payload).weights
    except InvalidPatternError:
        return DEFAULT_WEIGHTS


def _each(trials: Sequence[Trial], of: Callable[[Trial], AucDifference]) -> tuple[list[float], list[float]]:
    return [of(trial).difference for trial in trials], [of(trial).variance for trial in trials]


def _told(config: WhoConfig, better: Judgement, trials: Sequence[Trial]) -> dict[str, Any]:
    """The trials as people read them."""
    converted = np.concatenate([trial.converted for trial in trials])
    pooled = lift(converted, np.concatenate([trial.ranks for trial in trials]), config.lift_share)
    kept = bins(np.concatenate([trial.promised for trial in trials]), converted, config.calibration_bins)
    return {
        "auc_difference": better.mean,
        "auc_difference_ci90": [better.mean - Z90 * better.sd, better.mean + Z90 * better.sd],
        "lift20": pooled.value,
        "lift20_ci90": [pooled.low, pooled.high],
        "calibration": [asdict(each) for each in kept],
        "folds": [
            {
                "begins": trial.begins.isoformat(),
                "leads": len(trial.converted),
                "conversions": int(trial.converted.sum()),
                "auc": trial.against_incumbent.auc,
                "auc_in_force": trial.against_incumbent.rival_auc,
                "lift20": trial.lift.value,
                "lift20_in_force": trial.incumbent_lift.value,
            }
            for trial in trials
        ],
    }


def _ceiling(config: WhoConfig, history: History, trials: Sequence[Trial]) -> dict[str, Any]:
    """What boosted trees reach on the newest fold, where the learned weights reached `auc`."""
    test = len(trials[-1].converted)
    components, converted = history.components, history.converted
    before = slice(max(0, len(converted) - test - config.window), -test)
    best = ceiling_auc((components[before], converted[before]), (components[-test:], converted[-test:]))
    return {"ceiling": {"auc": trials[-1].against_incumbent.auc, "auc_of_trees": best}}


def _refusal(history: History, config: WhoConfig) -> Refusal | None:
    components, converted = history.newest(config.window)
    outcomes = information(converted)
    if outcomes < config.min_outcomes:
        return Refusal(Reason.TOO_FEW_OUTCOMES, outcomes, config.min_outcomes)
    if not (components != components[0]).any():
        return Refusal(Reason.NO_VARIATION, 0, 1, "components that differ between leads")
    return None


def information(converted: NDArray[np.bool_]) -> int:
    """min(conversions, non-conversions): what (n,) outcomes can tell."""
    conversions = int(converted.sum())
    return min(conversions, len(converted) - conversions)


def _finding(
    history: History,
    sample: Sample,
    fits: Fits,
    row: int,
    levels: Sequence[Level],
    config: WhoConfig,
    context: LearningContext,
    prior: Prior | None,
) -> Finding:
    weights, slope = fits.weights[row], float(fits.slope[row])
    scores = sample.components.astype(np.float64) @ weights
    block = slice(-config.recalibrated_on, None)
    intercept = recalibrate(float(fits.intercept[row]), slope * scores[block], sample.converted[block])
    edges = np.quantile(100.0 * scores, np.arange(1, 10) / 10.0)
    pattern = WhoPattern(
        weights=tuple(weights.tolist()),
        usual=tuple(sample.components.astype(np.float64).mean(axis=0).tolist()),
        decile_edges=tuple(np.clip(edges, 0.0, 100.0).tolist()),
        intercept=intercept,
        slope=slope,
        dimensions=tuple(levels),
    )
    diagnostics: dict[str, Any] = {
        "prior": prior.version if prior else "defaults",
        "spread": float(fits.tau_share[row] @ np.array(simplex_logit.TAUS)),
        "conversion_rate": float(sample.converted.mean()),
        "newest_lead": datetime.fromtimestamp(history.created[-1] / 1e6, UTC).isoformat(),
    }
    evidence = Evidence(sample_size=len(sample.converted), outcomes=information(sample.converted))
    oldest = history.created[-len(sample.converted)] / 1e6
    return Finding(
        pattern.to_payload(),
        evidence,
        inputs_hash(history, config, context, prior),
        diagnostics,
        window_start=datetime.fromtimestamp(oldest, UTC),
    )


def learner(config: WhoConfig) -> Learner:
    """WHO under this configuration, in the shape that every learner has."""
    return Learner(
        name=NAME,
        question="Who converts?",
        reads=("leads",),
        summarise=partial(summarise, config),
        merge=partial(merge, config),
        witness=partial(witness, config),
        pool=partial(pool, config),
        learn=partial(learn, config),
        judge=partial(judge, config),
        explain=explain,
        follow=partial(follow, config),
    )


WHO = learner(WhoConfig())
