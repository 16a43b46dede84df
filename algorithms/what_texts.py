"""How much do texts of equal features differ, and what is left to say about a feature when they do?

Touches of one text share its luck for ever, so that a hundred touches of one text are not a hundred witnesses for its
features. With U, V the score statistics of a tenant's T texts (statistics.py) and X (T, K) the levels of a feature,

    U | β ~ N(V X β, V + V C V),   C = ω² I + σ² Σ_g X_g X_gᵀ over the other features

ω is what texts differ by for no reason that we know, σ what other features do to them. Reduced to the feature's levels,

    U* = Xᵀ (I + V C)⁻¹ U,   V* = Xᵀ (I + V C)⁻¹ V X

which for one text a group is U/(1 + ω²V), V/(1 + ω²V) (detectors.md §2). ω and σ come from a posterior over a small
grid, each text's luck and every feature's effect integrated out: few texts leave them near the prior, so that ω
dominates and nothing much is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from algorithms.evidence import Statistics

Floats = NDArray[np.float64]

EMPTY = 1e-9  # share of the largest eigenvalue below which V knows nothing


@dataclass(frozen=True)
class TextPrior:
    """What is believed of texts before a tenant's own speak; each grid with its weights."""

    text_sd: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.45, 0.65)  # ω, log-odds; .31 on randomised headlines
    text_weights: tuple[float, ...] = (0.5, 0.1, 0.15, 0.15, 0.08, 0.02)  # often texts differ by their features alone
    feature_sd: tuple[float, ...] = (0.0, 0.1, 0.2, 0.4)  # σ, log-odds by which levels of other features differ
    feature_weights: tuple[float, ...] = (0.4, 0.25, 0.25, 0.1)  # most features matter little


@dataclass(frozen=True, slots=True)
class Spread:
    """Log-odds by which a tenant's texts differ. text: ω. feature: σ."""

    text: float
    feature: float


def learn_spread(u: Floats, v: Floats, features: Mapping[str, Floats], prior: TextPrior) -> Spread:
    """ω, the root of its posterior mean square, and the posterior mean of σ, which is milder.

    A text's luck must not be taken for an effect; what other features do is often little, and doubted enough by what
    they share. u: (T,), v: (T, T); features: (T, K) indicator matrices by name.
    """
    values, basis = np.linalg.eigh(v)
    known = values > EMPTY * max(float(values[-1]), EMPTY)
    root = np.sqrt(values[known])
    z = (basis[:, known].T @ u) / root
    turned = basis[:, known] * root  # z | C ~ N(0, I + turnedᵀ C turned)
    levels = turned.T @ np.hstack(list(features.values())) if features else np.zeros((len(z), 0))
    log_weights = _log_densities(z, values[known], levels, prior)
    log_weights += np.log(prior.text_weights)[:, None] + np.log(prior.feature_weights)
    weights = np.exp(log_weights - logsumexp(log_weights))
    text = float(np.sqrt(weights.sum(axis=1) @ np.square(prior.text_sd)))
    return Spread(text, float(weights.sum(axis=0) @ prior.feature_sd))


def of_levels(texts: Statistics, levels: Floats, keys: tuple[str, ...], others: Floats, spread: Spread) -> Statistics:
    """Statistics of a feature's levels, from those of texts with the texts' own luck integrated out.

    levels: (T, K) indicators. others: (T, T) Σ X_g X_gᵀ of the other features. Blocks share a text's luck; each brings
    its part of U*, and of V* in proportion to what it knew before.
    """
    u, v = texts.u, texts.v
    whole = v.sum(axis=0)
    noise = spread.text**2 * np.eye(len(levels)) + spread.feature**2 * others
    reduce = np.linalg.solve((np.eye(len(levels)) + whole @ noise).T, levels).T  # Xᵀ (I + V C)⁻¹, (K, T)
    information = reduce @ whole @ levels
    plain = levels.T @ v @ levels  # (blocks, K, K), as if texts of equal levels were one
    scale = _root(plain.sum(axis=0), -0.5) @ _root(information, 0.5)
    return Statistics(
        keys=keys,
        n=levels.T.astype(np.int64) @ texts.n,
        s=levels.T.astype(np.int64) @ texts.s,
        u=u @ reduce.T,
        v=scale.T @ plain @ scale,
        strata=texts.strata,
        retained=texts.retained,
    )


def _log_densities(z: Floats, values: Floats, levels: Floats, prior: TextPrior) -> Floats:
    """(texts, features) of N(0, I + ω² diag(values) + σ² levels levelsᵀ) at z, for every ω and σ of the prior.

    Levels are few where texts are many: for each ω, all σ follow from the eigenvalues μ of LᵀD⁻¹L (Woodbury),

        log det = Σ log D + Σ log(1 + σ²μ),   zᵀC⁻¹z = zᵀD⁻¹z − σ² Σ b²/(1 + σ²μ),   D = I + ω² diag(values)
    """
    own = 1.0 + np.square(prior.text_sd)[:, None] * values  # (texts, T)
    weighted = levels / own[..., None]
    mu, basis = np.linalg.eigh(levels.T @ weighted)
    mu = np.maximum(mu, 0.0)[:, None]  # (texts, 1, levels)
    b = ((z @ weighted)[:, None] @ basis) ** 2
    variance = np.square(prior.feature_sd)[:, None]
    log_det = np.log(own).sum(axis=-1)[:, None] + np.log1p(variance * mu).sum(axis=-1)
    square = (z**2 / own).sum(axis=-1)[:, None] - (variance * b / (1.0 + variance * mu)).sum(axis=-1)
    density: Floats = -0.5 * (log_det + square)
    return density


def _root(matrix: Floats, power: float) -> Floats:
    """A symmetric matrix to a power, on the space where it is positive."""
    values, basis = np.linalg.eigh((matrix + matrix.T) / 2.0)
    known = values > EMPTY * max(float(values[-1]), EMPTY)
    scaled: Floats = (basis[:, known] * values[known] ** power) @ basis[:, known].T
    return scaled
