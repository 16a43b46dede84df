"""Is what was learned better than what is in force, in the next period and not only in those that were measured?

Every learned weight or threshold passes here. Per time-forward fold there is a difference (new minus incumbent) with
its sampling variance; what differs from fold to fold beyond that is drift, and the next period will drift as well:

    confidence = Φ(m / se),  se² = mean(v)/K + τ²·(1 + 1/K),  τ² = max(0, var(d) − mean(v))
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import chdtrc, ndtr


@dataclass(frozen=True, slots=True)
class Judgement:
    """mean: of the fold differences. sd: of the next period's difference around it. confidence: P(it is above 0).

    drift_p: p-value of Cochran's Q, that folds differ by sampling alone.
    """

    mean: float
    sd: float
    confidence: float
    drift_p: float


def judge_folds(differences: Sequence[float], variances: Sequence[float]) -> Judgement:
    """Pool K ≥ 2 folds; variances are those of each difference."""
    k = len(differences)
    mean, sampling = sum(differences) / k, sum(variances) / k
    between = sum((d - mean) ** 2 for d in differences) / (k - 1)
    tau2 = max(0.0, between - sampling)
    sd = math.sqrt(sampling / k + tau2 * (1.0 + 1.0 / k))
    confidence = float(ndtr(mean / sd)) if sd > 0.0 else 0.5 + 0.5 * ((mean > 0.0) - (mean < 0.0))
    return Judgement(mean, sd, confidence, _cochran_p(differences, variances))


def _cochran_p(differences: Sequence[float], variances: Sequence[float]) -> float:
    """Folds without variance (equal scores) say nothing about drift and are left out."""
    pairs = [(d, 1.0 / v) for d, v in zip(differences, variances, strict=True) if v > 0.0]
    if len(pairs) < 2:
        return 1.0
    centre = sum(d * w for d, w in pairs) / sum(w for _, w in pairs)
    return float(chdtrc(len(pairs) - 1, sum(w * (d - centre) ** 2 for d, w in pairs)))
