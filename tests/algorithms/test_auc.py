"""AUC, DeLong and lift beside their definitions, pair by pair."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from algorithms.auc import auc, compare, lift

Bools, Floats = NDArray[np.bool_], NDArray[np.float64]


def above(converted: Bools, scores: Floats) -> Floats:
    """(converters, others): 1 where the converter scores above, one half where they tie."""
    difference = scores[converted][:, None] - scores[~converted][None, :]
    return (difference > 0) + (difference == 0) / 2


def slow_variance(converted: Bools, scores: Floats, rival: Floats) -> float:
    """DeLong's variance of the difference, by covariance matrices of both placements."""
    pairs = [above(converted, one) for one in (scores, rival)]
    m, n = pairs[0].shape
    s = np.cov([p.mean(axis=1) for p in pairs]) / m + np.cov([p.mean(axis=0) for p in pairs]) / n
    return float(s[0, 0] + s[1, 1] - 2 * s[0, 1])


leads = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=60)


@settings(max_examples=100, deadline=None)
@given(leads)
def test_agrees_with_all_pairs(rows: list[tuple[bool, int, int]]) -> None:
    converted = np.array([row[0] for row in rows])
    scores, rival = np.array([row[1] for row in rows], float), np.array([row[2] for row in rows], float)
    assume(2 <= converted.sum() <= len(rows) - 2)
    found = compare(converted, scores, rival)
    assert found.auc == pytest.approx(above(converted, scores).mean())
    assert found.rival_auc == pytest.approx(above(converted, rival).mean())
    assert found.variance == pytest.approx(slow_variance(converted, scores, rival), abs=1e-12)
    assert auc(converted, scores) == found.auc


def test_lift_of_ties_is_the_mean_over_their_orders() -> None:
    converted, scores = np.array([True, False, True, False, False]), np.array([2.0, 1.0, 1.0, 1.0, 0.0])
    by_order = []
    for order in permutations(range(5)):
        ranked = sorted(order, key=lambda lead: -scores[lead])  # stable: ties keep the permutation's order
        by_order.append(converted[ranked[:2]].mean() / converted.mean())
    assert lift(converted, scores, 0.4).value == pytest.approx(np.mean(by_order))


def test_interval_of_lift_covers_the_truth_nine_times_in_ten() -> None:
    rng = np.random.default_rng(5)
    scores = np.arange(500.0)
    rate = np.where(scores >= 400, 0.3, 0.1)
    truth = 0.3 / (0.2 * 0.3 + 0.8 * 0.1)
    found = [lift(rng.random(500) < rate, scores) for _ in range(400)]
    assert np.mean([one.low <= truth <= one.high for one in found]) == pytest.approx(0.90, abs=0.05)


def test_lift_without_conversions_is_one() -> None:
    assert lift(np.zeros(10, bool), np.arange(10.0)).value == 1.0
