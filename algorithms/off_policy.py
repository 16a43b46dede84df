"""What would have come of following another policy? Its value, estimated from what was done, with an interval.

Three estimators over logged choices with known propensities (Dudík, Langford and Li 2011; Swaminathan and Joachims
2015), with w = target(arm) / propensity, clipped:

    IPS    mean of w·r                        unbiased, and noisy
    SNIPS  Σ w·r / Σ w                        a little bias, much less noise: what is shown where no model helps
    DR     mean of q̄ + w·(r − q(arm))         right if either the propensities or the model q is

The model is the mean outcome of arm and cell, shrunk toward the arm's, fitted on the other fold than the one it is used
on. Entries carry a count, so that equal rows are one entry and a summary serves as well as the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.refusal import Reason, Refusal

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

CLIPPED_AT = 20.0
"""Largest weight: one row of a rarely chosen arm should not speak for more than twenty."""

LEAST_EFFECTIVE = 100.0
"""Effective sample size below which nothing is said: 90 % intervals grow too short there."""

PSEUDO_ROWS = 10.0
"""Rows of the arm's mean that are added to each cell of the outcome model."""

Z = {0.90: 1.6448536269514722, 0.95: 1.959963984540054}
"""Normal quantiles of the two-sided intervals that are offered."""


@dataclass(frozen=True, slots=True)
class Log:
    """What was done and what came of it, n entries.

    arm: (n,) chosen, 0 … K−1. outcome: (n,) in [0, 1]. propensity: (n,) with which the arm was chosen, above 0.
    cell: (n,) 0 …, what the outcome model may depend on. fold: (n,) 0 or 1, for its cross-fitting. count: (n,) rows
    that are equal to this one.
    """

    arm: Index
    outcome: Floats
    propensity: Floats
    cell: Index
    fold: Index
    count: Index


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean outcome and its standard error."""

    value: float
    se: float

    def interval(self, level: float = 0.90) -> tuple[float, float]:
        """Normal interval; level is .90 or .95."""
        return self.value - Z[level] * self.se, self.value + Z[level] * self.se


@dataclass(frozen=True, slots=True)
class Value:
    """Outcomes per choice under the target policy, by each estimator, beside what was logged.

    effective_n: (Σw)² / Σw². clipped: share of rows whose weight was cut to CLIPPED_AT.
    """

    logged: float
    ips: Estimate
    snips: Estimate
    dr: Estimate
    effective_n: float
    clipped: float


def evaluate(log: Log, target: Floats) -> Value | Refusal:
    """Value of the policy that takes arm k of entry i with probability target[i, k]. target: (n, K), rows sum to 1.

    Refuses with NO_PROPENSITY where one is missing (NaN or not above 0), and with TOO_FEW_EFFECTIVE.
    """
    known = int(log.count[log.propensity > 0.0].sum())
    rows = int(log.count.sum())
    if known < rows or rows == 0:
        return Refusal(Reason.NO_PROPENSITY, known, max(rows, 1), "rows whose policy logged its probabilities")
    raw = target[np.arange(len(log.arm)), log.arm] / log.propensity
    weight = np.minimum(raw, CLIPPED_AT)
    effective = effective_size(weight, log.count)
    if effective < LEAST_EFFECTIVE:
        return Refusal(Reason.TOO_FEW_EFFECTIVE, round(effective, 1), LEAST_EFFECTIVE, "rows after weighting")
    model = outcome_model(log, target.shape[1])
    fitted = model[np.arange(len(log.arm)), log.arm]
    doubly = (target * model).sum(axis=1) + weight * (log.outcome - fitted)
    return Value(
        logged=float(log.count @ log.outcome / rows),
        ips=_mean(weight * log.outcome, log.count),
        snips=_normalised(weight, log),
        dr=_mean(doubly, log.count),
        effective_n=effective,
        clipped=float(log.count[raw > CLIPPED_AT].sum() / rows),
    )


def effective_size(weight: Floats, count: Index) -> float:
    """(Σw)² / Σw² (Kish 1965): as many unweighted rows would be as precise. 0 where all weights are."""
    total = float(count @ weight)
    return total**2 / float(count @ weight**2) if total > 0.0 else 0.0


def outcome_model(log: Log, arms: int) -> Floats:
    """(n, arms) expected outcome of each entry under each arm, learned from the other fold.

    Mean of arm and cell with PSEUDO_ROWS of the arm's mean, which has as many of the overall mean.
    """
    model = np.zeros((len(log.arm), arms))
    cells = int(log.cell.max()) + 1
    for fold in (0, 1):
        learned = log.fold != fold
        key = log.cell[learned] * arms + log.arm[learned]
        n, s = (
            np.bincount(key, amounts[learned], minlength=cells * arms).reshape(cells, arms)
            for amounts in (log.count.astype(np.float64), log.count * log.outcome)
        )
        overall = s.sum() / max(n.sum(), 1.0)
        of_arm = (s.sum(axis=0) + PSEUDO_ROWS * overall) / (n.sum(axis=0) + PSEUDO_ROWS)
        means = (s + PSEUDO_ROWS * of_arm) / (n + PSEUDO_ROWS)
        model[~learned] = means[log.cell[~learned]]
    return model


def _mean(values: Floats, count: Index) -> Estimate:
    """Mean of counted values, and its standard error."""
    rows = float(count.sum())
    mean = float(count @ values) / rows
    variance = float(count @ (values - mean) ** 2) / max(rows - 1.0, 1.0)
    return Estimate(mean, float(np.sqrt(variance / rows)))


def _normalised(weight: Floats, log: Log) -> Estimate:
    """Σ w·r / Σ w, with the delta method's standard error √Σ w²(r − value)² / Σ w."""
    total = float(log.count @ weight)
    value = float(log.count @ (weight * log.outcome)) / total
    spread = float(log.count @ (weight * (log.outcome - value)) ** 2)
    return Estimate(value, float(np.sqrt(spread)) / total)
