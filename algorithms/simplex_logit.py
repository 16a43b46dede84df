"""Which weights, none negative, make a weighted sum of components predict conversion best, given a prior centre?

    P(converts) = expit(a + (z − mean z)·γ),  γ ≥ 0,  weights = γ / Σγ,  slope of the score = Σγ

maximum a posteriori under γ ~ N(b·w0, τ²I) and b ~ N(4, 2²), where w0 is the centre: the defaults or the population's.
The posterior is jointly convex in (a, b, γ). It is averaged over a grid of τ by Laplace evidence, so that a tenant with
few outcomes stays near the centre and one with many leaves it (detectors.md §1).

How it is computed. b enters as a Gaussian only and is integrated out: γ ~ N(4·w0, τ²I + 4·w0·w0ᵀ); optimum and evidence
are the same numbers as with b in. What is left has one free and five non-negative unknowns and is solved by Newton's
method, whose step is the exact minimum of the quadratic model within the bounds. All samples of a chunk and all τ step
together; only the pass over the rows is done sample by sample, as three matrix products. So a sample's result is
the same bits alone and among thousands, provided that BLAS runs on one thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.outcomes import COMPONENTS, DEFAULT_WEIGHTS

Floats = NDArray[np.float64]

TAUS = (0.03, 0.1, 0.2, 0.4, 0.8, 1.6)  # spread of γ around b·w0; γ sums to about 6 where scores separate well
SLOPE_MEAN, SLOPE_SD = 4.0, 2.0  # log-odds between a lead of score 0 and one of score 1
CHUNK_ROWS = 60_000  # rows solved together: 13 MB of working memory, which stays near the processor
ITERATIONS = 100  # Newton takes 4–8; more means that something is wrong with the input
DECREMENT = 1e-9  # log-posterior left to gain, at which Newton's last step is applied without another pass
PRODUCT_BLOCK = 1_000  # factors in (1, 2] multiplied before one logarithm is taken; 2^1000 is below overflow

K = len(COMPONENTS)
UPPER = np.triu_indices(K + 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One tenant's leads. components: (n, 5) in [0, 1]. converted: (n,); must hold both kinds of outcome."""

    components: NDArray[np.floating]
    converted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class WeightPrior:
    """What is believed before a tenant's leads are seen. centre: w0. log_tau: log prior weight of each τ."""

    centre: tuple[float, ...] = DEFAULT_WEIGHTS
    log_tau: tuple[float, ...] = (0.0,) * len(TAUS)


@dataclass(frozen=True, slots=True)
class Fits:
    """One row a sample, S in all; T values of τ.

    weights: (S, 5), sum 1. slope, intercept: (S,), P = expit(intercept + slope · weights·z). tau_share: (S, T).
    gamma: (S, T, 5), evidence: (S, T), hessian: (S, T, 6, 6) of the negative log-posterior in (a, γ): per τ.
    """

    weights: Floats
    slope: Floats
    intercept: Floats
    tau_share: Floats
    gamma: Floats
    evidence: Floats
    hessian: Floats


def fit(samples: Sequence[Sample], priors: Sequence[WeightPrior], taus: Sequence[float] = TAUS) -> Fits:
    """Fit every sample under its own prior. Call within single-threaded BLAS (`threads.one_thread`)."""
    chunks = [_solve(samples[part], priors[part], np.array(taus)) for part in _chunks(samples)]
    if not chunks:
        chunks = [_nothing(len(taus))]
    theta, evidence, hessian, means = (np.concatenate(parts) for parts in zip(*chunks, strict=True))

    log_tau = np.array([prior.log_tau for prior in priors]).reshape(len(samples), len(taus)) if len(taus) > 1 else 0.0
    share = np.exp(evidence + log_tau - (evidence + log_tau).max(axis=1, keepdims=True, initial=-np.inf))
    share /= share.sum(axis=1, keepdims=True)
    gamma = theta[:, :, 1:]
    average = (share[:, :, None] * gamma).sum(axis=1)
    slope = average.sum(axis=1)
    centres = np.array([prior.centre for prior in priors]).reshape(len(samples), K)
    weights = np.where(slope[:, None] > 1e-9, average / np.maximum(slope, 1e-9)[:, None], centres)
    raw = theta[:, :, 0] - (gamma * means[:, None, :]).sum(axis=2)
    return Fits(weights, slope, (share * raw).sum(axis=1), share, gamma, evidence, hessian)


def _chunks(samples: Sequence[Sample]) -> Iterator[slice]:
    start, rows = 0, 0
    for index, sample in enumerate(samples):
        if rows and rows + len(sample.converted) > CHUNK_ROWS:
            yield slice(start, index)
            start, rows = index, 0
        rows += len(sample.converted)
    if start < len(samples):
        yield slice(start, len(samples))


def _nothing(taus: int) -> tuple[Floats, Floats, Floats, Floats]:
    return np.empty((0, taus, K + 1)), np.empty((0, taus)), np.empty((0, taus, K + 1, K + 1)), np.empty((0, K))


@dataclass(frozen=True, slots=True)
class _Rows:
    """A sample prepared for passes. design: (6, n), ones and centred components; products: (n, 21), their pairs."""

    design: Floats
    products: Floats
    converted: Floats  # (6,) design·y, all that the likelihood asks of the outcomes
    mean: Floats

    @classmethod
    def of(cls, sample: Sample) -> _Rows:
        components = sample.components.T.astype(np.float64, order="C")
        mean = components.mean(axis=1)
        design = np.vstack([np.ones(components.shape[1]), components - mean[:, None]])
        products = np.ascontiguousarray((design[UPPER[0]] * design[UPPER[1]]).T)
        return cls(design, products, design @ sample.converted.astype(np.float64), mean)

    def look(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Negative log-likelihood (T,), its gradient (T, 6) and upper Hessian (T, 21) at theta (T, 6)."""
        eta = theta @ self.design
        decay = np.exp(-np.abs(eta))
        onset = 1.0 + decay
        probability = np.where(eta >= 0.0, 1.0, decay) / onset
        # Σ log(1 + e^η): one logarithm a thousand rows, since the product of a thousand factors ≤ 2 is still finite.
        blocks = np.arange(0, eta.shape[1], PRODUCT_BLOCK)
        softplus = np.maximum(eta, 0.0).sum(axis=1) + np.log(np.multiply.reduceat(onset, blocks, axis=1)).sum(axis=1)
        curvature = (probability * (1.0 - probability)) @ self.products
        return softplus - theta @ self.converted, probability @ self.design.T - self.converted, curvature


@dataclass(frozen=True, slots=True)
class _Prior:
    """γ ~ N(mean, τ²I + 4·w0·w0ᵀ) of every sample and τ. mean: (S, 1, 5); precision: (S, T, 5, 5)."""

    mean: Floats
    precision: Floats
    log_det: Floats  # (S, T), of the covariance

    @classmethod
    def of(cls, priors: Sequence[WeightPrior], taus: Floats) -> _Prior:
        centre = np.array([prior.centre for prior in priors])
        squares, outer = (centre**2).sum(axis=1)[:, None], centre[:, None, :, None] * centre[:, None, None, :]
        tau2, slope2 = taus[None, :] ** 2, SLOPE_SD**2
        shrink = slope2 / (tau2 * (tau2 + slope2 * squares))
        precision = np.eye(K) / tau2[:, :, None, None] - shrink[:, :, None, None] * outer
        return cls(SLOPE_MEAN * centre[:, None, :], precision, K * np.log(tau2) + np.log1p(slope2 * squares / tau2))

    def add(self, rows: NDArray[np.intp], theta: Floats, value: Floats, gradient: Floats, hessian: Floats) -> None:
        """Add the prior of the samples `rows` to a negative log-likelihood and its derivatives, in place."""
        away = theta[:, :, 1:] - self.mean[rows]
        pull = (self.precision[rows] * away[:, :, None, :]).sum(axis=3)
        value += (pull * away).sum(axis=2) / 2.0
        gradient[:, :, 1:] += pull
        hessian[:, :, 1:, 1:] += self.precision[rows]


def _solve(
    samples: Sequence[Sample], priors: Sequence[WeightPrior], taus: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """theta (S, T, 6), evidence (S, T), Hessian (S, T, 6, 6), component means (S, 5)."""
    data, prior = [_Rows.of(sample) for sample in samples], _Prior.of(priors, taus)
    theta = np.empty((len(samples), len(taus), K + 1))
    for row, sample in enumerate(samples):
        rate = (sample.converted.sum() + 0.5) / (len(sample.converted) + 1.0)
        theta[row] = np.concatenate([[np.log(rate / (1.0 - rate))], prior.mean[row, 0]])

    value, gradient, hessian = _posterior(data, prior, np.arange(len(data)), theta)
    open_rows = np.arange(len(data))
    for _ in range(ITERATIONS):
        step = _bounded_step(theta[open_rows], gradient[open_rows], hessian[open_rows])
        slope = (gradient[open_rows] * step).sum(axis=2)
        done = (slope > -DECREMENT).all(axis=1)
        theta[open_rows[done]] += step[done]
        value[open_rows[done]] += slope[done] / 2.0
        open_rows, step, slope = open_rows[~done], step[~done], slope[~done]
        if not len(open_rows):
            break
        theta[open_rows], value[open_rows], gradient[open_rows], hessian[open_rows] = _line_search(
            data, prior, open_rows, theta[open_rows], value[open_rows], step, slope
        )
    else:
        raise FloatingPointError(f"{len(open_rows)} samples did not converge in {ITERATIONS} Newton steps")
    log_det = np.linalg.slogdet(hessian)[1]
    evidence = -value + (np.log(2.0 * np.pi) - log_det - prior.log_det) / 2.0
    return theta, evidence, hessian, np.array([rows.mean for rows in data])


def _posterior(
    data: Sequence[_Rows], prior: _Prior, rows: NDArray[np.intp], theta: Floats
) -> tuple[Floats, Floats, Floats]:
    """Negative log-posterior, gradient and Hessian of the samples `rows` at theta (len(rows), T, 6)."""
    value, gradient = np.empty(theta.shape[:2]), np.empty_like(theta)
    hessian = np.empty((*theta.shape, K + 1))
    for place, row in enumerate(rows):
        value[place], gradient[place], upper = data[row].look(theta[place])
        hessian[place][:, UPPER[0], UPPER[1]] = hessian[place][:, UPPER[1], UPPER[0]] = upper
    prior.add(rows, theta, value, gradient, hessian)
    return value, gradient, hessian


def _line_search(
    data: Sequence[_Rows],
    prior: _Prior,
    rows: NDArray[np.intp],
    start: Floats,
    value: Floats,
    step: Floats,
    slope: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Take the whole step where it helps, else halve it (Armijo): the full Newton step nearly always does."""
    length = np.ones_like(value)
    for _ in range(ITERATIONS):
        theta = start + length[:, :, None] * step
        reached, gradient, hessian = _posterior(data, prior, rows, theta)
        helped = reached <= value + 1e-4 * length * slope + 1e-12 * np.abs(value)
        if helped.all():
            return theta, reached, gradient, hessian
        length = np.where(helped, length, length / 2.0)
    raise FloatingPointError("no step improved the posterior: the components are not finite")


def _bounded_step(theta: Floats, gradient: Floats, hessian: Floats) -> Floats:
    """Minimum of gradient·d + d'·hessian·d/2 with theta + d ≥ 0 but for the intercept, by a primal active set.

    Walks from d = 0 toward the minimum over the free unknowns, stops at the first bound, fixes what stands there,
    and frees what would gain by leaving its bound, until nothing changes. At most a few rounds for five bounds.
    """
    shape = theta.shape
    here, slope0 = np.zeros((theta.size // (K + 1), K + 1)), gradient.reshape(-1, K + 1)
    quadratic, room = hessian.reshape(-1, K + 1, K + 1), theta.reshape(-1, K + 1)
    fixed = (room <= 0.0) & (slope0 > 0.0)
    fixed[:, 0] = False
    left = np.arange(len(here))
    for _ in range(ITERATIONS):
        at, is_fixed, curve = here[left], fixed[left], quadratic[left]
        local = slope0[left] + (curve * at[:, None, :]).sum(axis=2)
        free = ~is_fixed
        masked = curve * (free[:, :, None] & free[:, None, :]) + np.eye(K + 1) * is_fixed[:, None, :]
        move = np.linalg.solve(masked, np.where(free, -local, 0.0)[:, :, None])[:, :, 0]
        limit = np.where(free & (move < 0.0), (room[left] + at) / np.where(move < 0.0, -move, 1.0), np.inf)
        limit[:, 0] = np.inf
        length = np.minimum(limit.min(axis=1), 1.0)
        at = at + length[:, None] * move
        blocked = (limit <= length[:, None]) & (length < 1.0)[:, None]
        at = np.where(blocked, -room[left], at)
        local = slope0[left] + (curve * at[:, None, :]).sum(axis=2)
        # Only at the minimum over the free unknowns does a multiplier's sign say whether its bound holds it.
        freed = is_fixed & (local < -1e-10) & (length >= 1.0)[:, None]
        here[left], fixed[left] = at, (is_fixed | blocked) & ~freed
        left = left[(blocked | freed).any(axis=1)]
        if not len(left):
            return here.reshape(shape)
    raise FloatingPointError("the quadratic model has no minimum within the bounds: the Hessian is not finite")
