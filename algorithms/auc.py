"""How well does a score rank those who convert above those who do not, and is one score better than another?

AUC with ties counted half; the difference of two AUCs on the same leads with DeLong's variance (DeLong, DeLong and
Clarke-Pearson 1988); lift among the top share with an interval. Each costs one sort of the leads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Z90 = 1.6448536269514722  # two-sided 90 %


@dataclass(frozen=True, slots=True)
class AucDifference:
    """auc, rival_auc: of either score. variance: of their difference, by DeLong."""

    auc: float
    rival_auc: float
    variance: float

    @property
    def difference(self) -> float:
        return self.auc - self.rival_auc


@dataclass(frozen=True, slots=True)
class Lift:
    """Conversion rate among the top share ÷ overall rate, with a 90 % interval (Katz, on the ratio top : rest)."""

    value: float
    low: float
    high: float


def auc(converted: Bools, scores: Floats) -> float:
    """P(a converter scores above a non-converter), ties half; wants both kinds among the (n,) leads."""
    return float(_placements(converted, scores)[0].mean())


def compare(converted: Bools, scores: Floats, rival: Floats) -> AucDifference:
    """Both AUCs on the same (n,) leads and the variance of their difference; wants two leads of either kind."""
    above, below = _placements(converted, scores)
    rival_above, rival_below = _placements(converted, rival)
    variance = np.var(above - rival_above, ddof=1) / len(above) + np.var(below - rival_below, ddof=1) / len(below)
    return AucDifference(float(above.mean()), float(rival_above.mean()), float(variance))


def lift(converted: Bools, scores: Floats, share: float = 0.2) -> Lift:
    """Lift among the top `share` of (n,) leads; those tied at the cut count in proportion, so that order is nothing."""
    n, total = len(converted), int(converted.sum())
    top = max(1, round(share * n))
    cut = np.partition(scores, n - top)[n - top]
    above, tied = scores > cut, scores == cut
    part = (top - int(above.sum())) / int(tied.sum())
    top_converted = float(converted[above].sum() + part * converted[tied].sum())
    value = (top_converted / top) / (total / n) if total else 1.0
    rest, rest_converted = n - top, total - top_converted
    if rest == 0:
        return Lift(value, value, value)
    # Half a conversion on either side keeps the logarithm finite.
    p, q = (top_converted + 0.5) / (top + 1.0), (rest_converted + 0.5) / (rest + 1.0)
    spread = Z90 * np.sqrt((1.0 - p) / (top_converted + 0.5) + (1.0 - q) / (rest_converted + 0.5))
    low, high = (1.0 / (top / n + rest / n * (q / p) * np.exp(sign * spread)) for sign in (1.0, -1.0))
    return Lift(value, min(value, float(low)), max(value, float(high)))


def _placements(converted: Bools, scores: Floats) -> tuple[Floats, Floats]:
    """Per converter the share of non-converters below it, per non-converter the share of converters above it."""
    positive, negative = scores[converted], scores[~converted]
    return _share_below(positive, np.sort(negative)), 1.0 - _share_below(negative, np.sort(positive))


def _share_below(values: Floats, ordered: Floats) -> Floats:
    both: Floats = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right").astype(float)
    return both / (2.0 * len(ordered))
