"""How large are the effects, given that there are any, and how much more likely is that than none?

Per block w, with L the factor of the kernel, effects L times independent ones, and U, V standing for LᵀU, LᵀVL,

    U_w ~ N(V_w(δ + ξ_w), V_w),   ξ_w ~ N(0, ω²I)   drift
    δ = β + (a real effect ~ N(0, σ²I), or none),   β ~ N(0, ρ²I)   residual confounding

Everything is Gaussian given (ω, σ), so it is closed form: drift turns V into V(I + ω²V)⁻¹ block by block, the blocks
add up, and in the eigenbasis of their sum each coordinate stands alone. (ω, σ) are averaged over their grids. Nothing
here depends on π1, the chance that an effect is real, which only weighs this posterior against "nothing".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

from algorithms.evidence.best import best_shares
from algorithms.evidence.config import EvidenceConfig
from algorithms.evidence.mixtures import quantiles

Floats = NDArray[np.float64]

NO_SPREAD = 1e-12  # variance of a contrast below which there is none: a level that is its own mix


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What the posterior is computed from: B blocks, K levels, R independent effects behind them.

    u: (B, K). v: (B, K, K). factor: (K, R) of the kernel. mix: (K, K), row k the mix that level k is compared with.
    seen: (K,) levels that may be recommended. groups: (K,) from 0, levels that are alternatives. rho: residual sd.
    """

    u: Floats
    v: Floats
    factor: Floats
    mix: Floats
    seen: NDArray[np.bool_]
    groups: NDArray[np.int64]
    rho: float


@dataclass(frozen=True, slots=True, eq=False)
class Slab:
    """The posterior given that effects are real. Arrays are (K,), gains log-odds against the mix.

    log_bf: log evidence of real effects against none. gain, square: first and second moment of each gain. top: the
    level of the largest gain among those seen. low, high: interval of the top's gain. p_better: P(above the mix next
    period). p_best: P(best of its alternatives next period), summing to 1 in each group. p_top_beats: P(the top's gain
    is above that level's next period). below: the newest block's own interval lies wholly below the mix. omega,
    omega_none: expected drift given real effects, and given none.
    """

    log_bf: float
    gain: Floats
    square: Floats
    top: int
    low: float
    high: float
    p_better: Floats
    p_best: Floats
    p_top_beats: Floats
    below: NDArray[np.bool_]
    omega: float
    omega_none: float


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Axes: P patterns, W drifts, S effect sizes, R coordinates in the eigenbasis of the summed blocks.

    basis: (P, W, R, R) coordinates → independent effects. mean, variance: (P, W, S, R). log_slab: (P, W, S) and
    log_none: (P, W), log of prior times evidence.
    """

    basis: Floats
    mean: Floats
    variance: Floats
    log_slab: Floats
    log_none: Floats


def slabs(questions: Sequence[Question], config: EvidenceConfig) -> list[Slab]:
    """Posterior of each question; all have the same number of blocks and levels."""
    factor, mix = np.stack([one.factor for one in questions]), np.stack([one.mix for one in questions])
    groups, seen = np.stack([one.groups for one in questions]), np.stack([one.seen for one in questions])
    turned = np.swapaxes(factor, -1, -2)[:, None]
    u = (turned @ np.stack([one.u for one in questions])[..., None])[..., 0]
    v = turned @ np.stack([one.v for one in questions]) @ factor[:, None]
    grid = _grid(u, v, np.array([one.rho for one in questions]), config)

    against_mix = factor - mix @ factor  # (P, K, R): rows are contrasts of independent effects
    contrasts = against_mix[:, None] @ grid.basis
    mean, variance, ahead = _contrasted(contrasts, grid, config)
    weight = np.exp(grid.log_slab - logsumexp(grid.log_slab, axis=(1, 2), keepdims=True))
    gain, square = _averaged(weight, mean), _averaged(weight, mean**2 + variance)
    top = np.where(seen, gain, -np.inf).argmax(axis=1)
    low, high = _interval(weight, mean, variance, top, config.interval)
    beats, _, beats_ahead = _contrasted(_rows(contrasts, top)[:, :, None] - contrasts, grid, config)
    levels_of, sd_ahead = factor[:, None] @ grid.basis, np.sqrt(_next_period(grid, config))
    p_best = [
        best_shares(levels_of[row], weight[row], grid.mean[row], sd_ahead[row], groups[row], config.draws)
        for row in range(len(questions))
    ]
    found = {
        "log_bf": logsumexp(grid.log_slab, axis=(1, 2)) - logsumexp(grid.log_none, axis=1),
        "gain": gain,
        "square": square,
        "top": top,
        "low": low,
        "high": high,
        "p_better": np.clip(_averaged(weight, _positive(mean, ahead)), 0.0, 1.0),  # weights sum to 1 within rounding
        "p_best": np.stack(p_best),
        "p_top_beats": np.clip(_averaged(weight, _positive(beats, beats_ahead)), 0.0, 1.0),
        "below": _newest_below(u[:, -1], v[:, -1], against_mix, config),
        "omega": weight.sum(axis=2) @ np.array(config.drift_sd),
        "omega_none": np.exp(grid.log_none - logsumexp(grid.log_none, axis=1, keepdims=True))
        @ np.array(config.drift_sd),
    }
    columns = [values if values.ndim > 1 else values.tolist() for values in found.values()]
    return [Slab(**dict(zip(found, row, strict=True))) for row in zip(*columns, strict=True)]


def _grid(u: Floats, v: Floats, rho: Floats, config: EvidenceConfig) -> _Grid:
    """Evidence and posterior of every (ω, σ); u: (P, B, R), v: (P, B, R, R), rho: (P,)."""
    u_sum, v_sum, log_drift = _over_blocks(u, v, config)
    values, basis = np.linalg.eigh(v_sum)
    information = np.maximum(values, 0.0)  # (P, W, R)
    score = (np.swapaxes(basis, -1, -2) @ u_sum[..., None])[..., 0]
    # Residual confounding explains part of every coordinate, whether or not there is a real effect beside it.
    bias = (rho**2)[:, None, None]
    kept = 1.0 / (1.0 + bias * information)
    log_bias = 0.5 * (np.log(kept) + bias * kept * score**2).sum(axis=-1)
    score, information = (score * kept)[:, :, None], (information * kept)[:, :, None]
    effect = np.square(config.effect_sd)[:, None]
    variance = 1.0 / (information + 1.0 / effect)  # (P, W, S, R)
    log_effect = 0.5 * (variance * score**2 - np.log1p(effect * information)).sum(axis=-1)
    log_none = np.log(config.drift_weights) + log_drift + log_bias
    return _Grid(
        basis=basis,
        mean=variance * score,
        variance=variance,
        log_slab=log_none[..., None] + np.log(config.effect_weights) + log_effect,
        log_none=log_none,
    )


def _over_blocks(u: Floats, v: Floats, config: EvidenceConfig) -> tuple[Floats, Floats, Floats]:
    """Sums over blocks after drift was integrated out of each: (P, W, R), (P, W, R, R), and its evidence (P, W)."""
    one = np.eye(u.shape[-1])
    scores, informations, evidences = [u.sum(axis=1)], [v.sum(axis=1)], [np.zeros(len(u))]
    for variance in np.square(config.drift_sd[1:]):
        widened = one + variance * v
        inverse = np.linalg.inv(widened)
        half_log_det = np.log(np.einsum("...kk->...k", np.linalg.cholesky(widened))).sum(axis=-1)
        shrunk = (inverse @ u[..., None])[..., 0]
        scores.append(shrunk.sum(axis=1))
        informations.append((one - inverse).sum(axis=1) / variance)  # V(I + ω²V)⁻¹ = (I − (I + ω²V)⁻¹) / ω²
        evidences.append((0.5 * variance * (u * shrunk).sum(axis=-1) - half_log_det).sum(axis=1))
    information = np.stack(informations, axis=1)
    symmetric = (information + np.swapaxes(information, -1, -2)) / 2.0
    return np.stack(scores, axis=1), symmetric, np.stack(evidences, axis=1)


def _contrasted(contrasts: Floats, grid: _Grid, config: EvidenceConfig) -> tuple[Floats, Floats, Floats]:
    """Mean, variance, and variance in the next period, of contrasts (P, W, K, R): each (P, W, S, K)."""
    turned = np.swapaxes(contrasts, -1, -2)
    squared = turned**2
    return grid.mean @ turned, grid.variance @ squared, _next_period(grid, config) @ squared


def _next_period(grid: _Grid, config: EvidenceConfig) -> Floats:
    """(P, W, S, R) variance of the coordinates after one more drift."""
    ahead: Floats = grid.variance + np.square(config.drift_sd)[:, None, None]
    return ahead


def _averaged(weight: Floats, values: Floats) -> Floats:
    """(P, K) mean over the grid of values (P, W, S, K)."""
    mean: Floats = (weight[..., None] * values).sum(axis=(1, 2))
    return mean


def _positive(mean: Floats, variance: Floats) -> Floats:
    """P(a normal is above 0); 0 where it has no spread."""
    spread = variance > NO_SPREAD
    probability: Floats = np.where(spread, ndtr(mean / np.sqrt(np.where(spread, variance, 1.0))), 0.0)
    return probability


def _rows(values: Floats, of: NDArray[np.int64]) -> Floats:
    """values (P, W, K, …) at each pattern's own index on the third axis."""
    taken: Floats = values[np.arange(len(values)), :, of]
    return taken


def _interval(
    weight: Floats, mean: Floats, variance: Floats, top: NDArray[np.int64], inside: float
) -> tuple[Floats, Floats]:
    """Bounds (P,) that hold the share `inside` of the top's gain."""
    patterns = len(weight)
    means, variances = (_rows(np.swapaxes(values, -1, -2), top).reshape(patterns, -1) for values in (mean, variance))
    tail = (1.0 - inside) / 2.0
    low, high = quantiles((tail, 1.0 - tail), weight.reshape(patterns, -1), means, variances)
    return low, high


def _newest_below(u: Floats, v: Floats, against_mix: Floats, config: EvidenceConfig) -> NDArray[np.bool_]:
    """(P, K) levels that the newest block alone, u (P, R) and v (P, R, R), puts below the mix under a weak prior."""
    covariance = np.linalg.inv(v + np.eye(u.shape[-1]) / config.veto_sd**2)
    mean = (against_mix @ (covariance @ u[..., None]))[..., 0]
    variance = ((against_mix @ covariance) * against_mix).sum(axis=-1)
    reach = float(ndtri(0.5 + config.interval / 2.0))
    below: NDArray[np.bool_] = mean + reach * np.sqrt(np.maximum(variance, NO_SPREAD)) < 0.0
    return below
