"""How would newly learned weights have done, had each past block of leads been scored by them instead?

A trial is one time-forward fold of one tenant: weights are learned from what was known when the fold began, under the
prior that was known then, and rank the fold's leads beside the weights in force and beside the defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from algorithms import simplex_logit
from algorithms.auc import AucDifference, Lift, compare, lift
from algorithms.calibration import recalibrate
from algorithms.folds import Fold, time_forward
from algorithms.histories import History
from algorithms.simplex_logit import Fits, Sample, WeightPrior
from contracts.learning import Prior, PriorBook
from contracts.outcomes import DEFAULT_WEIGHTS

Floats = NDArray[np.float64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST_OF_EITHER = 2  # conversions, and as many others: below it neither a fit nor DeLong's variance exists


@dataclass(frozen=True, slots=True)
class Trial:
    """One fold. against_incumbent: learned minus in force; incumbent_to_default: defaults minus in force.

    ranks: (n,) of the fold's leads by the learned weights, in (0, 1], so that folds can be pooled; converted: (n,).
    promised: (n,) probability of converting, as the scorer would have given it when the fold began.
    """

    begins: datetime
    converted: NDArray[np.bool_]
    ranks: Floats
    promised: Floats
    against_incumbent: AucDifference
    incumbent_to_default: AucDifference
    lift: Lift
    incumbent_lift: Lift

    @property
    def lift_difference(self) -> float:
        return self.lift.value - self.incumbent_lift.value


def weight_prior(prior: Prior | None) -> WeightPrior:
    """What a stored prior says about weights; the defaults where there is none."""
    if prior is None:
        return WeightPrior()
    return WeightPrior(tuple(prior.content["centre"]), tuple(prior.content["log_tau"]))


def try_out(
    tenants: Sequence[tuple[History, Sequence[float]]],
    priors: PriorBook,
    *,
    folds: int,
    newest: int,
    window: int,
    lift_share: float,
    recalibrated_on: int,
) -> list[list[Trial]]:
    """Per tenant, given its history and the weights in force, the trials of all folds that hold both outcomes.

    All fits of all tenants run as one batch. Call within single-threaded BLAS.
    """
    planned = [
        (index, fold)
        for index, (history, _) in enumerate(tenants)
        for fold in time_forward(history.created, history.known, folds=folds, newest=newest, window=window)
        if _both(history.converted[fold.train]) and _both(history.converted[fold.test])
    ]
    samples = [Sample(tenants[i][0].components[fold.train], tenants[i][0].converted[fold.train]) for i, fold in planned]
    known = [weight_prior(priors.before(_moment(fold.begins))) for _, fold in planned]
    fits = simplex_logit.fit(samples, known)
    trials: list[list[Trial]] = [[] for _ in tenants]
    for row, (index, fold) in enumerate(planned):
        scorer = _scorer(fits, row, samples[row], recalibrated_on)
        trials[index].append(_trial(*tenants[index], fold, scorer, lift_share))
    return trials


@dataclass(frozen=True, slots=True)
class _Scorer:
    """What a fold's training leads taught: P(converts) = expit(intercept + slope · weights·z)."""

    weights: Floats
    slope: float
    intercept: float

    def promise(self, scores: Floats) -> Floats:
        promised: Floats = expit(self.intercept + self.slope * scores)
        return promised


def _scorer(fits: Fits, row: int, sample: Sample, recalibrated_on: int) -> _Scorer:
    weights, slope = fits.weights[row], float(fits.slope[row])
    newest = sample.components[-recalibrated_on:].astype(np.float64) @ weights
    intercept = recalibrate(float(fits.intercept[row]), slope * newest, sample.converted[-recalibrated_on:])
    return _Scorer(weights, slope, intercept)


def _trial(history: History, incumbent: Sequence[float], fold: Fold, learned: _Scorer, lift_share: float) -> Trial:
    components, converted = history.components[fold.test].astype(np.float64), history.converted[fold.test]
    scores = components @ learned.weights
    in_force, default = components @ np.array(incumbent), components @ np.array(DEFAULT_WEIGHTS)
    return Trial(
        begins=_moment(fold.begins),
        converted=converted,
        ranks=np.searchsorted(np.sort(scores), scores, "right") / len(scores),
        promised=learned.promise(scores),
        against_incumbent=compare(converted, scores, in_force),
        incumbent_to_default=compare(converted, default, in_force),
        lift=lift(converted, scores, lift_share),
        incumbent_lift=lift(converted, in_force, lift_share),
    )


def _both(converted: NDArray[np.bool_]) -> bool:
    conversions = int(converted.sum())
    return min(conversions, len(converted) - conversions) >= LEAST_OF_EITHER


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
