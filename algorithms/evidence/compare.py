"""Which level is better than today's mix, by how much, and how sure is that? Counts in, comparisons out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from algorithms.evidence import memo
from algorithms.evidence.config import EvidenceConfig
from algorithms.evidence.kernels import Kernel, factor
from algorithms.evidence.population import P_REAL
from algorithms.evidence.posterior import Question, Slab, slabs
from algorithms.evidence.statistics import LevelCounts, Statistics, gather
from algorithms.threads import one_thread
from contracts.levels import CLAIMED_AT, Comparison, Level, Recommendation
from contracts.refusal import Reason, Refusal

Floats = NDArray[np.float64]

DEFAULT = EvidenceConfig()

LEAST_LEVELS = 2
NO_INFORMATION = 1e-9  # trace of V that is rounding alone

CHUNK = 100_000
"""Numbers of V worked on together: more leave the processor's cache, fewer pay for each step anew."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison, and what people and the gate read beside it.

    log_bf: log evidence of real effects against none. p_real: P(effects are real). omega: expected drift, log-odds from
    block to block. rho: sd of residual confounding that was allowed for. strata, blocks, retained: see Statistics.
    p_top_beats: key → P(real, and the recommended level's gain is above that level's in the next period).
    below_mix: levels that the newest block alone puts below the mix; contradicted: the recommended one is among them.
    """

    comparison: Comparison
    log_bf: float
    p_real: float
    omega: float
    rho: float
    strata: int
    blocks: int
    retained: float
    p_top_beats: Mapping[str, float]
    below_mix: tuple[str, ...]

    @property
    def contradicted(self) -> bool:
        return self.comparison.recommendation.key in self.below_mix

    def diagnostics(self) -> dict[str, Any]:
        """JSON-ready: what a finding carries under its comparison's name, for people and for level_gate."""
        return {
            "log_bf": self.log_bf,
            "p_real": self.p_real,
            "omega": self.omega,
            "rho": self.rho,
            "strata": self.strata,
            "blocks": self.blocks,
            "retained": self.retained,
            "p_top_beats": dict(self.p_top_beats),
            "below_mix": list(self.below_mix),
            "contradicted": self.contradicted,
        }


def compare(
    name: str,
    counts: Sequence[LevelCounts],
    kernel: Kernel,
    *,
    randomised: Sequence[bool],
    pi1: float = P_REAL,
    config: EvidenceConfig = DEFAULT,
) -> list[Compared | Refusal]:
    """The answer to one question for many patterns; refuses with TOO_FEW_OUTCOMES or NO_VARIATION.

    randomised: per pattern, whether its strata hold logged propensities, so that no bias remains. pi1: chance that an
    effect is real, before looking (`learn_p_real`).
    """
    return compare_statistics(name, gather(counts, config), kernel, randomised=randomised, pi1=pi1, config=config)


def compare_statistics(
    name: str,
    statistics: Sequence[Statistics],
    kernel: Kernel,
    *,
    randomised: Sequence[bool],
    pi1: float = P_REAL,
    config: EvidenceConfig = DEFAULT,
) -> list[Compared | Refusal]:
    """`compare` for callers that have U and V themselves."""
    found = _posteriors(statistics, kernel, randomised, config)
    return [
        posterior if isinstance(posterior, Refusal) else _compared(name, one, posterior, pi1, is_random, config)
        for one, posterior, is_random in zip(statistics, found, randomised, strict=True)
    ]


def log_bayes_factors(
    counts: Sequence[LevelCounts], kernel: Kernel, *, randomised: Sequence[bool], config: EvidenceConfig = DEFAULT
) -> list[float]:
    """What `learn_p_real` reads: one for each pattern that can be compared. `compare` then finds them remembered."""
    found = _posteriors(gather(counts, config), kernel, randomised, config)
    return [posterior.log_bf for posterior in found if isinstance(posterior, Slab)]


def refusal_of(statistics: Statistics, config: EvidenceConfig = DEFAULT) -> Refusal | None:
    """Why nothing can be said about these counts, or None."""
    if statistics.outcomes < config.min_outcomes:
        return Refusal(Reason.TOO_FEW_OUTCOMES, statistics.outcomes, config.min_outcomes)
    used = int((statistics.n > 0).sum())
    if used < LEAST_LEVELS:
        return Refusal(Reason.NO_VARIATION, used, LEAST_LEVELS, "levels in use")
    if np.trace(statistics.v, axis1=-2, axis2=-1).sum() <= NO_INFORMATION:
        return Refusal(Reason.NO_VARIATION, 0, 1, "strata that hold two levels and both outcomes")
    return None


def _posteriors(
    statistics: Sequence[Statistics], kernel: Kernel, randomised: Sequence[bool], config: EvidenceConfig
) -> list[Slab | Refusal]:
    """Remembered or computed, those of one shape together."""
    with one_thread():  # kernels are factored in it, too
        return _remembered(statistics, kernel, randomised, config)


def _remembered(
    statistics: Sequence[Statistics], kernel: Kernel, randomised: Sequence[bool], config: EvidenceConfig
) -> list[Slab | Refusal]:
    found: dict[int, Slab | Refusal] = {}
    shapes: dict[tuple[int, ...], list[tuple[int, bytes, Question]]] = {}
    for index, (one, is_random) in enumerate(zip(statistics, randomised, strict=True)):
        refusal = refusal_of(one, config)
        if refusal:
            found[index] = refusal
            continue
        question = _question(one, kernel, 0.0 if is_random else config.residual_sd)
        key = memo.key_of(question, config)
        known = memo.SLABS.recall(key)
        if known:
            found[index] = known
        else:
            shapes.setdefault((*question.u.shape, question.factor.shape[1]), []).append((index, key, question))
    for shape, waiting in shapes.items():
        blocks, _, rank = shape
        chunk = max(1, CHUNK // (blocks * rank**2))
        for start in range(0, len(waiting), chunk):
            part = waiting[start : start + chunk]
            answers = slabs([question for _, _, question in part], config)
            for (index, key, _), slab in zip(part, answers, strict=True):
                memo.SLABS.remember(key, slab)
                found[index] = slab
    return [found[index] for index in range(len(statistics))]


def _question(one: Statistics, kernel: Kernel, rho: float) -> Question:
    groups = _groups(one)
    alike = groups[:, None] == groups[None, :]
    shares = alike * one.n
    shares = np.where(shares.any(axis=1, keepdims=True), shares, alike)  # a group that nobody uses counts evenly
    mix = shares / shares.sum(axis=1, keepdims=True)
    return Question(one.u, one.v, factor(kernel, one.keys), mix, one.n > 0, groups, rho)


def _groups(one: Statistics) -> NDArray[np.int64]:
    """(K,) groups of alternatives, numbered from 0."""
    if one.level_groups is None:
        return np.zeros(len(one.keys), np.int64)
    return np.unique(np.array(one.level_groups), return_inverse=True)[1].astype(np.int64)


def _compared(name: str, one: Statistics, slab: Slab, pi1: float, randomised: bool, config: EvidenceConfig) -> Compared:
    """The posterior with "nothing" weighed in: what is not real has no gain and beats nothing."""
    p_real = float(expit(slab.log_bf + logit(pi1)))
    gain, p_better = p_real * slab.gain, p_real * slab.p_better
    sd = np.sqrt(np.maximum(p_real * slab.square - gain**2, 0.0))
    rate = float(one.s.sum() / one.n.sum())
    best = float(gain[slab.top])
    confidence = float(p_better[slab.top])
    columns = zip(
        one.keys, one.n.tolist(), one.s.tolist(), one.use.tolist(), gain.tolist(), sd.tolist(), p_better.tolist(),
        _p_best(one, slab, p_real).tolist(), strict=True,
    )  # fmt: skip
    comparison = Comparison(
        name=name,
        sample_size=one.sample_size,
        outcomes=one.outcomes,
        rate=rate,
        confidence=confidence,
        claimed=confidence >= CLAIMED_AT and not slab.below[slab.top],
        randomised=randomised,
        recommendation=Recommendation(
            key=one.keys[slab.top],
            gain=best,
            low=min(slab.low, best),
            high=max(slab.high, best),
            rate=float(expit(logit(rate) + best)),
        ),
        levels=tuple(Level(*column) for column in columns),
    )
    return Compared(
        comparison=comparison,
        log_bf=slab.log_bf,
        p_real=p_real,
        omega=p_real * slab.omega + (1.0 - p_real) * slab.omega_none,
        rho=0.0 if randomised else config.residual_sd,
        strata=one.strata,
        blocks=len(one.u),
        retained=one.retained,
        p_top_beats=dict(zip(one.keys, (p_real * slab.p_top_beats).tolist(), strict=True)),
        below_mix=tuple(key for key, below in zip(one.keys, slab.below, strict=True) if below),
    )


def _p_best(one: Statistics, slab: Slab, p_real: float) -> Floats:
    """(K,) chance of being best, summing to 1: a group of alternatives holds its share of use.

    Where nothing is real, all alternatives are equally good.
    """
    groups = _groups(one)
    size, touches = np.bincount(groups), np.bincount(groups, weights=one.n)
    chance: Floats = (p_real * slab.p_best + (1.0 - p_real) / size[groups]) * (touches / one.n.sum())[groups]
    return np.minimum(chance, 1.0)
