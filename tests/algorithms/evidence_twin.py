"""The evidence engine, slow and obvious: one big normal distribution of all blocks' statistics per (ω, σ).

No whitening, no eigenbasis, no closed form: the covariance of the stacked U is written down from the model, and
scipy says how probable U is under it. docs/evidence.md has the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import multivariate_normal, norm

from algorithms.evidence import EvidenceConfig

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Twin:
    log_bf: float
    p_real: float
    gain: Floats
    sd: Floats
    p_better: Floats
    p_top_beats: Floats
    p_best: Floats  # by 40,000 draws
    omega: float
    top: int


@dataclass(frozen=True)
class _Component:
    weight: float
    omega: float
    mean: Floats  # (K,) of the effects; empty where there are none
    covariance: Floats


def twin(u: Floats, v: Floats, kernel: Floats, mix: Floats, rho: float, pi1: float, config: EvidenceConfig) -> Twin:
    """u: (B, K), v: (B, K, K), mix: (K,); every level must have been used in every block."""
    none, real = [], []
    for omega, drift_weight in zip(config.drift_sd, config.drift_weights, strict=True):
        none.append(_component(u, v, kernel, omega, rho, 0.0, (1 - pi1) * drift_weight))
        for sigma, effect_weight in zip(config.effect_sd, config.effect_weights, strict=True):
            weight = pi1 * drift_weight * effect_weight
            real.append(_component(u, v, kernel, omega, rho, sigma, weight))
    total = sum(each.weight for each in none + real)
    p_real = sum(each.weight for each in real) / total
    contrasts = np.eye(len(mix)) - mix
    gain = sum(each.weight / total * (contrasts @ each.mean) for each in real)
    square = sum(
        each.weight / total * ((contrasts @ each.mean) ** 2 + np.diag(contrasts @ each.covariance @ contrasts.T))
        for each in real
    )
    top = int(np.argmax(gain))
    against_top = contrasts[top] - contrasts
    rng = np.random.default_rng(1)
    wins = np.full(len(mix), (1 - p_real) / len(mix))
    for each in real:
        drawn = rng.multivariate_normal(each.mean, each.covariance + each.omega**2 * kernel, 40_000, method="eigh")
        wins += each.weight / total * np.bincount(drawn.argmax(axis=1), minlength=len(mix)) / 40_000
    return Twin(
        log_bf=float(
            np.log(sum(each.weight for each in real) / pi1) - np.log(sum(each.weight for each in none) / (1 - pi1))
        ),
        p_real=p_real,
        gain=gain,
        sd=np.sqrt(square - gain**2),
        p_better=sum(each.weight / total * _above(contrasts, each, kernel) for each in real),
        p_top_beats=sum(each.weight / total * _above(against_top, each, kernel) for each in real),
        p_best=wins,
        omega=sum(each.weight * each.omega for each in none + real) / total,
        top=top,
    )


def _component(
    u: Floats, v: Floats, kernel: Floats, omega: float, rho: float, sigma: float, prior: float
) -> _Component:
    """U_w = V_w(effect + bias + drift_w) + noise_w; the last level is left out, since each U_w sums to zero."""
    blocks, levels = u.shape
    stacked = np.concatenate([block[:-1] for block in v])  # (B(K−1), K): effects → expected U
    covariance = stacked @ ((sigma**2 + rho**2) * kernel) @ stacked.T
    for block in range(blocks):
        own = slice(block * (levels - 1), (block + 1) * (levels - 1))
        rows = v[block, :-1]
        covariance[own, own] += v[block, :-1, :-1] + omega**2 * rows @ kernel @ rows.T
    seen = np.concatenate([block[:-1] for block in u])
    density = multivariate_normal(np.zeros(len(seen)), covariance).pdf(seen)
    prior_covariance = sigma**2 * kernel
    gain = prior_covariance @ stacked.T @ np.linalg.inv(covariance)
    return _Component(
        weight=prior * float(density),
        omega=omega,
        mean=gain @ seen,
        covariance=prior_covariance - gain @ stacked @ prior_covariance,
    )


def _above(contrasts: Floats, component: _Component, kernel: Floats) -> Floats:
    """P(contrast · effects of the next period > 0); 0 for the contrast of a level with itself."""
    variance = np.diag(contrasts @ (component.covariance + component.omega**2 * kernel) @ contrasts.T)
    sd = np.sqrt(np.where(variance > 1e-12, variance, np.inf))
    chance: Floats = np.where(variance > 1e-12, norm.cdf(contrasts @ component.mean / sd), 0.0)
    return chance
