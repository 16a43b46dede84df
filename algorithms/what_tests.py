"""What do randomised message tests say about marks of style and about single words?

Within a test variants differ by lot, so that nothing needs to be adjusted for; between tests everything differs, so
that nothing is compared. What remains is the luck of single texts: with U, V of one test's variants (statistics.py),

    U | β ~ N(V x β, V + ω² V²)   ⇒   U* = Σ xᵀ(I + ω²V)⁻¹U,   V* = Σ xᵀ V (I + ω²V)⁻¹ x

for a mark x in {0, 1}; ω is a posterior mean, the same for all marks. A mark is present or absent, so that its effect
is one number: none, or N(0, σ²) with σ from a grid, whose weights are learned over all marks together (EM). Measured
on randomised headlines: detectors.md §2, docs/what.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import logsumexp, ndtr

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TestsConfig:
    """Changing one changes what is learned."""

    __test__ = False  # no test of ours, whatever its name begins with

    effect_sd: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.4)  # σ, log-odds; headlines differ by less than channels
    seen: tuple[float, ...] = (40.0, 0.25, 0.25, 0.25, 0.25, 0.25)  # marks seen beforehand: no effect, then by σ
    text_sd: float = 0.3  # scale of ω's half-normal prior, log-odds; .31 was measured
    rounds: int = 200  # of EM; it settles in a few dozen


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """Texts of randomised tests. Arrays are (texts,), texts of one test side by side.

    first: (tests,) where each test begins. total, hits: (tests,). scale: (tests,) c of statistics.py.
    """

    test: Ints
    first: Ints
    n: Ints
    s: Ints
    total: Ints
    hits: Ints
    scale: Floats

    @property
    def weight(self) -> Floats:
        """(texts,) the diagonal of V, were each text alone against the rest of its test without a limit."""
        weight: Floats = (self.scale * self.total)[self.test] * self.n
        return weight

    @property
    def excess(self) -> Floats:
        """(texts,) U: outcomes beyond the test's share."""
        excess: Floats = self.s - self.n * (self.hits / self.total)[self.test]
        return excess


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Posterior of each mark; arrays (marks,), log-odds of a text with it against one without.

    Axis K: no effect first, then every σ. share: (marks, K). mean, variance: (marks, K − 1). log_bf: log evidence of an
    effect against none.
    """

    u: Floats
    v: Floats
    share: Floats
    mean: Floats
    variance: Floats
    log_bf: Floats

    @property
    def effect(self) -> Floats:
        effect: Floats = (self.share[:, 1:] * self.mean).sum(axis=1)
        return effect

    @property
    def p_real(self) -> Floats:
        real: Floats = np.clip(1.0 - self.share[:, 0], 0.0, 1.0)  # sums of shares miss 1 by rounding
        return real

    @property
    def p_above(self) -> Floats:
        """P(there is an effect, and it is above 0)."""
        above = (self.share[:, 1:] * ndtr(self.mean / np.sqrt(self.variance))).sum(axis=1)
        within: Floats = np.minimum(above, self.p_real)
        return within

    @property
    def confidence(self) -> Floats:
        """P(there is an effect, and its sign is that of `effect`)."""
        above = self.p_above
        sure: Floats = np.where(self.effect >= 0.0, above, self.p_real - above)
        return sure


def arrange(test: Ints, n: Ints, s: Ints) -> tuple[Variants, Ints]:
    """Variants of the tests that compare something, and which rows they are, in order of test.

    A test compares where it has two texts or more, and both outcomes.
    """
    order = np.argsort(test, kind="stable")
    numbers = np.unique(test[order], return_inverse=True)[1]
    size = np.bincount(numbers)
    total, hits = np.bincount(numbers, n[order]), np.bincount(numbers, s[order])
    compares = (size > 1) & (hits > 0) & (hits < total)
    kept = order[compares[numbers]]
    first = np.r_[0, np.cumsum(size[compares])[:-1]].astype(np.int64)
    total, hits = total[compares], hits[compares]
    renumbered = np.repeat(np.arange(len(total)), size[compares])
    scale = hits * (total - hits) / (total**2 * (total - 1.0))
    return Variants(renumbered, first, n[kept], s[kept], total.astype(np.int64), hits.astype(np.int64), scale), kept


def learn_text_sd(variants: Variants, config: TestsConfig) -> float:
    """Posterior mean of ω, by which texts of one test differ; marks are part of that luck here, and small beside it."""
    grid = np.linspace(0.0, 1.0, 51)
    log_weights = -0.5 * (grid / config.text_sd) ** 2 + [_log_likelihood(variants, sd) for sd in grid]
    return float(np.exp(log_weights - logsumexp(log_weights)) @ grid)


def statistics(variants: Variants, marks: csr_array, text_sd: float) -> tuple[Floats, Floats]:
    """U* and V*, (marks,), of marks (texts, marks) whose rows are those of the variants."""
    shrunk, wide, slack = _shrunk(variants, text_sd)
    u = marks.T @ shrunk
    share = csr_array(
        (variants.n / wide, (variants.test, np.arange(len(variants.n)))), shape=(len(variants.total), len(variants.n))
    )
    together = (share @ marks).power(2)  # (tests, marks): squares of what a test's texts with the mark weigh
    v = marks.T @ (variants.weight / wide) - together.T @ (variants.scale / slack)
    return u, np.maximum(v, 0.0)


def learn_effects(u: Floats, v: Floats, config: TestsConfig) -> Effects:
    """Effects of all marks together. Marks that no test compares (v = 0) keep the prior and teach nothing."""
    variance = 1.0 / (v[:, None] + 1.0 / np.square(config.effect_sd))
    mean = u[:, None] * variance
    log_bf = 0.5 * (np.log(variance / np.square(config.effect_sd)) + u[:, None] ** 2 * variance)
    evidence = np.column_stack([np.zeros(len(u)), log_bf])
    seen, told = np.array(config.seen), v > 0.0
    prior = seen / seen.sum()
    for _ in range(config.rounds):
        share = _shares(evidence, prior)
        prior = (share[told].sum(axis=0) + seen) / (told.sum() + seen.sum())
    slab = logsumexp(log_bf + np.log(prior[1:]), axis=1) - np.log(prior[1:].sum())
    return Effects(u, v, _shares(evidence, prior), mean, variance, slab)


def _shares(evidence: Floats, prior: Floats) -> Floats:
    weighed = evidence + np.log(prior)
    shares: Floats = np.exp(weighed - logsumexp(weighed, axis=1, keepdims=True))
    return shares


def _shrunk(variants: Variants, text_sd: float) -> tuple[Floats, Floats, Floats]:
    """(I + ω²V)⁻¹ U of every test at once; then the diagonal 1 + ω²·weight (texts,), and the slack (tests,).

    V = diag(weight) − c n nᵀ, so that Sherman and Morrison's formula inverts it; the slack is its denominator.
    """
    variance = text_sd**2
    wide = 1.0 + variance * variants.weight
    slack = 1.0 - variance * variants.scale * _by_test(variants, variants.n.astype(np.float64) ** 2 / wide)
    pull = variance * variants.scale * _by_test(variants, variants.n * variants.excess / wide) / slack
    return (variants.excess + pull[variants.test] * variants.n) / wide, wide, slack


def _by_test(variants: Variants, values: Floats) -> Floats:
    summed: Floats = np.add.reduceat(values, variants.first) if len(values) else np.zeros(0)
    return summed


def _log_likelihood(variants: Variants, text_sd: float) -> float:
    """Of U ~ N(0, V + ω²V²), relative to ω = 0; diag(1/weight) inverts V on the space that U lies in."""
    shrunk, wide, slack = _shrunk(variants, text_sd)
    gained = variants.excess * (variants.excess - shrunk) / variants.weight
    return float(0.5 * gained.sum() - 0.5 * (np.log(wide).sum() + np.log(slack).sum()))
